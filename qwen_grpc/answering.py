"""An answer on its way from an upstream to whoever tells it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from typing import ParamSpec, Protocol, Self, TypeAlias

from qwen_grpc.v1.chat_pb2 import StreamChatResponse

P = ParamSpec("P")
# Takes a message; returns what has to be awaited before the next one, or None for nothing.
Take: TypeAlias = Callable[[StreamChatResponse], Awaitable[object] | None]


class Messages(Protocol):
    """The messages of an answer. Closing them ends the work on it; an async generator is one."""

    def __aiter__(self) -> AsyncIterator[StreamChatResponse]: ...

    async def __anext__(self) -> StreamChatResponse: ...

    async def aclose(self) -> None:
        """Ends the work."""


async def pour(messages: AsyncIterator[StreamChatResponse], take: Take) -> None:
    """Gives all further messages to `take`. Messages that have a method `pour` do that where they are made."""
    if pour_out := getattr(messages, "pour", None):
        await pour_out(take)
        return
    async for message in messages:
        if (waiting := take(message)) is not None:
            await waiting


class Answering:
    """Messages that `scope` gives: it is entered for the first one, and left after the last one or a failure."""

    def __init__(self, scope: AbstractAsyncContextManager[AsyncIterator[StreamChatResponse]]) -> None:
        self._scope = scope
        self._inner: AsyncIterator[StreamChatResponse] | None = None
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamChatResponse:
        inner = await self._entered()
        try:
            return await anext(inner)
        except StopAsyncIteration:
            await self.aclose()
            raise
        except BaseException as error:
            await self._failed(error)
            raise

    async def pour(self, take: Take) -> None:
        """Gives all further messages to `take`; returns when the answer has ended well."""
        if self._over:
            return
        inner = await self._entered()
        try:
            await pour(inner, take)
        except BaseException as error:
            await self._failed(error)
            raise
        await self.aclose()

    async def aclose(self) -> None:
        """Leaves the scope, if it was entered and not left."""
        over, self._over = self._over or self._inner is None, True
        if not over:
            await self._scope.__aexit__(None, None, None)

    async def _entered(self) -> AsyncIterator[StreamChatResponse]:
        if self._over:
            raise StopAsyncIteration
        if self._inner is None:
            self._inner = await self._scope.__aenter__()
        return self._inner

    async def _failed(self, error: BaseException) -> None:
        if not self._over:
            self._over = True
            await self._scope.__aexit__(type(error), error, error.__traceback__)


def answering(scope: Callable[P, AsyncIterator[AsyncIterator[StreamChatResponse]]]) -> Callable[P, Messages]:
    """Makes messages of a generator that yields once, as for `asynccontextmanager`: what it yields is the messages."""
    manager = asynccontextmanager(scope)

    @wraps(scope)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Messages:
        return Answering(manager(*args, **kwargs))

    return answered
