"""One streamed answer over SSE, in any dialect."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeAlias

import grpc

from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse, StreamStart
from rest_shim import sse
from rest_shim.errors import HttpError, http_error
from rest_shim.exchange import Exchange, announced
from rest_shim.line import Line
from rest_shim.running import shut_down

Call: TypeAlias = "grpc.aio.UnaryStreamCall[CompleteChatRequest, StreamChatResponse]"
First: TypeAlias = asyncio.Future[StreamChatResponse]
Take: TypeAlias = Callable[[StreamChatResponse], Awaitable[object] | None]


class Writer(Protocol):
    """Writes one answer that has begun, as SSE records."""

    def write(self, message: StreamChatResponse) -> bytes:
        """All records of one message; empty if it says nothing that the dialect knows."""
        ...

    async def end(self) -> bytes:
        """The last records of a complete answer."""
        ...

    def failed(self, error: HttpError) -> bytes:
        """The last records of an answer that broke."""
        ...


class Dialect(Protocol):
    """How the answer to one request is written."""

    def opened(self, start: StreamStart) -> Writer:
        """The writer of the answer, once it has begun."""
        ...

    def failed(self, error: HttpError) -> bytes:
        """The only records, when the answer never began and the status 200 was sent already."""
        ...


async def stream(
    exchange: Exchange, message: CompleteChatRequest, dialect: Dialect, *, heartbeat: bytes = sse.HEARTBEAT
) -> None:
    """Opens the SSE response when the answer has begun; until then every failure is a true HTTP status.

    After `early_headers` seconds of silence the response is opened all the
    same, so that proxies and clients see life; a first failure then comes
    in-band. `heartbeat` is the record that breaks a later silence.
    """
    async with _opened(exchange, message) as (call, first):
        await asyncio.wait({first}, timeout=exchange.settings.early_headers)
        headers = sse.HEADERS
        if first.done():
            first.result()
            headers = headers | await announced(call)
        response = await exchange.request.respond(headers=headers)
        async with Line(response, exchange.settings.heartbeat, heartbeat) as line:
            if not first.done():
                # The headers leave with the first record.
                await line.send(heartbeat)
            await _relay(exchange, call, first, line, dialect)
        await response.eof()


@asynccontextmanager
async def _opened(exchange: Exchange, message: CompleteChatRequest) -> AsyncIterator[tuple[Call, First]]:
    """A running call and its first message to come; leaving ends the call."""
    call = exchange.stubs.chat.StreamChat(message, metadata=exchange.metadata, timeout=exchange.timeout)
    first = asyncio.ensure_future(anext(aiter(call)))
    try:
        yield call, first
    finally:
        first.cancel()
        call.cancel()


async def _relay(exchange: Exchange, call: Call, first: First, line: Line, dialect: Dialect) -> None:
    """Writes each message with one write. A failure is the dialect's last word, and nothing comes after it."""
    writer: Writer | None = None
    try:
        message = await first
        writer = dialect.opened(message.start)
        await line.send(writer.write(message))
        await _pour(call, _writing(writer, line))
    except grpc.aio.AioRpcError as error:
        await line.send((writer or dialect).failed(http_error(error)))
        return
    except asyncio.CancelledError:
        if not exchange.running.was_cut():
            raise
        await line.send((writer or dialect).failed(shut_down()))
        return
    await line.send(await writer.end())


def _writing(writer: Writer, line: Line) -> Take:
    """Writes one message; returns what to await before the next, or None for nothing."""
    write, put = writer.write, line.put

    def take(message: StreamChatResponse) -> Awaitable[object] | None:
        records = write(message)
        return put(records) if records else None

    return take


async def _pour(call: Call, take: Take) -> None:
    """Gives all further messages of a call to `take`. A call within the process then wakes nobody for a message."""
    if pour := getattr(call, "pour", None):
        await pour(take)
        return
    async for message in call:
        if waiting := take(message):
            await waiting
