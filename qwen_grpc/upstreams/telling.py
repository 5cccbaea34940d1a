"""From a stream of events to messages: what is told when, also when it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from qwen_grpc.answering import Take
from qwen_grpc.errors import QwenError
from qwen_grpc.upstreams.http import Events
from qwen_grpc.v1.chat_pb2 import StreamChatResponse


class Decoding(Protocol):
    """An answer while it arrives.

    `over` says that nothing more will come, `finished` that nothing more has to.
    """

    @property
    def over(self) -> bool:
        """Whether the server has said its last word."""

    @property
    def finished(self) -> bool:
        """Whether the answer has its proper end."""

    def decode(self, data: Sequence[bytes], message: StreamChatResponse) -> None:
        """Adds the events of one read to a message. Raises what is wrong; what came before is then in the message."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What is added to the first message, to the last one, and to the one that breaks off.

    `last` raises what is wrong with an answer that has no proper end.
    """

    first: Callable[[StreamChatResponse], None]
    last: Callable[[StreamChatResponse], Awaitable[None]]
    broken: Callable[[StreamChatResponse], None] = lambda _: None


class Telling:
    """The messages of an answer: one for each read that brought deltas; the last one has the end.

    The first one comes with the first delta: an upstream that opens a stream
    and fails then has not begun to answer. What came before a failure is told
    before it is raised, since to ask again would pay twice.
    """

    def __init__(
        self,
        answer: Decoding,
        events: Events,
        ends: Ends,
        *,
        message: StreamChatResponse | None = None,
        failure: QwenError | None = None,
    ) -> None:
        self._answer = answer
        self._events = events
        self._ends = ends
        # What has come already, and how it went on.
        self._message = StreamChatResponse() if message is None else message
        self._failure: QwenError | None = None
        self._waiting: Awaitable[object] | None = None
        self._ended = answer.over
        self._begun = self._over = False
        if failure is not None:
            self._fail(failure)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamChatResponse:
        while not self._ended:
            if self._message.deltas:
                return self._told()
            await self._step()
        if not self._over and (message := await self._last()) is not None:
            return message
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def pour(self, take: Take) -> None:
        """Gives all further messages to `take`, where the reads arrive that bring them; raises how an answer failed."""

        def taken(data: list[bytes]) -> bool:
            self._decode(data)
            if self._message.deltas and not self._ended:
                self._waiting = take(self._told())
            return self._waiting is None and not self._ended

        if not self._begun:
            # Until the first event another clock runs, and a read of it may be here already.
            await _settled(take(await anext(self)))
        try:
            while not self._ended:
                await self._poured(taken)
                waiting, self._waiting = self._waiting, None
                await _settled(waiting)
        finally:
            self._drop()
        async for message in self:
            await _settled(take(message))

    def _drop(self) -> None:
        """Closes what could not be awaited any more, because the reader was cancelled before."""
        if asyncio.iscoroutine(self._waiting):
            self._waiting.close()

    # -- on the way ---------------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        try:
            self._decode(await anext(self._events))
        except StopAsyncIteration:
            self._ended = True
        except QwenError as error:
            self._lose(error)

    async def _poured(self, take: Callable[[list[bytes]], bool]) -> None:
        try:
            if not await self._events.pour(take):
                self._ended = True
        except QwenError as error:
            self._lose(error)

    def _decode(self, data: list[bytes]) -> None:
        try:
            self._answer.decode(data, self._message)
        except QwenError as error:
            self._fail(error)
        if self._answer.over:
            self._ended = True

    def _told(self) -> StreamChatResponse:
        message, self._message = self._message, StreamChatResponse()
        if not self._begun:
            self._begun = True
            self._ends.first(message)
        return message

    # -- the end ------------------------------------------------------------------------------------------------------

    def _lose(self, error: QwenError) -> None:
        """The connection is gone: a failure, unless all that has to come has come."""
        if self._answer.finished:
            self._ended = True
        else:
            self._fail(error)

    def _fail(self, error: QwenError) -> None:
        self._ends.broken(self._message)
        self._ended, self._failure = True, error

    async def _last(self) -> StreamChatResponse | None:
        """The message with the end, or with what came before a failure; None if there is no such thing."""
        self._over = True
        if self._failure is None:
            try:
                await self._ends.last(self._message)
            except QwenError as error:
                self._fail(error)
        if self._failure is not None and (self._begun or self._message.deltas):
            self._failure.facts["partial"] = "true"
        if self._message.deltas or (self._failure is None and (self._message.ListFields() or not self._begun)):
            return self._told()
        return None


async def _settled(waiting: Awaitable[object] | None) -> None:
    if waiting is not None:
        await waiting
