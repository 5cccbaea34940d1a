"""From an opened answer to messages: what is told when, also when it fails."""

from collections.abc import Awaitable, Callable
from typing import Self

from qwen_grpc.errors import QwenError
from qwen_grpc.upstreams.chat_qwen_ai.site import Opened
from qwen_grpc.v1.chat_pb2 import StreamChatResponse


class Telling:
    """The messages of an answer: one for each read that brought deltas; the last one has the end.

    `look_up` is awaited before the end. What came before a failure is told
    before it is raised: to ask again would pay twice. An iterator and not a
    generator, because it is passed once per token.
    """

    def __init__(self, opened: Opened, look_up: Callable[[], Awaitable[None]]) -> None:
        self._answer = opened.answer
        self._events = opened.events
        self._look_up = look_up
        self._message = opened.message
        self._failure: QwenError | None = None
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamChatResponse:
        if self._failure is not None:
            raise self._failure
        if self._over:
            raise StopAsyncIteration
        answer, message = self._answer, self._message
        self._message = StreamChatResponse()
        while not message.deltas and not answer.finished:
            try:
                answer.decode(await self._events.__anext__(), message)
            except StopAsyncIteration:
                self._fail(answer.broken(), message)
            except QwenError as error:
                self._fail(error, message)
        if answer.finished:
            await self._end(message)
        return message

    def _fail(self, error: QwenError, message: StreamChatResponse) -> None:
        error.facts["partial"] = "true"
        self._answer.flush(message)
        if not message.deltas:
            raise error
        self._failure = error

    async def _end(self, message: StreamChatResponse) -> None:
        await self._look_up()
        self._answer.end(message)
        self._over = True
