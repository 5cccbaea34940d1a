"""Clips are tasks: handed in like a message that is not streamed, then asked after.

As seen in the browser's own traffic, Sep 2026, with the forms of 2025 accepted.
"""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from qwen_grpc.addresses import COMPLETIONS
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import WebSession, jwt
from qwen_grpc.errors import (
    InvalidParameter,
    JobUnknownOutcome,
    NotFound,
    QwenError,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
)
from qwen_grpc.upstreams.base import Attachment, Scene, VideoTask
from qwen_grpc.upstreams.chat_qwen_ai.conversations import Known
from qwen_grpc.upstreams.chat_qwen_ai.encode import FAST, Place, Said, Turn, encode_completion, encode_new_chat
from qwen_grpc.upstreams.chat_qwen_ai.hosts import CHALLENGE_PATH
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.site import Site
from qwen_grpc.upstreams.chat_qwen_ai.sizes import ratio_of
from qwen_grpc.upstreams.chat_qwen_ai.tidying import Tidying
from qwen_grpc.upstreams.chat_qwen_ai.turns import new_id
from qwen_grpc.upstreams.http import may_be_taken
from qwen_grpc.upstreams.kinds import IMAGE
from qwen_grpc.v1 import videos_pb2 as pb

DEFAULT_RATIO = "16:9"
CONFIG = {**FAST, "output_schema": "phase", "research_mode": "normal", "auto_search": False}

# The words of a task's status, the site's own and those of its older forms. Another word counts as running:
# to call a clip lost that is being made would be worse than to ask again.
STATES: dict[str, pb.VideoState] = {
    **dict.fromkeys(("success", "succeeded", "completed", "finished"), pb.VIDEO_STATE_SUCCEEDED),
    **dict.fromkeys(("failed", "error", "cancelled"), pb.VIDEO_STATE_FAILED),
}
NEW_STATUS, OLD_STATUS = "/api/v2/task/status/", "/api/v1/tasks/status/"
_id = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Wanx(Struct):
    """Where the site keeps the id of a task."""

    task_id: str = ""


class Extra(Struct):
    """What comes with the stored answer."""

    wanx: Wanx = msgspec.field(default_factory=Wanx)


class Answer(Struct):
    """The answer that will hold the clip."""

    extra: Extra = msgspec.field(default_factory=Extra)


class Submitted(Struct):
    """What the site says when it has taken a clip."""

    messages: list[Answer] = []


class Status(Struct):
    """How far a task is. `content` is the address of the clip once it is made."""

    task_status: str = ""
    content: str | None = None


class Videos:
    """Hands in clips and asks after them. A clip is handed in once; only a refusal is answered by a second try."""

    def __init__(
        self, site: Site, sessions: Sessions, tidying: Tidying, *, now: Callable[[], float] = time.time
    ) -> None:
        self._site = site
        self._sessions = sessions
        self._tidying = tidying
        self._now = now

    async def create(self, scene: Scene, model: ResolvedModel, session: WebSession) -> str:
        """Hands in a clip; see `Upstream.create_video`. The chat stays: there the person finds the clip, too."""
        ratio = ratio_of(scene.size, DEFAULT_RATIO)
        check_images(scene.images)
        turn = Turn(model.id, "i2v" if scene.images else "t2v", CONFIG)
        said = Said(scene.prompt, scene.images)
        session = await self._sessions.fresh(session)
        new_chat = encode_new_chat(turn, self._now())
        chat_id = await self._sessions.once_more(session, lambda fresh: self._site.new_chat(fresh, new_chat))
        try:
            body = encode_video(said, turn, Place(chat_id), ratio=ratio, now=self._now())
            return await self._submit(session, chat_id, body)
        except QwenError as error:
            if may_be_taken(error):
                raise _unsure() from error
            self._tidying.remove(Known(Place(chat_id), session, used_at=0.0))
            raise

    async def get(self, task_id: str, session: WebSession) -> VideoTask:
        """Asks after a clip, first the way of today; see `Upstream.get_video`."""
        session = await self._sessions.fresh(session)
        try:
            return await self._status(NEW_STATUS + task_id, session)
        except NotFound:
            return await self._status(OLD_STATUS + task_id, session)

    async def _submit(self, session: WebSession, chat_id: str, body: bytes) -> str:
        path = f"{COMPLETIONS}?chat_id={chat_id}"
        data = await self._sessions.once_more(session, lambda fresh: self._site.call("POST", path, fresh, body))
        return _task_id(data)

    async def _status(self, path: str, session: WebSession) -> VideoTask:
        return decode_status(await self._sessions.once_more(session, lambda fresh: self._site.call("GET", path, fresh)))


def check_images(images: Sequence[Attachment]) -> None:
    """A clip begins with one picture, or with none. Raises `InvalidParameter`."""
    if len(images) > 1:
        raise InvalidParameter(f"{SITE} begins a clip with one picture: {len(images)} were given", field="images")
    if images and images[0].kind != IMAGE:
        text = f"a clip begins with a picture, and a file of kind {images[0].kind} was given"
        raise InvalidParameter(text, field="images[0]")


def encode_video(said: Said, turn: Turn, place: Place, *, ratio: str, now: float) -> bytes:
    """The body of `POST /api/v2/chat/completions` for a clip: the kind in three places, the size in two.

    Raises `ContextLength` when it is longer than the site takes.
    """
    body = msgspec.json.decode(encode_completion(turn, place, said, now=now, new_id=new_id))
    [message] = body["messages"]
    message["extra"]["meta"]["size"] = ratio
    return msgspec.json.encode({**body, "stream": False, "size": ratio})


def decode_status(found: Any) -> VideoTask:
    """What a status call says of a task, in the form of either path."""
    try:
        status = msgspec.convert(found, Status)
    except msgspec.ValidationError as error:
        raise UpstreamProtocol(f"{SITE} told the state of a clip in an unknown form") from error
    state = STATES.get(status.task_status.lower(), pb.VIDEO_STATE_RUNNING)
    match state:
        case pb.VIDEO_STATE_SUCCEEDED:
            return _made(status.content or "")
        case pb.VIDEO_STATE_FAILED:
            text = f"{SITE} could not make this clip; its words or its picture may be why"
            return VideoTask(state, error=UpstreamError(text))
        case _:
            return VideoTask(state)


def _made(url: str) -> VideoTask:
    if not url.startswith(("https://", "http://")) or CHALLENGE_PATH in url:
        error = UpstreamEmpty(f"{SITE} says that the clip is made, and not where it is")
        return VideoTask(pb.VIDEO_STATE_FAILED, error=error)
    return VideoTask(pb.VIDEO_STATE_SUCCEEDED, url, jwt.expires_at(httpx.URL(url).params.get("key", "")))


def _task_id(data: Any) -> str:
    try:
        task_id = msgspec.convert(data, Submitted).messages[0].extra.wanx.task_id
    except (msgspec.ValidationError, IndexError) as error:
        raise UpstreamProtocol(f"{SITE} took a clip and answered in an unknown form") from error
    if not _id.fullmatch(task_id):
        raise UpstreamProtocol(f"{SITE} took a clip without giving the id of its task")
    return task_id


def _unsure() -> JobUnknownOutcome:
    return JobUnknownOutcome(
        f"{SITE} was given the clip and did not confirm it: it may be in the making. "
        f"It was not tried again, as that could pay twice; look for it among the chats at {SITE}"
    )
