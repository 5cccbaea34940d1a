"""One path for chat, whoever waits for the answer."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from qwen_grpc.routing.affinity import thread_of
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.journey import Begun, Wish
from qwen_grpc.routing.lanes import Stop, Use
from qwen_grpc.routing.router import Router
from qwen_grpc.services.checks import check_chat
from qwen_grpc.services.media import Media
from qwen_grpc.tools.checks import ToolChecks
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse

Accepted = Callable[[Stop, str], Awaitable[None]]


class Turns:
    """Checks requests and has them answered by the lane that is best."""

    def __init__(self, router: Router, media: Media) -> None:
        self._router = router
        self._media = media
        self._tools = ToolChecks()

    def check(self, request: CompleteChatRequest) -> None:
        """Raises `InvalidParameter` with the path of what is wrong, before anybody is called."""
        check_chat(request)
        self._tools.check(request)

    @asynccontextmanager
    async def begun(self, request: CompleteChatRequest, who: Caller, accepted: Accepted) -> AsyncIterator[Begun]:
        """The answer to a checked request, from its first message on; leaving ends the work upstream.

        `accepted` is told where it is made, and which attempts failed before.
        """
        only = await self._media.lane_of(request.messages, who)
        wish = Wish(Use.CHAT, only, "" if who.own else thread_of(request))

        async def begin(stop: Stop) -> AsyncGenerator[StreamChatResponse, None]:
            stop.model.require_chat()
            asked, attachments = await self._media.attached(request, stop.lane, who)
            return stop.lane.upstream.chat(asked, stop.model, stop.lane.credentials, attachments)

        journey = self._router.journey(who, request.model, wish)
        async with journey.begun(begin) as answer:
            await accepted(answer.stop, journey.trail)
            yield answer
