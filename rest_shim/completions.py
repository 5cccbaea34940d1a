"""POST /v1/chat/completions, streamed and whole."""

from sanic import HTTPResponse

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest
from rest_shim.chunks import Chunks
from rest_shim.errors import bad_request
from rest_shim.exchange import Exchange, Json
from rest_shim.streaming import stream


async def complete_chat(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one JSON object, or with SSE when the body says `"stream": true`."""
    body = exchange.body
    REQUESTS.check(CompleteChatRequest, body)
    message = REQUESTS.read(CompleteChatRequest, body)
    check_stream_options(body)
    if body.get("stream"):
        await stream(exchange, message, Chunks(include_usage=message.include_usage))
        return None
    return await exchange.reply(exchange.stubs.chat.CompleteChat, message, RESPONSES.write)


def check_stream_options(body: Json) -> None:
    """Raises a 400 for options of a stream that nobody asked for, as OpenAI does."""
    if body.get("stream_options") is not None and not body.get("stream"):
        raise bad_request("stream_options", "stream_options is only allowed with stream: true", "invalid_value")
