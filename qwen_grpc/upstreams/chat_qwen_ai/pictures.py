"""Pictures: each is one turn in a chat of its own, and its stream tells where the picture lies.

As seen in the browser's own traffic, Sep 2026. Some streams end without the
picture; the stored chat then has it a moment later.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, replace

import msgspec

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import (
    InvalidParameter,
    QwenError,
    Unsupported,
    UpstreamEmpty,
    UpstreamHeadersTimeout,
    UpstreamTruncated,
    UpstreamTtfbTimeout,
)
from qwen_grpc.upstreams.base import Attachment, Scene
from qwen_grpc.upstreams.chat_qwen_ai.attached import attached_to, media_in
from qwen_grpc.upstreams.chat_qwen_ai.conversations import Known
from qwen_grpc.upstreams.chat_qwen_ai.decode import Answer
from qwen_grpc.upstreams.chat_qwen_ai.encode import (
    Place,
    Said,
    Turn,
    check_messages,
    encode_completion,
    encode_new_chat,
    encode_turn,
    plain,
)
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.shown import Shown
from qwen_grpc.upstreams.chat_qwen_ai.site import Opened, Site
from qwen_grpc.upstreams.chat_qwen_ai.sizes import ratio_of
from qwen_grpc.upstreams.chat_qwen_ai.tidying import Tidying
from qwen_grpc.upstreams.chat_qwen_ai.turns import new_id
from qwen_grpc.upstreams.chat_qwen_ai.wire import UNREADABLE
from qwen_grpc.upstreams.kinds import IMAGE, MAX_FILES
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest, StreamChatResponse, StreamStart

MODES = (Mode.IMAGE, Mode.IMAGE_EDIT)
DEFAULT_RATIO = "1:1"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often the stored chat is read for a picture that the stream did not show, and the seconds in between."""

    tries: int = 5
    pause_s: float = 0.8


@dataclass(slots=True)
class Drawing:
    """A turn for a picture on its way.

    `asked` from when the site may work on it, `ended` when it has stopped by
    itself. With `words_count`, an answer in words alone is an answer.
    """

    turn: Turn
    scene: Scene
    ratio: str
    session: WebSession
    answer: Answer
    words_count: bool = False
    chat_id: str = ""
    asked: bool = False
    ended: bool = False
    broken: QwenError | None = None


class Pictures:
    """Makes and edits pictures. A turn is sent a second time only when the site refused it with 401."""

    def __init__(
        self,
        site: Site,
        sessions: Sessions,
        tidying: Tidying,
        *,
        patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._site = site
        self._sessions = sessions
        self._tidying = tidying
        self._patience = patience or Patience()
        self._now = now

    async def make(self, scene: Scene, model: ResolvedModel, session: WebSession) -> str:
        """Makes one picture, or edits `scene.images`; see `Upstream.make_images`."""
        drawing = await self._begun(scene, model, session)
        async with aclosing(self._run(drawing)) as messages:
            async for _ in messages:
                pass
        return drawing.answer.shown.urls[0]

    async def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        session: WebSession,
        attachments: Mapping[str, Attachment],
    ) -> AsyncGenerator[StreamChatResponse, None]:
        """The picture that a conversation asks for, as an answer; see `Upstream.chat`."""
        drawing = await self._begun(scene_of(request, model, attachments), model, session)
        drawing.words_count = True
        async with aclosing(self._run(drawing)) as messages:
            async for message in messages:
                yield message

    async def _begun(self, scene: Scene, model: ResolvedModel, session: WebSession) -> Drawing:
        if len(scene.images) > MAX_FILES[IMAGE]:
            raise InvalidParameter(f"{SITE} takes {MAX_FILES[IMAGE]} images at most", field="images")
        # An edited picture keeps its shape unless the caller wants another one.
        ratio = ratio_of(scene.size, "" if scene.images else DEFAULT_RATIO)
        plainly = encode_turn(CompleteChatRequest(), model)
        turn = replace(plainly, chat_type="image_edit" if scene.images else "t2i")
        shown = Shown(self._site.base_url, prompt=scene.prompt, sent=[image.url for image in scene.images])
        session = await self._sessions.fresh(session)
        return Drawing(turn, scene, ratio, session, Answer(shown, drawing=True))

    async def _run(self, drawing: Drawing) -> AsyncGenerator[StreamChatResponse, None]:
        try:
            async with AsyncExitStack() as stack:
                opened = await self._sessions.once_more(
                    drawing.session, lambda session: self._accepted(stack, drawing, session)
                )
                async with aclosing(self._told(drawing, opened)) as messages:
                    async for message in messages:
                        yield message
        finally:
            self._settle(drawing)

    async def _accepted(self, stack: AsyncExitStack, drawing: Drawing, session: WebSession) -> Opened | None:
        """The stream, or None when it was over before it showed anything and the site may draw nevertheless."""
        drawing.session = session
        if not drawing.chat_id:
            drawing.chat_id = await self._site.new_chat(session, encode_new_chat(drawing.turn, self._now()))
        body = encode_picture(drawing, now=self._now())
        drawing.asked = True
        try:
            completion = self._site.completion(session, drawing.chat_id, body, drawing.answer)
            return await stack.enter_async_context(completion)
        except (UpstreamHeadersTimeout, UpstreamTtfbTimeout):
            # Silence is no refusal: the site may be drawing.
            raise
        except QwenError as error:
            if isinstance(error, UpstreamEmpty | UpstreamTruncated) and drawing.answer.created.response_id:
                drawing.broken = error
                return None
            drawing.asked = False
            raise

    async def _told(self, drawing: Drawing, opened: Opened | None) -> AsyncGenerator[StreamChatResponse, None]:
        answer, message = drawing.answer, opened.message if opened else StreamChatResponse()
        message.start.CopyFrom(self._start(drawing))
        while opened and not answer.finished:
            if message.deltas or message.HasField("start"):
                yield message
            message = StreamChatResponse()
            data = await _next(drawing, opened)
            if data is None:
                break
            answer.decode(data, message)
        drawing.ended = drawing.broken is None
        if not answer.shown.urls:
            await self._look_up(drawing)
        answer.end(message)
        yield message

    def _start(self, drawing: Drawing) -> StreamStart:
        # The chat goes as soon as the picture is there: no conversation to go on with is named.
        name = drawing.answer.created.response_id or new_id()
        return StreamStart(id=f"chatcmpl-{name}", created=int(self._now()), model=drawing.turn.model_id)

    async def _look_up(self, drawing: Drawing) -> None:
        """Reads the stored chat for the picture. Raises what went wrong when it is not there either."""
        for attempt in range(self._patience.tries):
            if attempt:
                await asyncio.sleep(self._patience.pause_s)
            with suppress(QwenError):
                await self._read_stored(drawing)
            if drawing.answer.shown.urls:
                return
        if drawing.broken is not None:
            raise drawing.broken
        if not (drawing.words_count and drawing.answer.text.whole()):
            raise UpstreamEmpty(f"{SITE} ended the turn without a picture; other words may get one")

    async def _read_stored(self, drawing: Drawing) -> None:
        chat_id, shown = drawing.chat_id, drawing.answer.shown
        stored = await self._sessions.once_more(drawing.session, lambda fresh: self._site.chat(fresh, chat_id))
        answer = stored.answer(drawing.answer.created.response_id)
        for phase in answer.content_list or ():
            shown.add(phase.content or "", phase.extra, chat_id)
        shown.add("", answer.extra, chat_id)

    def _settle(self, drawing: Drawing) -> None:
        """Removes the chat, unless the picture lies in it."""
        if not drawing.chat_id:
            return
        if drawing.asked and not drawing.ended:
            answer_id = drawing.answer.created.response_id
            self._tidying.stop(drawing.session, drawing.chat_id, answer_id, remove=True)
        elif not drawing.answer.shown.lie_in(drawing.chat_id):
            self._tidying.remove(Known(Place(drawing.chat_id), drawing.session, used_at=0.0))


async def _next(drawing: Drawing, opened: Opened) -> list[bytes] | None:
    """The next events, or None when the stream is over, one way or another: the site draws on without a reader."""
    if opened.failure is not None:
        raise opened.failure
    try:
        return await anext(opened.events, None)
    except UpstreamTruncated as error:
        drawing.broken = error
        return None


def encode_picture(drawing: Drawing, *, now: float) -> bytes:
    """The body of `POST /api/v2/chat/completions` for a picture: a message with the images, and a ratio beside it.

    Raises `ContextLength` when it is longer than the site takes.
    """
    said, place = Said(drawing.scene.prompt, drawing.scene.images), Place(drawing.chat_id)
    body = msgspec.json.decode(encode_completion(drawing.turn, place, said, now=now, new_id=new_id))
    return msgspec.json.encode(body | ({"size": drawing.ratio} if drawing.ratio else {}))


def scene_of(request: CompleteChatRequest, model: ResolvedModel, attachments: Mapping[str, Attachment]) -> Scene:
    """What a conversation asks to be drawn: the words of its last user message, and its newest images.

    Raises `InvalidParameter` for a conversation without words, or without an
    image to edit, and `Unsupported` for what a picture cannot be made of.
    """
    encode_turn(request, model)
    check_messages(request.messages, attachments)
    if request.conversation.chat_id:
        text = "a picture is made in a chat of its own: leave conversation.chat_id away"
        raise Unsupported(text, field="conversation.chat_id")
    said = [plain(message) for message in request.messages if message.role == ROLE_USER]
    if not said or not said[-1].strip():
        raise InvalidParameter("messages: the last user message has no words that say what to draw", field="messages")
    return Scene(said[-1].strip(), _size(request), _images(request.messages, model, attachments))


def _images(
    messages: Sequence[ChatMessage], model: ResolvedModel, attachments: Mapping[str, Attachment]
) -> list[Attachment]:
    with_media = [message for message in messages if any(media_in(message))]
    if model.mode is Mode.IMAGE:
        if with_media and with_media[-1] == messages[-1]:
            text = f"{model.asked!r} draws from words alone: use {Mode.IMAGE_EDIT.value} to edit an image"
            raise Unsupported(text, field="messages")
        return []
    images = [file for file in attached_to(with_media[-1:], attachments) if file.kind == IMAGE]
    if not images:
        raise InvalidParameter(f"{model.asked!r} needs an image_url part: the image to edit", field="messages")
    return images


def _size(request: CompleteChatRequest) -> str:
    """OpenAI's chat has no size; callers that send the member of the images API mean it."""
    try:
        extra = msgspec.json.decode(request.extra_json or "{}")
    except UNREADABLE:
        return ""
    size = extra.get("size") if isinstance(extra, dict) else None
    return size if isinstance(size, str) else ""
