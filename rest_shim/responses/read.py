"""From the body of `POST /v1/responses` to a chat request."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.openai_json.fields import listed
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import STRING, InvalidBody, check_kind
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatRequest
from rest_shim.errors import HttpError
from rest_shim.responses.items import chat_of
from rest_shim.responses.shapes import body_shape
from rest_shim.responses.tools import choice_of, format_of, tools_of

# Members that are read here, or that have no meaning behind this dialect. All others are the same in chat, or are
# carried like any that is not known.
OWN = frozenset(
    (
        *("model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "max_output_tokens"),
        *("include", "store", "previous_response_id", "background", "truncation", "stream", "stream_options"),
        *("client_metadata", "max_tool_calls", "context_management", "messages", "n"),
    )
)
LOGPROBS = "message.output_text.logprobs"

# How chat calls what is called otherwise here.
_NAMES = {
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}
_message_path = re.compile(r"messages\[(\d+)\]")
# What chat nests in a part or a call lies flat in the part or item here.
_nested = re.compile(r"(\.image_url)\.url|\.file(\.file_\w+)|\.tool_calls\[\d+\](?:\.function)?")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of this dialect for what failures call by chat's. `paths` say where each message stood in the body."""

    paths: tuple[str, ...]

    def told(self, error: HttpError) -> HttpError:
        """A failure in the words of this dialect."""
        if error.param:
            error.message, error.param = self._renamed(error.message, error.param)
        return error

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Gives complaints about a body the words of this dialect."""
        try:
            yield
        except InvalidBody as error:
            message, param = self._renamed(error.message, error.param)
            raise InvalidBody(param, message, error.code) from None

    def _renamed(self, message: str, path: str) -> tuple[str, str]:
        told = self._path(path)
        return message.replace(path, told), told

    def _path(self, path: str) -> str:
        found = _message_path.match(path)
        if found and int(found[1]) < len(self.paths):
            return self.paths[int(found[1])] + _nested.sub(_kept, path[found.end() :])
        return _NAMES.get(path, path)


@dataclass(frozen=True, slots=True)
class Reading:
    """A request as a message, and what its parts are called in the body."""

    message: CompleteChatRequest
    names: Names


def check(body: JsonObject) -> None:
    """Raises `InvalidBody` for members that are wrong, or that ask for what is not served here."""
    body_shape().check(body, "")
    if body.get("prompt") is not None:
        raise _unserved("prompt", "prompts are not stored here: send the text as instructions and input")
    if isinstance(body.get("conversation"), str) or "id" in (body.get("conversation") or {}):
        raise _unserved("conversation", "there are no conversation objects here: send previous_response_id instead")
    for at, word in enumerate(listed(body.get("include"), "include")):
        check_kind(STRING, word, f"include[{at}]")


def read(body: JsonObject, before: Sequence[ChatMessage] = ()) -> Reading:
    """The request that a checked body says. `before` are messages of the response that it continues."""
    chat = chat_of(body["input"])
    messages, paths = chat.messages, chat.paths
    instructions = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    request = _request(body)
    with Names(("instructions",) * len(instructions) + tuple(paths)).checking():
        REQUESTS.check(CompleteChatRequest, {**request, "messages": [*instructions, *messages]})
    message = REQUESTS.read(CompleteChatRequest, request)
    for part in (_messages(instructions), before, _messages(messages)):
        message.messages.extend(part)
    paths = ["instructions"] * len(instructions) + ["previous_response_id"] * len(before) + paths
    return Reading(message, Names(tuple(paths)))


def _request(body: JsonObject) -> JsonObject:
    """All of the chat request but its messages."""
    carried = {name: value for name, value in body.items() if name not in OWN and value is not None}
    choice, tools = choice_of(body.get("tool_choice"), tools_of(body.get("tools")))
    effort = (body.get("reasoning") or {}).get("effort")
    found = {
        "model": body["model"],
        "tools": tools or None,
        "tool_choice": choice,
        "reasoning_effort": effort,
        "max_completion_tokens": body.get("max_output_tokens"),
        "logprobs": LOGPROBS in (body.get("include") or ()) or bool(body.get("top_logprobs")) or None,
        **format_of(body.get("text")),
    }
    return carried | {name: value for name, value in found.items() if value is not None}


def _kept(found: re.Match[str]) -> str:
    return found[1] or found[2] or ""


def _messages(said: list[JsonObject]) -> Sequence[ChatMessage]:
    return REQUESTS.read(CompleteChatRequest, {"messages": said}).messages


def _unserved(name: str, text: str) -> InvalidBody:
    return InvalidBody(name, text, "unsupported_parameter")
