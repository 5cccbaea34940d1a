"""ChatService."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from qwen_grpc.calls import Context, announce
from qwen_grpc.services.caller import caller
from qwen_grpc.services.checks import check_chat
from qwen_grpc.services.fold import fold
from qwen_grpc.services.media import Media
from qwen_grpc.services.pacing import LagMeter
from qwen_grpc.upstreams.base import Upstreams
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CompleteChatResponse, StreamChatResponse
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceServicer


class ChatService(ChatServiceServicer):
    """One path for chat: a stream of deltas, which `CompleteChat` folds."""

    def __init__(self, upstreams: Upstreams, media: Media) -> None:
        self._upstreams = upstreams
        self._media = media
        self._meter = LagMeter()

    async def CompleteChat(self, request: CompleteChatRequest, context: Context) -> CompleteChatResponse:
        """The whole answer at once."""
        return await fold(await self._answer(request, context))

    async def StreamChat(
        self, request: CompleteChatRequest, context: Context
    ) -> AsyncGenerator[StreamChatResponse, None]:
        """The answer as it is made."""
        before = 0.0
        async with self._meter.watching(), aclosing(await self._answer(request, context)) as messages:
            async for message in messages:
                yield message
                if self._meter.late:
                    before = await self._meter.gather(before)

    async def _answer(self, request: CompleteChatRequest, context: Context) -> AsyncGenerator[StreamChatResponse, None]:
        check_chat(request)
        credentials = caller(context)
        upstream = self._upstreams.pick(credentials)
        model = await upstream.resolve(request.model, credentials)
        attachments = await self._media.attach_messages(request.messages, upstream, credentials)
        await announce(context, model=model.id, upstream=upstream.name)
        return upstream.chat(request, model, credentials, attachments)
