"""The typed client makes, watches and fetches a video."""

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from support import bearer, open_house

from qwen_grpc.simulator import Behaviour
from qwen_grpc.typed.qwen.v1 import (
    CreateVideoRequest,
    DownloadVideoRequest,
    GetVideoRequest,
    VideosServiceStub,
    VideoState,
    WatchVideoRequest,
)


@pytest.mark.asyncio
async def test_the_typed_client_makes_watches_and_fetches_a_video() -> None:
    async with (
        open_house(Behaviour(video_bytes=300_000), qwen_video_poll=0.02) as house,
        Channel("127.0.0.1", house.gateway.grpc_port) as channel,
    ):
        videos, metadata = VideosServiceStub(channel), bearer()
        made = (await videos.create_video(CreateVideoRequest(prompt="a fox"), metadata=metadata)).video
        assert made is not None
        watch = WatchVideoRequest(video_id=made.id)
        seen = [change.video.state async for change in videos.watch_video(watch, metadata=metadata) if change.video]
        download = DownloadVideoRequest(video_id=made.id)
        pieces = [piece async for piece in videos.download_video(download, metadata=metadata)]
        with pytest.raises(GRPCError) as missing:
            await videos.get_video(GetVideoRequest(video_id="video_0"), metadata=metadata)

    assert (made.state, seen[-1]) == (VideoState.QUEUED, VideoState.SUCCEEDED)
    assert pieces[0].header is not None
    assert (pieces[0].header.size_bytes, sum(len(piece.data or b"") for piece in pieces)) == (300_000, 300_000)
    assert missing.value.status is Status.NOT_FOUND
