"""The typed client makes, watches, lists and fetches a video."""

import pytest
from support import open_house
from typed_calls import client_to, failure

from qwen_grpc.client import RequestRefused
from qwen_grpc.simulator import Behaviour
from qwen_grpc.typed.qwen.v1 import (
    CancelVideoRequest,
    CreateVideoRequest,
    DeleteVideoRequest,
    DownloadVideoRequest,
    GetVideoRequest,
    ListVideosRequest,
    VideoState,
    WatchVideoRequest,
)


@pytest.mark.asyncio
async def test_the_typed_client_makes_watches_and_fetches_a_video() -> None:
    async with open_house(Behaviour(video_bytes=300_000), qwen_video_poll=0.02) as house, client_to(house) as qwen:
        made = (await qwen.create_video(CreateVideoRequest(prompt="a fox"))).video
        assert made is not None
        watching = qwen.watch_video(WatchVideoRequest(video_id=made.id))
        seen = [change.video.state async for change in watching if change.video]
        pieces = [piece async for piece in qwen.download_video(DownloadVideoRequest(video_id=made.id))]
        rest = [piece async for piece in qwen.download_video(DownloadVideoRequest(video_id=made.id, offset=299_990))]
        missing = await failure(qwen.get_video(GetVideoRequest(video_id="video_0")))

    assert (made.state, seen[-1]) == (VideoState.QUEUED, VideoState.SUCCEEDED)
    assert pieces[0].header is not None
    content = b"".join(piece.data or b"" for piece in pieces)
    assert (pieces[0].header.size_bytes, len(content)) == (300_000, 300_000)
    assert b"".join(piece.data or b"" for piece in rest) == content[-10:]
    assert (type(missing), missing.reason) == (RequestRefused, "NOT_FOUND")


@pytest.mark.asyncio
async def test_the_typed_client_repeats_an_order_safely_lists_it_and_deletes_it() -> None:
    order = CreateVideoRequest(prompt="a fox", request_id="0d7e0e4c-5a4e-4c0e-9c5f-0f2f4e8f9a01")
    async with open_house(qwen_video_poll=0.02) as house, client_to(house) as qwen:
        first, again = [(await qwen.create_video(order)).video for _ in range(2)]
        assert first is not None
        assert again is not None
        listed = (await qwen.list_videos(ListVideosRequest())).videos
        cannot = await failure(qwen.cancel_video(CancelVideoRequest(video_id=first.id)))
        await qwen.delete_video(DeleteVideoRequest(video_id=first.id))
        left = (await qwen.list_videos(ListVideosRequest())).videos

    assert (first.id, [video.id for video in listed], left) == (again.id, [first.id], [])
    assert (type(cannot), cannot.reason) == (RequestRefused, "UNSUPPORTED")
