"""POST /v1/responses: whole, as events, or in the background."""

from dataclasses import dataclass

import grpc
from sanic import HTTPResponse

from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.v1.chat_pb2 import StreamStart
from qwen_grpc.v1.responses_pb2 import BeginResponseRequest
from rest_shim.errors import HttpError, http_error
from rest_shim.exchange import Exchange, announced, answer
from rest_shim.responses.echo import echo_of
from rest_shim.responses.events import EventWriter, Last
from rest_shim.responses.ids import new_id
from rest_shim.responses.items import resolved
from rest_shim.responses.keeping import Keeping, before, check_background, known, seconds_of
from rest_shim.responses.read import Names, Reading, check, read
from rest_shim.responses.stored import stored, with_call_ids
from rest_shim.responses.write import Head, response
from rest_shim.sse import named_frame
from rest_shim.streaming import stream


async def create_response(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one object `response`, or with its events when the body says `"stream": true`."""
    body = exchange.body
    check(body)
    if body.get("background"):
        check_background(body)
    body = {**body, "input": resolved(body["input"], await known(exchange, body))}
    reading = read(body, await before(exchange, body))
    keeping = Keeping(exchange, reading.message, seconds_of(body, exchange.settings.keep_responses))
    echo = echo_of(body, store=keeping.seconds > 0 or bool(body.get("background")))
    try:
        return await _answer(exchange, reading, keeping, echo)
    except grpc.aio.AioRpcError as error:
        raise reading.names.told(http_error(error)) from None


async def _answer(exchange: Exchange, reading: Reading, keeping: Keeping, echo: JsonObject) -> HTTPResponse | None:
    if exchange.body.get("background"):
        return await _begin(exchange, reading, echo)
    if exchange.body.get("stream"):
        await stream(exchange, reading.message, Events(reading.names, echo, keeping.last))
        return None
    return await _whole(exchange, keeping, echo)


async def _whole(exchange: Exchange, keeping: Keeping, echo: JsonObject) -> HTTPResponse:
    timeout = exchange.timeout
    call = exchange.stubs.chat.CompleteChat(keeping.message, metadata=exchange.metadata, timeout=timeout)
    made = await call
    head = Head(new_id(), made.created, made.model, echo)
    whole = await keeping.last(head, with_call_ids(head.id, made), response(head, made))
    return answer(whole, headers=await announced(call))


async def _begin(exchange: Exchange, reading: Reading, echo: JsonObject) -> HTTPResponse:
    request = BeginResponseRequest(id=new_id(), request=reading.message, dialect_json=dump(echo).decode())
    begun = (await exchange.call(exchange.stubs.responses.BeginResponse, request)).response
    begun.request.model = reading.message.model
    return answer(stored(begun))


@dataclass(frozen=True, slots=True)
class Events:
    """The dialect of a stream of `/v1/responses`."""

    names: Names
    echo: JsonObject
    last: Last

    def opened(self, start: StreamStart) -> EventWriter:
        """The writer of an answer that has begun."""
        return EventWriter(Head(new_id(), start.created, start.model, self.echo), start, self.last)

    def failed(self, error: HttpError) -> bytes:
        """One event `error`. Clients look for what it says in either of two places."""
        said = self.names.told(error).body["error"]
        event = {"type": "error", "sequence_number": 0, **{name: said[name] for name in ("code", "message", "param")}}
        return named_frame("error", dump({**event, "error": said}))
