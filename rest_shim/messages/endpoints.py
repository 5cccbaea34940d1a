"""POST /v1/messages."""

from functools import partial

from sanic import HTTPResponse

from rest_shim.exchange import Exchange
from rest_shim.messages.body import Body, taken
from rest_shim.messages.events import PING, Events
from rest_shim.messages.read import read
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
