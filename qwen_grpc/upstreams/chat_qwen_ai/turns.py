"""One turn: which chat it goes to, what is tried again, and what stays behind."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

from qwen_grpc.answering import answering
from qwen_grpc.calls import tenant
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import (
    ChatBusy,
    CredentialExpired,
    InvalidParameter,
    NotFound,
    QwenError,
    UpstreamHeadersTimeout,
    UpstreamIdleTimeout,
    UpstreamTruncated,
    UpstreamTtfbTimeout,
)
from qwen_grpc.upstreams.base import NO_ATTACHMENTS, Attachment
from qwen_grpc.upstreams.chat_qwen_ai.attached import attached_to
from qwen_grpc.upstreams.chat_qwen_ai.bounded import Bounds
from qwen_grpc.upstreams.chat_qwen_ai.conversations import Conversations, Known, account_of
from qwen_grpc.upstreams.chat_qwen_ai.encode import (
    Place,
    Said,
    Turn,
    check_messages,
    encode_completion,
    encode_new_chat,
    encode_turn,
    fold,
)
from qwen_grpc.upstreams.chat_qwen_ai.long_text import fitted
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.shown import Shown
from qwen_grpc.upstreams.chat_qwen_ai.site import Opened, Site
from qwen_grpc.upstreams.chat_qwen_ai.tidying import Tidying
from qwen_grpc.upstreams.chat_qwen_ai.uploads import Uploads
from qwen_grpc.upstreams.telling import Ends, Telling
from qwen_grpc.v1.chat_pb2 import (
    ROLE_ASSISTANT,
    ChatMessage,
    CompleteChatRequest,
    ConversationRef,
    StreamChatResponse,
    StreamStart,
)

BUSY_PAUSE_S = 1.0
DRAIN_S = 0.1


@dataclass(slots=True)
class Errand:
    """A turn on its way.

    `place` is None until it has a chat, which then knows the first `known`
    messages. A `named` chat was chosen by the caller and is never removed.
    `fitted` is what is sent for the rest, `tenant` whom the session serves.
    `bounds` end the answer.
    """

    turn: Turn
    messages: Sequence[ChatMessage]
    session: WebSession
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    place: Place | None = None
    known: int = 0
    named: bool = False
    ephemeral: bool = False
    tenant: str = field(default_factory=tenant)
    bounds: Bounds = field(default_factory=Bounds)
    asked: bool = False
    fitted: Said | None = None
    opened: Opened | None = None

    @property
    def said(self) -> Said:
        """What is to be sent."""
        new = self.messages[self.known :]
        return Said(fold(new), attached_to(new, self.attachments))

    @property
    def complete(self) -> bool:
        """Whether the site has written all of the answer."""
        return self.opened is not None and self.opened.answer.finished and not self.opened.answer.cut

    @property
    def answer_id(self) -> str:
        """The site's id of the answer, once it is known."""
        return self.opened.answer.created.response_id if self.opened else ""


@dataclass(frozen=True, slots=True)
class Means:
    """What turns work with."""

    site: Site
    sessions: Sessions
    conversations: Conversations
    tidying: Tidying
    uploads: Uploads


class Turns:
    """Runs turns. Retries happen only before the first delta: after 401, after a busy or a vanished chat; once each."""

    def __init__(self, means: Means, *, now: Callable[[], float] = time.time) -> None:
        self._site = means.site
        self._sessions = means.sessions
        self._conversations = means.conversations
        self._tidying = means.tidying
        self._uploads = means.uploads
        self._now = now

    @answering
    async def run(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        session: WebSession,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> AsyncIterator[Telling]:
        """Gives the answer; see `Upstream.chat`."""
        turn = encode_turn(request, model)
        check_messages(request.messages, attachments)
        errand = Errand(
            turn, request.messages, await self._sessions.fresh(session), attachments, bounds=Bounds.of(request)
        )
        await self._find_place(errand, request)
        try:
            async with AsyncExitStack() as stack:
                opened = errand.opened = await self._accepted(stack, errand)
                yield self._told(errand, opened)
                if errand.complete:
                    await self._drain(opened)
        finally:
            self._settle(errand)

    async def _find_place(self, errand: Errand, request: CompleteChatRequest) -> None:
        chosen = request.conversation
        errand.ephemeral = chosen.ephemeral
        if chosen.chat_id:
            errand.named, errand.known = True, len(request.messages) - 1
            parent = chosen.parent_message_id or await self._last_answer(errand.session, chosen.chat_id)
            errand.place = Place(chosen.chat_id, parent)
        elif chosen.parent_message_id:
            raise InvalidParameter(
                "conversation.parent_message_id was given without conversation.chat_id",
                field="conversation.chat_id",
            )
        else:
            errand.place, errand.known = self._conversations.take(
                account_of(errand.session, errand.tenant), errand.messages
            )

    async def _last_answer(self, session: WebSession, chat_id: str) -> str:
        stored = await self._sessions.once_more(session, lambda fresh: self._site.chat(fresh, chat_id))
        return stored.current_id

    # -- opening --------------------------------------------------------------------------------------------------

    async def _accepted(self, stack: AsyncExitStack, errand: Errand) -> Opened:
        tried: set[type[QwenError]] = set()
        while True:
            try:
                return await self._attempt(stack, errand)
            except (CredentialExpired, ChatBusy, NotFound) as error:
                kind = next(kind for kind in (CredentialExpired, ChatBusy, NotFound) if isinstance(error, kind))
                if kind in tried or not await self._mended(errand, error):
                    raise
                tried.add(kind)

    async def _attempt(self, stack: AsyncExitStack, errand: Errand) -> Opened:
        said = errand.fitted = errand.fitted or await fitted(errand.said, self._uploads, errand.session)
        if errand.place is None:
            chat_id = await self._site.new_chat(errand.session, encode_new_chat(errand.turn, self._now()))
            errand.place = Place(chat_id)
        body = encode_completion(errand.turn, errand.place, said, now=self._now(), new_id=new_id)
        errand.asked = True
        shown = Shown(self._site.base_url, sent=[file.url for file in said.files])
        answer = errand.bounds.opened(shown, work=errand.turn.work)
        try:
            return await stack.enter_async_context(
                self._site.completion(errand.session, errand.place.chat_id, body, answer)
            )
        except (UpstreamHeadersTimeout, UpstreamTtfbTimeout, UpstreamTruncated):
            # Silence is no refusal: the site may be writing an answer.
            raise
        except QwenError:
            errand.asked = False
            raise

    async def _mended(self, errand: Errand, error: QwenError) -> bool:
        """Does what makes another attempt worthwhile; False when nothing does."""
        match error:
            case CredentialExpired() if errand.session.refresh_token:
                errand.session = await self._sessions.renewed(errand.session)
                return True
            case ChatBusy():
                await asyncio.sleep(BUSY_PAUSE_S)
                return True
            case NotFound() if errand.known and not errand.named:
                # The person removed the chat, or its last answer: the whole history goes to a new one.
                self._leave(errand)
                errand.place, errand.known, errand.fitted = None, 0, None
                return True
            case _:
                return False

    # -- answering ------------------------------------------------------------------------------------------------

    def _told(self, errand: Errand, opened: Opened) -> Telling:
        answer = opened.answer

        def first(message: StreamChatResponse) -> None:
            message.start.CopyFrom(self._start(errand))

        async def last(message: StreamChatResponse) -> None:
            if not answer.finished:
                raise answer.broken()
            await self._look_up_citations(errand, opened)
            answer.end(message)

        ends = Ends(first, last, broken=answer.flush)
        return Telling(answer, opened.events, ends, message=opened.message, failure=opened.failure)

    async def _drain(self, opened: Opened) -> None:
        """Usually the body ends right after the answer; reading on lets the connection serve again."""
        with suppress(QwenError):
            await opened.reads.next(asyncio.get_running_loop().time() + DRAIN_S, UpstreamIdleTimeout)

    def _start(self, errand: Errand) -> StreamStart:
        assert errand.place is not None
        answer_id = errand.answer_id
        return StreamStart(
            id=f"chatcmpl-{answer_id or new_id()}",
            created=int(self._now()),
            model=errand.turn.model_id,
            conversation=ConversationRef(chat_id=errand.place.chat_id, message_id=answer_id),
        )

    async def _look_up_citations(self, errand: Errand, opened: Opened) -> None:
        """Asks the stored chat for pages that the stream cites and does not tell."""
        answer = opened.answer
        if errand.place and answer.sources.unknown(answer.text.whole()):
            with suppress(QwenError):
                stored = await self._site.chat(errand.session, errand.place.chat_id)
                answer.sources.learn(stored.pages)

    # -- what stays behind ----------------------------------------------------------------------------------------

    def _settle(self, errand: Errand) -> None:
        if errand.place is None:
            return
        if errand.complete:
            assert errand.opened is not None
            self._remember(errand, errand.opened.answer.text.whole())
        elif errand.asked:
            remove = not errand.named
            self._tidying.stop(errand.session, errand.place.chat_id, errand.answer_id, remove=remove)
        elif errand.known and not errand.named:
            # Refused before it was taken: the chat is as it was, and waits for another try.
            self._keep(errand, errand.messages[: errand.known], errand.place)
        elif not errand.named:
            self._leave(errand)

    def _remember(self, errand: Errand, text: str) -> None:
        assert errand.place is not None
        place = Place(errand.place.chat_id, errand.answer_id)
        if errand.named:
            return
        if errand.ephemeral or not errand.answer_id:
            self._leave(errand)
        else:
            answer = ChatMessage(role=ROLE_ASSISTANT, content=text)
            self._keep(errand, [*errand.messages, answer], place)

    def _keep(self, errand: Errand, messages: Sequence[ChatMessage], place: Place) -> None:
        self._conversations.keep(messages, place, errand.session, errand.tenant)

    def _leave(self, errand: Errand) -> None:
        if errand.place is not None:
            self._tidying.remove(Known(errand.place, errand.session, used_at=0.0))


def new_id() -> str:
    """A random id in the site's form."""
    return str(uuid.uuid4())
