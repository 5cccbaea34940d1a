"""POST /v1/completions, OpenAI's older form: the prompt is the one message of a chat."""

from typing import Any

from sanic import HTTPResponse

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.openai_json.kinds import InvalidBody, wrong_type
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CompleteChatResponse, StreamChatResponse, StreamStart
from rest_shim.completions import check_stream_options
from rest_shim.errors import HttpError, bad_request
from rest_shim.exchange import Exchange, Json
from rest_shim.sse import DONE, error_frame, frame
from rest_shim.streaming import stream

# Members that chat models cannot serve, with the reason; what asks for nothing is let through.
REFUSED: dict[str, str] = {
    "echo": "the answer of a chat model does not go on from the prompt",
    "suffix": "chat models do not fill in the middle of a text",
    "logprobs": "chat completions have them, in a form of their own",
    "tools": "a text has no place for calls; ask /v1/chat/completions",
    "messages": "the prompt is the only message here; ask /v1/chat/completions",
}
# How many tries the best one is chosen from: there is one, and so it is the best.
_MEANINGLESS = ("prompt", "best_of", "tool_choice", *REFUSED)


async def complete_text(exchange: Exchange) -> HTTPResponse | None:
    """Answers with one JSON object, or with SSE when the body says `"stream": true`."""
    message = _read(exchange.body)
    if exchange.body.get("stream"):
        await stream(exchange, message, TextChunks(include_usage=message.include_usage))
        return None
    return await exchange.reply(exchange.stubs.chat.CompleteChat, message, write)


def _read(body: Json) -> CompleteChatRequest:
    for name, reason in REFUSED.items():
        if _asks(body.get(name)):
            raise bad_request(name, f"{name} is not served here: {reason}", "unsupported_parameter")
    check_stream_options(body)
    kept = {name: value for name, value in body.items() if name not in _MEANINGLESS}
    chat = {**kept, "messages": [{"role": "user", "content": _prompt(body.get("prompt"))}]}
    REQUESTS.check(CompleteChatRequest, chat)
    return REQUESTS.read(CompleteChatRequest, chat)


def _asks(value: Any) -> bool:
    # Asking for no alternatives (`"logprobs": 0`) asks for the probabilities all the same.
    return value is not None and value is not False and value not in ("", [])


def _prompt(value: Any) -> str:
    match value:
        case str(text) | [str(text)]:
            return text
        case None | []:
            raise InvalidBody("prompt", "Missing required parameter: 'prompt'.", "missing_required_parameter")
        case [str(), *_]:
            raise bad_request("prompt", "prompt holds several texts: send a request for each", "unsupported_parameter")
        case [int() | list(), *_]:
            text = "prompt holds numbers of tokens, which models do not share: send text"
            raise bad_request("prompt", text, "unsupported_parameter")
        case _:
            raise wrong_type(value, "prompt", "a string or an array with one string")


def write(answer: CompleteChatResponse) -> JsonObject:
    """The whole answer. Thinking has no place in it."""
    written = RESPONSES.write(answer)
    choices = [_choice(one["index"], one["message"]["content"] or "", one) for one in written["choices"]]
    usage = {"usage": written["usage"]} if "usage" in written else {}
    return {**_constant(answer), "choices": choices, **usage}


def _constant(start: StreamStart | CompleteChatResponse) -> JsonObject:
    return {
        "id": f"cmpl-{start.id.removeprefix('chatcmpl-')}",
        "object": "text_completion",
        "created": start.created,
        "model": start.model,
    }


def _choice(index: int, text: str, said: JsonObject) -> JsonObject:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": said.get("finish_reason")}


class TextChunks:
    """The dialect of its streams."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage

    def opened(self, start: StreamStart) -> "TextChunkWriter":
        """The writer of an answer that has begun."""
        return TextChunkWriter(start, include_usage=self._include_usage)

    def failed(self, error: HttpError) -> bytes:
        """One record `error`, and no `[DONE]`."""
        return error_frame(error.body["error"])


class TextChunkWriter:
    """Writes one chunk for each piece of text; the usage comes like that of chat completions."""

    def __init__(self, start: StreamStart, *, include_usage: bool) -> None:
        self._constant = _constant(start)
        self._last: JsonObject = {"usage": None} if include_usage else {}

    def write(self, response: StreamChatResponse) -> bytes:
        """All records of one message; empty if it has no text."""
        records = []
        for delta in response.deltas:
            text = delta.content + delta.refusal
            if text or delta.finish_reason:
                records.append(self._record([_choice(delta.index, text, RESPONSES.write(delta))], {}))
        if self._last and response.HasField("usage"):
            records.append(self._record([], {"usage": RESPONSES.write(response.usage)}))
        return b"".join(records)

    async def end(self) -> bytes:
        """The record that says that nothing comes any more."""
        return DONE

    def failed(self, error: HttpError) -> bytes:
        """One record `error`, and no `[DONE]`."""
        return error_frame(error.body["error"])

    def _record(self, choices: list[JsonObject], more: JsonObject) -> bytes:
        return frame(dump({**self._constant, "choices": choices, **self._last, **more}))
