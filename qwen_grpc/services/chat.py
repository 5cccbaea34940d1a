"""ChatService."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from qwen_grpc.calls import Context, announce
from qwen_grpc.routing.affinity import thread_of
from qwen_grpc.routing.journey import Begun, Wish
from qwen_grpc.routing.lanes import Stop, Use
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.services.checks import check_chat
from qwen_grpc.services.fold import fold
from qwen_grpc.services.media import Media
from qwen_grpc.services.pacing import LagMeter
from qwen_grpc.tools.checks import ToolChecks
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CompleteChatResponse, StreamChatResponse
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceServicer


class ChatService(ChatServiceServicer):
    """One path for chat: a stream of deltas, which `CompleteChat` folds."""

    def __init__(self, router: Router, media: Media) -> None:
        self._router = router
        self._media = media
        self._meter = LagMeter()
        self._tools = ToolChecks()

    async def CompleteChat(self, request: CompleteChatRequest, context: Context) -> CompleteChatResponse:
        """The whole answer at once."""
        async with self._begun(request, context) as answer:
            return await fold(answer.rest, answer.first)

    async def StreamChat(
        self, request: CompleteChatRequest, context: Context
    ) -> AsyncGenerator[StreamChatResponse, None]:
        """The answer as it is made."""
        before = 0.0
        async with self._meter.watching(), self._begun(request, context) as answer:
            yield answer.first
            async for message in answer.rest:
                yield message
                if self._meter.late:
                    before = await self._meter.gather(before)

    @asynccontextmanager
    async def _begun(self, request: CompleteChatRequest, context: Context) -> AsyncIterator[Begun]:
        check_chat(request)
        self._tools.check(request)
        who = caller(context, self._router)
        only = await self._media.lane_of(request.messages, who)
        wish = Wish(Use.CHAT, only, "" if who.own else thread_of(request))

        async def begin(stop: Stop) -> AsyncGenerator[StreamChatResponse, None]:
            stop.model.require_chat()
            asked, attachments = await self._media.attached(request, stop.lane, who)
            return stop.lane.upstream.chat(asked, stop.model, stop.lane.credentials, attachments)

        journey = self._router.journey(who, request.model, wish)
        async with journey.begun(begin) as answer:
            where = answer.stop.lane.upstream.name
            await announce(context, model=answer.stop.model.id, upstream=where, attempts=journey.trail)
            yield answer
