"""Clips: tasks that are handed in once, asked after, and cancelled while they wait."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone

import httpx

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import JobUnknownOutcome, QwenError, UpstreamEmpty, UpstreamUnavailable
from qwen_grpc.upstreams.base import Scene, VideoTask
from qwen_grpc.upstreams.dashscope.extras import Json, unsent_notice
from qwen_grpc.upstreams.dashscope.media import MediaInput
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.dashscope.tasks import Output, Result, Tasks, failure
from qwen_grpc.upstreams.dashscope.video_models import VideoModel, video_model
from qwen_grpc.upstreams.dashscope.video_requests import check_scene, encode_video
from qwen_grpc.upstreams.http import may_be_taken
from qwen_grpc.v1 import videos_pb2 as pb

# How long a clip is kept after its end. Some addresses were signed for longer (as recorded in June 2026).
KEPT = timedelta(hours=24)
# Times are told without their offset.
BEIJING = timezone(timedelta(hours=8))
TIME = "%Y-%m-%d %H:%M:%S.%f"


class Videos:
    """Hands in clips and asks after them. `tell` lets the caller know what of a request was not sent.

    The service has a list of an account's tasks, and it is not used: it does
    not tell a task that was taken without an answer from one that somebody
    else handed in with the same key.
    """

    def __init__(self, origin: DashScopeOrigin, tasks: Tasks, media: MediaInput, tell: Callable[[str], None]) -> None:
        self._origin = origin
        self._tasks = tasks
        self._media = media
        self._tell = tell

    async def create(self, scene: Scene, model: ResolvedModel, key: ApiKey) -> str:
        """Hands in a clip; see `Upstream.create_video`."""
        row = video_model(model.id)
        check_scene(scene, row)
        urls = [await self._media.url(image, model.id, key, f"images[{at}]") for at, image in enumerate(scene.images)]
        body, unsent = encode_video(scene, row, model.id, urls)
        if unsent:
            self._tell(unsent_notice(unsent, model.id))
        return await self._submit(row, body, key)

    async def _submit(self, row: VideoModel, body: Json, key: ApiKey) -> str:
        try:
            return await self._tasks.submit(row.path, body, key)
        except QwenError as error:
            if not _may_be_taken(error):
                raise
            raise JobUnknownOutcome(
                f"{self._origin.name} was given the clip and did not confirm it: it may be in the making. "
                "It was not tried again, as that could pay twice; the console lists the tasks of the account"
            ) from error

    async def get(self, task_id: str, key: ApiKey) -> VideoTask:
        """Asks after a clip; see `Upstream.get_video`."""
        return video_in(await self._tasks.get(task_id, key), self._origin)

    async def cancel(self, task_id: str, key: ApiKey) -> None:
        """Takes a clip out of the queue; see `Upstream.cancel_video`."""
        await self._tasks.cancel(task_id, key)


def _may_be_taken(error: QwenError) -> bool:
    # When the service itself says that it has no capacity, it has not taken the clip; a proxy before it cannot know.
    refused = isinstance(error, UpstreamUnavailable) and "upstream_request_id" in error.facts
    return may_be_taken(error) and not refused


def video_in(output: Output, origin: DashScopeOrigin) -> VideoTask:
    """What a task says of a clip. Other words than those of an end count as running: it may yet be made."""
    match output.task_status:
        case "SUCCEEDED":
            return _made(output, origin)
        case "CANCELED":
            return VideoTask(pb.VIDEO_STATE_CANCELLED)
        case "FAILED":
            return VideoTask(pb.VIDEO_STATE_FAILED, error=failure(output, origin))
        case _:
            return VideoTask(pb.VIDEO_STATE_RUNNING)


def _made(output: Output, origin: DashScopeOrigin) -> VideoTask:
    url = output.video_url or (isinstance(output.results, Result) and output.results.video_url) or ""
    if not url.startswith(("https://", "http://")):
        error = UpstreamEmpty(f"{origin.name} says that the clip is made, and not where it is")
        return VideoTask(pb.VIDEO_STATE_FAILED, error=error)
    return VideoTask(pb.VIDEO_STATE_SUCCEEDED, url, expires_at(url, output.end_time or ""))


def expires_at(url: str, ended: str) -> float | None:
    """When a result ends, in epoch seconds: a day after it was made, or with its signature if that is earlier."""
    signed = httpx.URL(url).params.get("Expires", "")
    ends = [float(signed)] if signed.isdecimal() else []
    with suppress(ValueError):
        ends.append((datetime.strptime(ended, TIME).replace(tzinfo=BEIJING) + KEPT).timestamp())
    return min(ends, default=None)
