"""One path for chat, whoever waits for the answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from qwen_grpc.answering import Messages
from qwen_grpc.calls import serve, take_long
from qwen_grpc.catalog import Mode
from qwen_grpc.errors import NotFound
from qwen_grpc.routing.affinity import thread_of
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.journey import Begun, Wish
from qwen_grpc.routing.lanes import Stop, Use
from qwen_grpc.routing.router import Router
from qwen_grpc.schemas import Schemas
from qwen_grpc.services.checks import check_chat, check_form
from qwen_grpc.services.media import Media
from qwen_grpc.tools.checks import ToolChecks
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

Accepted = Callable[[Stop, str], Awaitable[None]]


class Turns:
    """Checks requests and has them answered by the lane that is best."""

    def __init__(self, router: Router, media: Media) -> None:
        self._router = router
        self._media = media
        self._schemas = Schemas()
        self._tools = ToolChecks(self._schemas)

    def check(self, request: CompleteChatRequest) -> None:
        """Raises `InvalidParameter` with the path of what is wrong, before anybody is called."""
        check_chat(request)
        self._tools.check(request)
        check_form(request.response_format, self._schemas)

    @asynccontextmanager
    async def begun(self, request: CompleteChatRequest, who: Caller, accepted: Accepted) -> AsyncIterator[Begun]:
        """The answer to a checked request, from its first message on; leaving ends the work upstream.

        `accepted` is told where it is made, and which attempts failed before.
        """
        serve(who.tenant)
        only = self._lane_of_chat(request, who) or await self._media.lane_of(request.messages, who)
        wish = Wish(Use.CHAT, only, "" if who.own else _made_for(who, thread_of(request)))

        async def begin(stop: Stop) -> Messages:
            stop.model.require_chat()
            if stop.model.mode is Mode.DEEP_RESEARCH:
                take_long()
            asked, attachments = await self._media.attached(request, stop.lane, who)
            return stop.lane.upstream.chat(asked, stop.model, stop.lane.credentials, attachments)

        journey = self._router.journey(who, request.model, wish)
        async with journey.begun(begin) as answer:
            await accepted(answer.stop, journey.trail)
            self._remember(answer, who)
            yield answer

    def _lane_of_chat(self, request: CompleteChatRequest, who: Caller) -> str:
        """The lane of the chat that a request names. Raises `NotFound` unless it was made here for this caller.

        An own account's chats are all the caller's; an account of the
        operator has chats of many callers.
        """
        chat_id = request.conversation.chat_id
        if not chat_id or who.own:
            return ""
        label = self._router.affinity.label(_made_for(who, chat_id))
        if not label:
            raise NotFound("there is no such chat: a gateway key goes on with chats that were made for it, for a while")
        return label

    def _remember(self, answer: Begun, who: Caller) -> None:
        chat_id, lane = answer.first.start.conversation.chat_id, answer.stop.lane
        if chat_id and not lane.own:
            self._router.affinity.remember(_made_for(who, chat_id), lane.label)


def _made_for(who: Caller, thread: str) -> str:
    return f"{who.tenant} {thread}"
