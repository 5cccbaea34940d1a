"""From the items of `input` to the messages of a chat.

Items are smaller than messages: what the model thought, said and called in
one answer is several items and one message. Where a message begins is decided
here, and where each message came from is kept for the texts of errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.openai_json.kinds import InvalidBody, wrong_type
from rest_shim.responses.parts import content_of, text_of
from rest_shim.responses.shapes import item_shapes, objects, typed

ROLES = ("user", "assistant", "system", "developer")
# Items that are understood; others are left out: they belong to tools that somebody else runs.
SHAPES = item_shapes()


@dataclass
class Chat:
    """Messages as they gather, each with the path of the item that began it."""

    messages: list[JsonObject] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    _answer: JsonObject | None = None

    def add(self, message: JsonObject, path: str) -> None:
        """A message that stands for itself."""
        self.messages.append(message)
        self.paths.append(path)
        self._answer = None

    def answer(self, path: str, *, said: bool = False) -> JsonObject:
        """The assistant's message that an item belongs to: the last one, unless both say something.

        One with calls is never left before their results: these have to follow it.
        """
        if self._answer is None or (said and "content" in self._answer and "tool_calls" not in self._answer):
            message: JsonObject = {"role": "assistant"}
            self.add(message, path)
            self._answer = message
        return self._answer

    def without_bare_thoughts(self) -> "Chat":
        """The same without messages in which the assistant only thought: there is no answer that they belong to."""
        kept = [at for at, message in enumerate(self.messages) if message.keys() - {"role", "reasoning_content"}]
        return Chat([self.messages[at] for at in kept], [self.paths[at] for at in kept])


def chat_of(value: Any) -> Chat:
    """The messages that `input` says. Raises `InvalidBody` with the path of what is wrong."""
    chat = Chat()
    if isinstance(value, str):
        chat.add({"role": "user", "content": value}, "input")
        return chat
    if not isinstance(value, list):
        raise wrong_type(value, "input", "a string or an array of items")
    for at, item in enumerate(objects(value, "input")):
        add_item(chat, item, f"input[{at}]")
    return chat.without_bare_thoughts()


def add_item(chat: Chat, item: JsonObject, path: str) -> None:
    """Adds what one item says."""
    kind = typed(item, path, "message")
    if kind in SHAPES:
        SHAPES[kind].check(item, path)
    match kind:
        case "message":
            _add_message(chat, item, path)
        case "reasoning":
            _add_thinking(chat, item, path)
        case "function_call":
            _add_call(chat, item, path, item.get("arguments") or "")
        case "custom_tool_call":
            _add_call(chat, item, path, dump({"input": item.get("input") or ""}).decode())
        case "function_call_output" | "custom_tool_call_output":
            content = content_of(item.get("output"), f"{path}.output")
            chat.add({"role": "tool", "tool_call_id": item["call_id"], "content": content or ""}, path)
        case _:
            return


def references(value: Any) -> list[str]:
    """The ids of items that `input` names instead of repeating them."""
    items = value if isinstance(value, list) else []
    named = [item for item in items if isinstance(item, dict) and item.get("type") == "item_reference"]
    return [item["id"] for item in named if isinstance(item.get("id"), str)]


def resolved(value: Any, known: dict[str, JsonObject]) -> Any:
    """`input` with the items that are named in it. Raises `InvalidBody` for a name that is not known."""
    if not isinstance(value, list):
        return value
    return [_resolved(item, known, f"input[{at}]") for at, item in enumerate(value)]


def _resolved(item: Any, known: dict[str, JsonObject], path: str) -> Any:
    if not isinstance(item, dict) or item.get("type") != "item_reference":
        return item
    if item.get("id") not in known:
        text = f"{path}.id names no item that is kept here: send the item itself, or store responses (store: true)"
        raise InvalidBody(f"{path}.id", text, "invalid_value")
    return known[item["id"]]


def _add_message(chat: Chat, item: JsonObject, path: str) -> None:
    role = item["role"]
    if role not in ROLES:
        choices = ", ".join(f"'{word}'" for word in ROLES)
        text = f"Invalid value for '{path}.role': expected one of {choices}."
        raise InvalidBody(f"{path}.role", text, "invalid_value")
    content = content_of(item.get("content"), f"{path}.content")
    if role != "assistant":
        chat.add({"role": role, "content": content or ""}, path)
        return
    answer = chat.answer(path, said=True)
    before = answer.get("content")
    answer["content"] = _joined(content) if before is None else _joined([*_parts(before), *_parts(content)])


def _joined(content: str | Sequence[JsonObject] | None) -> str | Sequence[JsonObject]:
    """What the assistant said is one text again, if it was nothing but text."""
    if content is None or isinstance(content, str):
        return content or ""
    return text_of(content) if all(part["type"] == "text" for part in content) else content


def _parts(content: str | Sequence[JsonObject] | None) -> Sequence[JsonObject]:
    return [{"type": "text", "text": content or ""}] if content is None or isinstance(content, str) else content


def _add_thinking(chat: Chat, item: JsonObject, path: str) -> None:
    thoughts = text_of(item.get("content")) or text_of(item.get("summary"))
    if thoughts:
        message = chat.answer(path, said=True)
        message["reasoning_content"] = message.get("reasoning_content", "") + thoughts


def _add_call(chat: Chat, item: JsonObject, path: str, arguments: str) -> None:
    function = {"name": item["name"], "arguments": arguments}
    calls: list[JsonObject] = chat.answer(path).setdefault("tool_calls", [])
    calls.append({"id": item["call_id"], "type": "function", "function": function})
