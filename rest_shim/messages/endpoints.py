"""POST /v1/messages and /v1/messages/count_tokens."""

from functools import partial

from sanic import HTTPResponse

from qwen_grpc.v1.chat_pb2 import CountTokensRequest
from rest_shim.exchange import NOTICE, Exchange, answer
from rest_shim.messages.body import Body, Prompt, taken
from rest_shim.messages.events import PING, Events
from rest_shim.messages.read import read, read_prompt
from rest_shim.messages.write import Wish, whole
from rest_shim.streaming import stream


async def create_message(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one message, or with events when the body says `"stream": true`."""
    body = taken(Body, exchange.body)
    message, wish = read(body), Wish.of(body)
    if body.stream:
        await stream(exchange, message, Events(wish, exchange.request.ctx.request_id), heartbeat=PING)
        return None
    return await exchange.reply(exchange.stubs.chat.CompleteChat, message, partial(whole, wish=wish))


async def count_tokens(exchange: Exchange) -> HTTPResponse:
    """Answers `{"input_tokens": n}`; the header `x-qwen-notice` says when that is an estimate."""
    prompt = read_prompt(taken(Prompt, exchange.body))
    counted = await exchange.call(exchange.stubs.chat.CountTokens, CountTokensRequest(chat=prompt))
    headers = {NOTICE: "estimated"} if counted.estimated else None
    return answer({"input_tokens": counted.input_tokens}, headers=headers)
