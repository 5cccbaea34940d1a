"""The official openai package's videos, against the shim."""

import pytest
from openai import NotFoundError
from openai_parts import client_of
from support import open_house

from qwen_grpc.simulator import Behaviour

MODEL = "qwen3.7-plus"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.asyncio
async def test_a_video_is_created_polled_listed_downloaded_and_deleted() -> None:
    async with open_house(Behaviour(video_bytes=50_000), qwen_video_poll=0.02) as house, client_of(house) as client:
        made = await client.videos.create(prompt="a fox", model=MODEL, seconds="4", size="1280x720")
        while (video := await client.videos.retrieve(made.id)).status not in ("completed", "failed"):
            pass
        listed = [one.id async for one in client.videos.list(limit=1)]
        content = await client.videos.download_content(made.id)
        size = len(await content.aread())
        deleted = await client.videos.delete(made.id)
        with pytest.raises(NotFoundError):
            await client.videos.retrieve(made.id)

    assert (made.object, made.model, made.prompt, made.size, made.error) == ("video", MODEL, "a fox", "1280x720", None)
    assert (video.id, video.status, video.progress, isinstance(video.completed_at, int)) == (
        made.id,
        "completed",
        100,
        True,
    )
    assert (listed, size, deleted.deleted) == ([made.id], 50_000, True)


@pytest.mark.asyncio
async def test_create_and_poll_ends_with_the_video() -> None:
    async with open_house(qwen_video_poll=0.02) as house, client_of(house) as client:
        video = await client.videos.create_and_poll(
            prompt="a fox", model=MODEL, input_reference=("fox.png", PNG, "image/png"), poll_interval_ms=50
        )
        [task] = house.simulator.tasks.values()

    assert (video.status, task.kind) == ("completed", "i2v")


@pytest.mark.asyncio
async def test_lists_are_paged_by_the_package_itself() -> None:
    async with open_house(qwen_video_poll=60.0) as house, client_of(house) as client:
        made = [(await client.videos.create(prompt=f"clip {n}", model=MODEL)).id for n in range(5)]
        newest = [video.id async for video in client.videos.list(limit=2)]
        oldest = [video.id async for video in client.videos.list(limit=2, order="asc")]

    assert (newest, oldest) == (made[::-1], made)
