"""Orders a clip over gRPC, waits for it and saves it: `save_video.py [clip.mp4]`."""

import asyncio
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import grpc

from qwen_grpc.cli.demo import demo_credential
from qwen_grpc.v1 import videos_pb2 as pb
from qwen_grpc.v1.videos_pb2_grpc import VideosServiceStub

TARGET = os.environ.get("QWEN_GRPC_TARGET", "127.0.0.1:50051")
METADATA = (("authorization", f"Bearer {os.environ.get('OPENAI_API_KEY') or demo_credential()}"),)


async def main() -> None:
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "clip.mp4")
    async with grpc.aio.insecure_channel(TARGET) as channel:
        videos: Any = VideosServiceStub(channel)
        # With a request id the order may be repeated after a failure: it is the same job.
        order = pb.CreateVideoRequest(prompt="A red fox runs through snow", size="16:9", request_id=str(uuid.uuid4()))
        video = (await videos.CreateVideo(order, metadata=METADATA, timeout=120)).video
        # It takes minutes. Whoever is cut off calls again: the job goes on meanwhile.
        async for change in videos.WatchVideo(pb.WatchVideoRequest(video_id=video.id), metadata=METADATA, timeout=1500):
            video = change.video
            print(pb.VideoState.Name(video.state).removeprefix("VIDEO_STATE_").lower())
        if video.state != pb.VIDEO_STATE_SUCCEEDED:
            raise SystemExit(f"no clip: {video.error.message}")
        print(f"saved {file.name}: {await save(videos, video.id, file)} bytes")


async def save(videos: Any, video_id: str, file: Path) -> int:
    request, size = pb.DownloadVideoRequest(video_id=video_id), 0
    with file.open("wb") as out:
        # The first message is a header, and brings no data.
        async for message in videos.DownloadVideo(request, metadata=METADATA, timeout=600):
            size += out.write(message.data)
    return size


if __name__ == "__main__":
    asyncio.run(main())
