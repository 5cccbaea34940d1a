"""The endpoints of `/v1/responses`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
from sanic import HTTPResponse

from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.v1.chat_pb2 import StreamStart
from rest_shim.errors import HttpError, http_error
from rest_shim.exchange import UNARY_S, Exchange, announced, answer
from rest_shim.responses.echo import echo_of
from rest_shim.responses.events import EventWriter
from rest_shim.responses.ids import new_id
from rest_shim.responses.read import Names, Reading, check, read
from rest_shim.responses.write import Head, response
from rest_shim.sse import named_frame
from rest_shim.streaming import stream


async def create_response(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one object `response`, or with its events when the body says `"stream": true`."""
    body = exchange.body
    check(body)
    reading = read(body)
    echo = echo_of(body, store=False)
    if body.get("stream"):
        await _stream(exchange, reading, echo)
        return None
    return await _whole(exchange, reading, echo)


async def _stream(exchange: Exchange, reading: Reading, echo: JsonObject) -> None:
    try:
        await stream(exchange, reading.message, Events(reading.names, echo, _as_it_is))
    except grpc.aio.AioRpcError as error:
        raise reading.names.told(http_error(error)) from None


async def _whole(exchange: Exchange, reading: Reading, echo: JsonObject) -> HTTPResponse:
    call = exchange.stubs.chat.CompleteChat(
        reading.message, metadata=exchange.metadata, timeout=exchange.timeout(UNARY_S)
    )
    try:
        made = await call
    except grpc.aio.AioRpcError as error:
        raise reading.names.told(http_error(error)) from None
    head = Head(new_id(), made.created, made.model, echo)
    return answer(response(head, made), headers=await announced(call))


async def _as_it_is(whole: JsonObject) -> JsonObject:
    return whole


@dataclass(frozen=True, slots=True)
class Events:
    """The dialect of a stream of `/v1/responses`."""

    names: Names
    echo: JsonObject
    last: Callable[[JsonObject], Awaitable[JsonObject]]

    def opened(self, start: StreamStart) -> EventWriter:
        """The writer of an answer that has begun."""
        head = Head(new_id(), start.created, start.model, self.echo)
        return EventWriter(head, start.service_tier, self.last)

    def failed(self, error: HttpError) -> bytes:
        """One event `error`. Clients look for what it says in either of two places."""
        said = self.names.told(error).body["error"]
        event = {"type": "error", "sequence_number": 0, **{name: said[name] for name in ("code", "message", "param")}}
        return named_frame("error", dump({**event, "error": said}))
