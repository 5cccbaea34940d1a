"""Clips of engines with OpenAI's videos API: SGLang's and vLLM's servers for diffusion models."""

import re

import msgspec
from msgspec import Struct

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import (
    InvalidParameter,
    JobUnknownOutcome,
    ModelNotFound,
    NotFound,
    QwenError,
    Unsupported,
    UpstreamError,
    UpstreamProtocol,
)
from qwen_grpc.upstreams.base import Scene, VideoTask
from qwen_grpc.upstreams.http import may_be_taken
from qwen_grpc.upstreams.openai_engine.forms import encode_scene, form_of, pictures_of
from qwen_grpc.upstreams.openai_engine.media import Inlining
from qwen_grpc.upstreams.openai_engine.server import EngineServer
from qwen_grpc.v1 import videos_pb2 as pb

VIDEOS = "/videos"
# Another word counts as running: to call a clip lost that is being made would be worse than to ask again.
STATES: dict[str, pb.VideoState] = {
    "completed": pb.VIDEO_STATE_SUCCEEDED,
    **dict.fromkeys(("failed", "deleted", "expired"), pb.VIDEO_STATE_FAILED),
    "cancelled": pb.VIDEO_STATE_CANCELLED,
}
_id = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class Job(Struct):
    """A clip as the engine tells of it."""

    id: str = ""
    status: str = ""
    expires_at: float | None = None


class Videos:
    """Hands in clips, asks after them, and removes them. A clip is handed in once."""

    def __init__(self, server: EngineServer, inlining: Inlining) -> None:
        self._server = server
        self._inlining = inlining

    async def create(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> str:
        """See `Upstream.create_video`."""
        if len(scene.images) > 1:
            raise InvalidParameter("an engine begins a clip with one picture, or with none", field="images")
        fields = encode_scene(scene, model.id)
        if scene.seconds is not None:
            fields["seconds"] = f"{scene.seconds:g}"
        pictures = await pictures_of(scene.images, self._inlining)
        content, content_type = form_of(fields, "input_reference", pictures)
        return await self._submit(credentials, content, content_type)

    async def get(self, task_id: str, credentials: Credentials) -> VideoTask:
        """See `Upstream.get_video`."""
        job = self._job(await self._asked("GET", task_id, credentials))
        state = STATES.get(job.status, pb.VIDEO_STATE_RUNNING)
        if state == pb.VIDEO_STATE_SUCCEEDED:
            return VideoTask(state, self.content_url(task_id), job.expires_at)
        if state == pb.VIDEO_STATE_FAILED:
            return VideoTask(state, error=UpstreamError(f"{self._server.place} could not make the clip"))
        return VideoTask(state)

    async def remove(self, task_id: str, credentials: Credentials) -> None:
        """See `Upstream.cancel_video`."""
        await self._asked("DELETE", task_id, credentials)

    def content_url(self, task_id: str) -> str:
        """Where the clip lies once it is made."""
        return f"{self._server.base_url}{VIDEOS}/{task_id}/content"

    async def _submit(self, credentials: Credentials, content: bytes, content_type: str) -> str:
        place = self._server.place
        try:
            job = self._job(await self._server.document("POST", VIDEOS, credentials, content, content_type))
            if not _id.fullmatch(job.id):
                raise UpstreamProtocol(f"{place} took a clip without giving an id that can be asked after")
        except NotFound as error:
            raise Unsupported(f"{place} makes no videos: it has no {VIDEOS}", field="model") from error
        except QwenError as error:
            if may_be_taken(error):
                text = f"{place} was given the clip and did not confirm it: it may be in the making"
                raise JobUnknownOutcome(f"{text}. It was not tried again, as that could make it twice") from error
            raise
        return job.id

    async def _asked(self, method: str, task_id: str, credentials: Credentials) -> object:
        if not _id.fullmatch(task_id):
            raise NotFound(f"{self._server.place} gives no such ids to clips")
        try:
            return await self._server.document(method, f"{VIDEOS}/{task_id}", credentials)
        except ModelNotFound as error:
            raise NotFound(f"{self._server.place} no longer knows this clip") from error

    def _job(self, answer: object) -> Job:
        try:
            return msgspec.convert(answer, Job)
        except msgspec.ValidationError as error:
            raise UpstreamProtocol(f"{self._server.place} told of a clip in an unknown form") from error
