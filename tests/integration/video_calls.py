"""Short forms of what the tests of video jobs ask for."""

from typing import Any

import grpc
from support import House, bearer

from qwen_grpc.credentials import Credentials
from qwen_grpc.v1 import videos_pb2 as pb
from qwen_grpc.v1.videos_pb2_grpc import VideosServiceStub

MODEL = "qwen3.7-plus"
# A day would go by with the real one.
FAST = {"qwen_video_poll": 0.02}
# Nobody looks a second time while a test runs.
SLOW = {"qwen_video_poll": 60.0}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c636060606000000005000157cd2a970000000049454e44ae426082"
)


class Videos:
    """The video methods on a channel, as one person."""

    def __init__(self, channel: grpc.aio.Channel, credential: Credentials | None = None) -> None:
        self.stub: Any = VideosServiceStub(channel)
        self.metadata = tuple(bearer(credential).items())

    async def create(self, prompt: str = "a fox", **more: Any) -> pb.Video:
        request = pb.CreateVideoRequest(prompt=prompt, **{"model": MODEL, **more})
        video: pb.Video = (await self.stub.CreateVideo(request, metadata=self.metadata)).video
        return video

    async def get(self, video_id: str) -> pb.Video:
        video: pb.Video = (
            await self.stub.GetVideo(pb.GetVideoRequest(video_id=video_id), metadata=self.metadata)
        ).video
        return video

    async def watch(self, video_id: str, after: int = 0) -> list[pb.Video]:
        """All changes, up to the end."""
        request = pb.WatchVideoRequest(video_id=video_id, after_revision=after)
        return [change.video async for change in self.stub.WatchVideo(request, metadata=self.metadata)]

    async def page(self, **more: Any) -> pb.ListVideosResponse:
        found: pb.ListVideosResponse = await self.stub.ListVideos(pb.ListVideosRequest(**more), metadata=self.metadata)
        return found

    async def delete(self, video_id: str, *, allow_missing: bool = False) -> None:
        request = pb.DeleteVideoRequest(video_id=video_id, allow_missing=allow_missing)
        await self.stub.DeleteVideo(request, metadata=self.metadata)

    async def cancel(self, video_id: str) -> pb.Video:
        request = pb.CancelVideoRequest(video_id=video_id)
        video: pb.Video = (await self.stub.CancelVideo(request, metadata=self.metadata)).video
        return video

    async def download(self, video_id: str, **more: Any) -> tuple[pb.DownloadHeader, list[bytes]]:
        """The header and the pieces."""
        request = pb.DownloadVideoRequest(video_id=video_id, **more)
        pieces = [piece async for piece in self.stub.DownloadVideo(request, metadata=self.metadata)]
        assert [piece.WhichOneof("piece") for piece in pieces[1:]] == ["data"] * (len(pieces) - 1)
        return pieces[0].header, [piece.data for piece in pieces[1:]]


def names(videos: Any) -> list[str]:
    """The states of some jobs, in short."""
    return [pb.VideoState.Name(video.state).removeprefix("VIDEO_STATE_") for video in videos]


async def finished(house: House, prompt: str = "a fox") -> dict[str, Any]:
    """A finished job, by REST."""
    made = await house.http.post("/v1/videos", json={"prompt": prompt, "model": MODEL}, headers=bearer())
    await Videos(house.channel).watch(made.json()["id"])
    found: dict[str, Any] = (await house.http.get(f"/v1/videos/{made.json()['id']}", headers=bearer())).json()
    return found
