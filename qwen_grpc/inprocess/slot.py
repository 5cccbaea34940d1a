"""Hands messages from one task to another on the same event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc.aio

EOF = grpc.aio.EOF

# Takes a message; returns what has to be awaited before the next one, or None for nothing.
Take: TypeAlias = Callable[[Any], Awaitable[object] | None]


class Slot:
    """One direction of a call: a place for one message, and a writer who waits with the next.

    An `asyncio.Queue` would do the same at several times the cost, and this is
    passed once per streamed token. One task writes and one task reads; or
    nobody reads, and messages are poured out in the writer's task.
    """

    __slots__ = ("_loop", "_messages", "_reader", "_take", "_writer", "ended")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = False
        self._loop = loop
        # The first is in the slot; a second belongs to a writer who waits for the first to be taken.
        self._messages: list[Any] = []
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._take: Take | None = None

    @property
    def drained(self) -> bool:
        """Whether nothing will ever be read again."""
        return self.ended and not self._messages

    def offer(self, message: Any) -> Awaitable[object] | None:
        """Puts a message down; returns what the writer must await before the next, or None for nothing.

        A message offered after the end goes nowhere, as one sent to a finished call does.

        Raises:
            UsageError: when an earlier write has not come to its turn.

        """
        messages = self._messages
        if self.ended:
            return None
        if self._take is not None:
            return self._take(message)
        if len(messages) > 1:
            raise grpc.aio.UsageError("an earlier write of this call still waits: await it before the next one")
        messages.append(message)
        _wake(self._reader)
        if len(messages) == 1:
            return None
        self._writer = self._loop.create_future()
        return self._writer

    async def take(self) -> Any:
        """Returns the next message, or `grpc.aio.EOF` after the end.

        Raises:
            UsageError: when another task reads already.

        """
        messages = self._messages
        if not messages:
            if not self.ended:
                await self._arrival()
            if not messages:
                return EOF
        message = messages.pop(0)
        if messages:
            _wake(self._writer)
        return message

    async def pour(self, take: Take) -> None:
        """Gives what is there to `take`, and from then on every message, in the task of the writer."""
        while self._messages:
            waiting = take(await self.take())
            if waiting is not None:
                await waiting
        if not self.ended:
            self._take = take

    def end(self) -> None:
        """Says that no message follows; what is there can still be read."""
        self.ended, self._take = True, None
        _wake(self._reader)

    def abandon(self) -> None:
        """Ends, forgets what was not read, and lets the writer go on."""
        self._messages.clear()
        self.end()
        _wake(self._writer)

    def __aiter__(self) -> "Slot":
        return self

    async def __anext__(self) -> Any:
        message = await self.take()
        if message is EOF:
            raise StopAsyncIteration
        return message

    def _arrival(self) -> asyncio.Future[None]:
        # A reader that was cancelled left a future that is done.
        if self._reader is not None and not self._reader.done():
            raise grpc.aio.UsageError("another task reads this call already: one read at a time")
        self._reader = reader = self._loop.create_future()
        return reader


def _wake(sleeper: asyncio.Future[None] | None) -> None:
    if sleeper is not None and not sleeper.done():
        sleeper.set_result(None)
