"""Calls and their results in earlier messages, as text of the trained form."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from qwen_grpc.openai_json.jsontext import dump, load
from qwen_grpc.tools.markup import CALL, CALL_END, RESPONSE, RESPONSE_END
from qwen_grpc.tools.pairing import paired
from qwen_grpc.tools.parser import ToolParser
from qwen_grpc.tools.prompt import joined, text_of
from qwen_grpc.v1.chat_pb2 import (
    ROLE_DEVELOPER,
    ROLE_FUNCTION,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    ChatMessage,
    ContentPart,
    ToolCall,
)

_RESULTS = (ROLE_TOOL, ROLE_FUNCTION)
_response_tag = re.compile(f"<(/?{RESPONSE.strip('<>')}>)")


def plain(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The conversation without tool calls and tool messages: what they say is text of assistant and user.

    Results that follow one another become one message, in the order of their
    calls. Raises `InvalidParameter` for a result without a call.
    """
    numbers = paired(messages)
    told: list[ChatMessage] = []
    for results, group in groupby(enumerate(messages), key=lambda pair: pair[1].role in _RESULTS):
        if results:
            ordered = sorted(group, key=lambda pair: numbers.get(pair[0], -1))
            told.append(_results([message for _, message in ordered]))
        else:
            told += [_said(message) if message.tool_calls else message for _, message in group]
    return told


def instructed(messages: Sequence[ChatMessage], text: str) -> list[ChatMessage]:
    """The conversation with an instruction: behind the words of a first system message, or as one."""
    first, *rest = messages
    if first.role not in (ROLE_SYSTEM, ROLE_DEVELOPER):
        return [ChatMessage(role=ROLE_SYSTEM, content=text), *messages]
    return [_worded(first, joined(text_of(first), text)), *rest]


def reminded(messages: Sequence[ChatMessage], text: str) -> list[ChatMessage]:
    """The conversation with an instruction before the words of its last message, for who is told no other."""
    *before, last = messages
    return [*before, _worded(last, joined(text, text_of(last)))]


def spoken(text: str, calls: Sequence[ToolCall]) -> str:
    """What the assistant wrote when it said `text` and made these calls."""
    return "\n".join([*([text] if text else []), *map(_call, calls)])


def respoken(text: str) -> str:
    """An answer as it was written, in the form in which `plain` tells it when it comes back."""
    parser = ToolParser()
    deltas = parser.feed(text) + parser.finish()
    calls = [ToolCall(name=call.name, arguments=call.arguments) for delta in deltas for call in delta.tool_calls]
    return spoken("".join(delta.content for delta in deltas), calls)


def _said(message: ChatMessage) -> ChatMessage:
    return _of(message, content=spoken(text_of(message), message.tool_calls))


def _call(call: ToolCall) -> str:
    name = dump(call.name).decode()
    return f'{CALL}\n{{"name": {name}, "arguments": {_arguments(call.arguments)}}}\n{CALL_END}'


def _arguments(text: str) -> str:
    """The arguments as they were, if they are JSON; otherwise as the text that they are."""
    try:
        load(text)
    except ValueError:
        return dump(text).decode() if text.strip() else "{}"
    return text


def _results(messages: Sequence[ChatMessage]) -> ChatMessage:
    text = "\n".join(f"{RESPONSE}\n{_harmless(text_of(message))}\n{RESPONSE_END}" for message in messages)
    return _worded(ChatMessage(role=ROLE_USER, parts=[part for message in messages for part in message.parts]), text)


def _worded(message: ChatMessage, text: str) -> ChatMessage:
    """The message with other words, and its media."""
    media = [part for part in message.parts if part.WhichOneof("part") != "text"]
    return _of(message, parts=[ContentPart(text=text), *media]) if media else _of(message, content=text)


def _of(message: ChatMessage, **said: Any) -> ChatMessage:
    """Another message of the same author."""
    other = ChatMessage(role=message.role, **said)
    if message.HasField("name"):
        other.name = message.name
    return other


def _harmless(text: str) -> str:
    """A result in which no tag can end it early: what tools bring may come from strangers."""
    return _response_tag.sub(r"<\\\1", text)
