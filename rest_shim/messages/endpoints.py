"""POST /v1/messages and /v1/messages/count_tokens."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sanic import HTTPResponse

from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CountTokensRequest
from rest_shim.exchange import NOTICE, Exchange, Json, answer
from rest_shim.messages.body import Body, Prompt, sound, taken
from rest_shim.messages.events import PING, Events
from rest_shim.messages.read import read, read_prompt
from rest_shim.messages.write import Wish, whole
from rest_shim.streaming import stream

Read = TypeVar("Read")


async def create_message(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one message, or with events when the body says `"stream": true`."""
    message, wish, streamed = _read(exchange, _asked)
    if streamed:
        await stream(exchange, message, Events(wish, exchange.request.ctx.request_id), heartbeat=PING)
        return None
    return await exchange.reply(exchange.stubs.chat.CompleteChat, message, partial(whole, wish=wish))


async def count_tokens(exchange: Exchange) -> HTTPResponse:
    """Answers `{"input_tokens": n}`; the header `x-qwen-notice` says when that is an estimate."""
    prompt = _read(exchange, lambda body: read_prompt(taken(Prompt, body)))
    counted = await exchange.call(exchange.stubs.chat.CountTokens, CountTokensRequest(chat=prompt))
    headers = {NOTICE: "estimated"} if counted.estimated else None
    return answer({"input_tokens": counted.input_tokens}, headers=headers)


def _asked(body: Json) -> tuple[CompleteChatRequest, Wish, bool]:
    asked = taken(Body, body)
    return read(asked), Wish.of(asked), bool(asked.stream)


def _read(exchange: Exchange, reading: Callable[[Json], Read]) -> Read:
    try:
        return reading(exchange.body)
    except UnicodeEncodeError:
        return reading(sound(exchange.body))
