"""ChatService."""

import asyncio
from contextlib import AbstractAsyncContextManager

from qwen_grpc.calls import Context, announce
from qwen_grpc.counting import Counter
from qwen_grpc.routing.journey import Begun
from qwen_grpc.routing.lanes import Stop
from qwen_grpc.routing.offers import described
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.services.fold import fold
from qwen_grpc.services.pacing import LagMeter
from qwen_grpc.services.prompt_tokens import prompt_tokens
from qwen_grpc.services.telling import tell
from qwen_grpc.services.turns import Turns
from qwen_grpc.v1.chat_pb2 import (
    CompleteChatRequest,
    CompleteChatResponse,
    CountTokensRequest,
    CountTokensResponse,
)
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceServicer


class ChatService(ChatServiceServicer):
    """One path for chat: a stream of deltas, which `CompleteChat` folds."""

    def __init__(self, router: Router, turns: Turns) -> None:
        self._router = router
        self._turns = turns
        self._meter = LagMeter()
        self._counter = Counter()

    async def CompleteChat(self, request: CompleteChatRequest, context: Context) -> CompleteChatResponse:
        """The whole answer at once."""
        async with self._begun(request, context) as answer:
            return await fold(answer.rest, answer.first)

    # A coroutine that writes, and no generator as the generated base class has it: grpc.aio takes both.
    async def StreamChat(self, request: CompleteChatRequest, context: Context) -> None:  # type: ignore[override]
        """The answer as it is made."""
        async with self._meter.watching(), self._begun(request, context) as answer:
            await tell(answer, context, self._meter)

    async def CountTokens(self, request: CountTokensRequest, context: Context) -> CountTokensResponse:
        """How much the model would have to read."""
        self._turns.check(request.chat)
        model = await described(caller(context, self._router), request.chat.model)
        model_id = model.base_model_id or model.id
        count = await asyncio.to_thread(prompt_tokens, request.chat, model_id, self._counter)
        return CountTokensResponse(input_tokens=count.tokens, estimated=count.estimated)

    def _begun(self, request: CompleteChatRequest, context: Context) -> AbstractAsyncContextManager[Begun]:
        async def accepted(stop: Stop, trail: str) -> None:
            await announce(context, model=stop.model.id, upstream=stop.lane.upstream.name, attempts=trail)

        self._turns.check(request)
        return self._turns.begun(request, caller(context, self._router), accepted)
