"""POST /v1/chat/completions, streamed and whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
from sanic import HTTPResponse

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse
from rest_shim import sse
from rest_shim.chunks import ChunkWriter
from rest_shim.errors import bad_request, http_error
from rest_shim.exchange import STREAM_S, Exchange, announced
from rest_shim.line import Line

Call: TypeAlias = "grpc.aio.UnaryStreamCall[CompleteChatRequest, StreamChatResponse]"
First: TypeAlias = asyncio.Future[StreamChatResponse]


async def complete_chat(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one JSON object, or with SSE when the body says `"stream": true`."""
    body = exchange.body
    REQUESTS.check(CompleteChatRequest, body)
    message = REQUESTS.read(CompleteChatRequest, body)
    if body.get("stream"):
        await _stream(exchange, message)
        return None
    if body.get("stream_options") is not None:
        raise bad_request("stream_options", "stream_options is only allowed with stream: true", "invalid_value")
    return await _complete(exchange, message)


async def _complete(exchange: Exchange, message: CompleteChatRequest) -> HTTPResponse:
    return await exchange.reply(exchange.stubs.chat.CompleteChat, message, RESPONSES.write)


async def _stream(exchange: Exchange, message: CompleteChatRequest) -> None:
    """Opens the SSE response when the answer has begun; until then every failure is a true HTTP status.

    After `early_headers` seconds of silence the response is opened all the
    same, so that proxies and clients see life; a first failure then comes
    in-band.
    """
    async with _opened(exchange, message) as (call, first):
        await asyncio.wait({first}, timeout=exchange.settings.early_headers)
        headers = sse.HEADERS
        if first.done():
            first.result()
            headers = headers | await announced(call)
        response = await exchange.request.respond(headers=headers)
        async with Line(response, exchange.settings.heartbeat) as line:
            await _relay(call, first, line, include_usage=message.include_usage)
        await response.eof()


@asynccontextmanager
async def _opened(exchange: Exchange, message: CompleteChatRequest) -> AsyncIterator[tuple[Call, First]]:
    """A running call and its first message to come; leaving ends the call."""
    call = exchange.stubs.chat.StreamChat(message, metadata=exchange.metadata, timeout=exchange.timeout(STREAM_S))
    first = asyncio.ensure_future(anext(aiter(call)))
    try:
        yield call, first
    finally:
        first.cancel()
        call.cancel()


async def _relay(call: Call, first: First, line: Line, *, include_usage: bool) -> None:
    """Writes each message with one write. A failure is one `error` record, and nothing after it."""
    try:
        message = await first
        writer = ChunkWriter(message.start, include_usage=include_usage)
        await line.send(writer.write(message))
        async for message in call:
            if records := writer.write(message):
                await line.send(records)
        await line.send(sse.DONE)
    except grpc.aio.AioRpcError as error:
        await line.send(sse.error_frame(http_error(error).body["error"]))
