"""POST /v1/messages and /v1/messages/count_tokens."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sanic import HTTPResponse

from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CountTokensRequest
from rest_shim.exchange import NOTICE, Exchange, answer
from rest_shim.messages.body import Body, Prompt, sound, taken
from rest_shim.messages.events import PING, Events
from rest_shim.messages.names import named_as_in
from rest_shim.messages.read import read, read_prompt
from rest_shim.messages.write import Wish, whole
from rest_shim.streaming import stream

Asked = TypeVar("Asked", bound=Prompt)


async def create_message(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one message, or with events when the body says `"stream": true`."""
    asked, message = _read(exchange, Body, read)
    wish = Wish.of(asked)
    with named_as_in(asked):
        if asked.stream:
            await stream(exchange, message, Events(wish, exchange.request.ctx.request_id), heartbeat=PING)
            return None
        return await exchange.reply(exchange.stubs.chat.CompleteChat, message, partial(whole, wish=wish))


async def count_tokens(exchange: Exchange) -> HTTPResponse:
    """Answers `{"input_tokens": n}`; the header `x-qwen-notice` says when that is an estimate."""
    prompt, message = _read(exchange, Prompt, read_prompt)
    with named_as_in(prompt):
        counted = await exchange.call(exchange.stubs.chat.CountTokens, CountTokensRequest(chat=message))
    headers = {NOTICE: "estimated"} if counted.estimated else None
    return answer({"input_tokens": counted.input_tokens}, headers=headers)


def _read(
    exchange: Exchange, kind: type[Asked], reading: Callable[[Asked], CompleteChatRequest]
) -> tuple[Asked, CompleteChatRequest]:
    asked = taken(kind, exchange.body)
    try:
        return asked, reading(asked)
    except UnicodeEncodeError:
        asked = taken(kind, sound(exchange.body))
        return asked, reading(asked)
