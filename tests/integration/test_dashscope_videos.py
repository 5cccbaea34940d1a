"""Clips of DashScope: handed in once, asked after, cancelled while they wait, and fetched."""

import time
from typing import Any

import pytest
from dashscope_studio import KEY, at, inline, losing_answers, named, studio_at, visiting
from raw_server import answer, raw_server

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import (
    ContentFiltered,
    CredentialExpired,
    InvalidParameter,
    JobExpired,
    JobUnknownOutcome,
    NotFound,
    QwenError,
    RateLimited,
    Unsupported,
    UpstreamConnect,
    UpstreamProtocol,
    UpstreamUnavailable,
)
from qwen_grpc.simulator import running
from qwen_grpc.simulator.dashscope.video_models import video_ids
from qwen_grpc.upstreams.base import Scene, VideoTask
from qwen_grpc.upstreams.dashscope.video_models import OLDER, USUAL, VIDEO_MODELS
from qwen_grpc.v1 import videos_pb2 as pb

CLIP = "https://example.com/clip.mp4"
PLAYED = sorted(video_ids() & set(VIDEO_MODELS))
RUNNING = VideoTask(pb.VIDEO_STATE_RUNNING)


def needed(model: str) -> dict[str, Any]:
    """The least that a model begins from."""
    row = VIDEO_MODELS[model]
    count = 2 if row.path == OLDER else row.least
    return {"images": [inline()] * count, "extra": {"media": [{"type": "video", "url": CLIP}]} if row.needs else {}}


@pytest.mark.asyncio
@pytest.mark.parametrize("model", PLAYED)
async def test_every_family_takes_a_clip_and_makes_it(model: str) -> None:
    async with visiting() as visit:
        task_id = await visit.film(model, seconds=5.0, **needed(model))
        seen = [await visit.studio.videos.get(task_id, KEY) for _ in range(3)]
    assert seen[:2] == [RUNNING, RUNNING]
    assert (seen[2].state, seen[2].error) == (pb.VIDEO_STATE_SUCCEEDED, None)
    assert [task.model for task in visit.memory.tasks.values()] == [model]


@pytest.mark.asyncio
async def test_a_made_clip_ends_with_its_signature_or_a_day_after_it_was_made() -> None:
    for signed_s, kept_s in ((3600.0, 3600.0), (604_800.0, 86_400.0)):
        async with visiting() as visit:
            visit.behave(result_ttl_s=signed_s, pending_polls=0, running_polls=0)
            made = await visit.studio.videos.get(await visit.film(), KEY)
        assert made.expires_at == pytest.approx(time.time() + kept_s, abs=60)


@pytest.mark.asyncio
async def test_the_pictures_of_a_clip_may_be_addresses_data_or_in_the_store() -> None:
    async with visiting() as visit:
        place = await visit.studio.store.stored(b"a frame", "frame.png", "wan2.7-i2v", KEY)
        await visit.film("wan2.7-i2v", images=[at(place), inline()])
        [sent] = visit.asked(USUAL)
    first, last = sent.json["input"]["media"]
    assert first == {"type": "first_frame", "url": place}
    assert (last["type"], last["url"][:22]) == ("last_frame", "data:image/png;base64,")


@pytest.mark.asyncio
async def test_a_clip_that_waits_is_cancelled() -> None:
    async with visiting() as visit:
        task_id = await visit.film()
        await visit.studio.videos.cancel(task_id, KEY)
        found = await visit.studio.videos.get(task_id, KEY)
    assert (found.state, found.error) == (pb.VIDEO_STATE_CANCELLED, None)


@pytest.mark.asyncio
@pytest.mark.parametrize("polls", [{"pending_polls": 0}, {"pending_polls": 0, "running_polls": 0}])
async def test_a_clip_that_has_begun_or_ended_cannot_be_cancelled(polls: dict[str, int]) -> None:
    async with visiting() as visit:
        visit.behave(**polls)
        task_id = await visit.film()
        with pytest.raises(Unsupported) as failure:
            await visit.studio.videos.cancel(task_id, KEY)
    assert failure.value.message == (
        "DashScope stops a task only while it waits in the queue: this one has begun or ended"
    )


@pytest.mark.asyncio
async def test_a_task_that_is_not_known_is_not_found() -> None:
    async with visiting() as visit:
        task_id = await visit.film()
        with pytest.raises(NotFound):
            await visit.studio.videos.get(task_id, ApiKey("sk-another"))
        visit.behave(task_ttl_s=-1.0)
        with pytest.raises(NotFound):
            await visit.studio.videos.get(task_id, KEY)
        polls = len(visit.asked("/api/v1/tasks"))
        with pytest.raises(NotFound):
            await visit.studio.videos.get("../files", KEY)
        assert len(visit.asked("/api/v1/tasks")) == polls


@pytest.mark.asyncio
@pytest.mark.parametrize(("scenario", "error"), [("task_failed", QwenError), ("task_filtered", ContentFiltered)])
async def test_a_clip_that_failed_says_why(scenario: str, error: type[QwenError]) -> None:
    async with visiting() as visit:
        visit.behave(pending_polls=0, running_polls=0)
        found = await visit.studio.videos.get(await visit.film(prompt=f"a fox [[sim:{scenario}]]"), KEY)
    assert (found.state, found.url) == (pb.VIDEO_STATE_FAILED, "")
    assert isinstance(found.error, error)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        ("rate_quota", RateLimited),
        ("content_filter", ContentFiltered),
        ("unauthorized", CredentialExpired),
        # The service's own word that it has no capacity: nothing was taken.
        ("model_serving_error", UpstreamUnavailable),
    ],
)
async def test_a_refused_clip_was_not_taken(scenario: str, error: type[QwenError]) -> None:
    async with visiting() as visit:
        with pytest.raises(error):
            await visit.film(prompt=f"a fox [[sim:{scenario}]]")
        assert (visit.memory.tasks, len(visit.asked(USUAL))) == ({}, 1)


@pytest.mark.asyncio
async def test_a_clip_whose_confirmation_was_lost_is_unsure_and_handed_in_once() -> None:
    async with running() as simulator, losing_answers(simulator.url) as relay, studio_at(relay) as (studio, _):
        with pytest.raises(JobUnknownOutcome, match="it may be in the making"):
            await studio.videos.create(Scene("a fox"), named("wan2.7-t2v"), KEY)
        assert len(simulator.dashscope.tasks) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["http_502_html", "internal_error", "empty_body", "garbage_body"])
async def test_an_answer_that_says_nothing_of_the_clip_is_unsure_too(scenario: str) -> None:
    async with visiting() as visit:
        with pytest.raises(JobUnknownOutcome):
            await visit.film(prompt=f"a fox [[sim:{scenario}]]")
        assert len(visit.asked(USUAL)) == 1


@pytest.mark.asyncio
async def test_a_clip_that_never_left_was_not_taken() -> None:
    async with studio_at("http://127.0.0.1:9") as (studio, _):
        with pytest.raises(UpstreamConnect):
            await studio.videos.create(Scene("a fox"), named("wan2.7-t2v"), KEY)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        b'{"output": {"task_status": "SUSPENDED", "task_id": "1"}}',
        b'{"output": {"task_status": "DREAMING", "task_id": "1", "video_url": "https://x.aliyuncs.com/1"}}',
    ],
)
async def test_a_state_that_is_no_end_counts_as_running(body: bytes) -> None:
    async with raw_server([answer(body)]) as server, studio_at(server.url) as (studio, _):
        assert await studio.videos.get("1", KEY) == RUNNING


@pytest.mark.asyncio
async def test_a_clip_may_lie_among_results_and_times_may_be_missing() -> None:
    body = b'{"output": {"task_status": "SUCCEEDED", "results": {"video_url": "https://x.aliyuncs.com/1?Expires=99"}}}'
    async with raw_server([answer(body)]) as server, studio_at(server.url) as (studio, _):
        found = await studio.videos.get("1", KEY)
    assert found == VideoTask(pb.VIDEO_STATE_SUCCEEDED, "https://x.aliyuncs.com/1?Expires=99", 99.0)


@pytest.mark.asyncio
async def test_a_content_is_read_in_parts_without_the_key() -> None:
    async with visiting() as visit:
        visit.behave(pending_polls=0, running_polls=0, video_bytes=1000)
        url = (await visit.studio.videos.get(await visit.film(), KEY)).url
        whole, content = await visit.content(url)
        _, part = await visit.content(url, offset=100, limit=50)
        _, rest = await visit.content(url, offset=900)
        with pytest.raises(InvalidParameter, match="offset is behind the end"):
            await visit.content(url, offset=1000)
    assert (whole.mime_type, whole.size_bytes, len(content)) == ("video/mp4", 1000, 1000)
    assert (part, rest) == (content[100:150], content[900:])
    assert all("authorization" not in fetched.headers for fetched in visit.asked("/oss/dashscope-results"))


@pytest.mark.asyncio
async def test_an_address_that_has_ended_is_expired() -> None:
    async with visiting() as visit:
        visit.behave(pending_polls=0, running_polls=0, result_ttl_s=-1.0)
        url = (await visit.studio.videos.get(await visit.film(), KEY)).url
        with pytest.raises(JobExpired):
            await visit.content(url)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/clip.mp4",
        "https://aliyuncs.com.example.org/clip.mp4",
        "https://user@x.oss-cn-beijing.aliyuncs.com/clip.mp4",
        "https://x.oss-cn-beijing.aliyuncs.com:8443/clip.mp4",
        "http://127.0.0.1:9/clip.mp4",
        "file:///etc/passwd",
    ],
)
async def test_no_other_hosts_are_read(url: str) -> None:
    async with visiting() as visit:
        with pytest.raises(UpstreamProtocol, match="on a host that is not its own"):
            await visit.content(url)
