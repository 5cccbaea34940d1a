"""The content of finished video jobs: whole, in part, broken off, gone."""

import grpc
import pytest
from support import open_house
from upstream_record import failed
from video_calls import FAST, SLOW, Videos, names

from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1 import videos_pb2 as pb


@pytest.mark.asyncio
async def test_a_broken_download_goes_on_where_it_stopped() -> None:
    async with open_house(Behaviour(video_bytes=300_000), **FAST) as house:
        videos = Videos(house.channel)
        made = await videos.create()
        await videos.watch(made.id)
        _, whole = await videos.download(made.id)
        house.simulator.behaviour.change({"output_cut_bytes": 100_000})
        cut, kept = await _until_the_break(videos, made.id)
        house.simulator.behaviour.change({"output_cut_bytes": 0})
        header, rest = await videos.download(made.id, offset=len(kept))
        _, part = await videos.download(made.id, offset=7, limit=5)
        behind = await failed(videos.download(made.id, offset=300_000))

    content = b"".join(whole)
    assert (cut, len(kept) <= 100_000) == ("UPSTREAM_TRUNCATED", True)
    assert (kept + b"".join(rest), b"".join(part)) == (content, content[7:12])
    assert header.size_bytes == 300_000
    assert behind == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")


async def _until_the_break(videos: Videos, video_id: str) -> tuple[str, bytes]:
    kept = bytearray()

    async def read() -> None:
        request = pb.DownloadVideoRequest(video_id=video_id)
        async for piece in videos.stub.DownloadVideo(request, metadata=videos.metadata):
            kept.extend(piece.data)

    _, reason = await failed(read())
    return reason, bytes(kept)


@pytest.mark.asyncio
async def test_content_that_is_gone_makes_the_job_expired() -> None:
    async with open_house(Behaviour(output_key_ttl_s=-10), **FAST) as house:
        videos = Videos(house.channel)
        made = await videos.create()
        [*_, done] = await videos.watch(made.id)
        gone = [await failed(videos.download(made.id)) for _ in range(2)]
        after = await videos.get(made.id)

    assert gone == [(grpc.StatusCode.NOT_FOUND, "JOB_EXPIRED")] * 2
    assert (names([done, after]), list(after.contents)) == (["SUCCEEDED", "EXPIRED"], [])
    assert (after.complete_time, after.error.reason) == (done.complete_time, "JOB_EXPIRED")


@pytest.mark.asyncio
async def test_no_content_is_no_download() -> None:
    async with open_house(**SLOW) as house:
        videos = Videos(house.channel)
        made = await videos.create()
        outcomes = [
            await failed(videos.download(made.id)),
            await failed(videos.download(made.id, offset=-1)),
            await failed(videos.download("")),
        ]
    assert outcomes == [(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")] * 3


@pytest.mark.asyncio
async def test_downloads_carry_no_credential() -> None:
    async with open_house(**FAST) as house:
        videos = Videos(house.channel)
        made = await videos.create()
        await videos.watch(made.id)
        await videos.download(made.id)
        [request] = [one for one in house.simulator.requests if one.path.startswith("/output/")]

    assert {"authorization", "cookie", "bx-ua", "source"} & request.headers.keys() == set()
