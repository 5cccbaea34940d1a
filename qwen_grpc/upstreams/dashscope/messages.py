"""Messages as DashScope takes them: one system message at the beginning, and plain text where a model wants it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qwen_grpc.errors import Unsupported
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.upstreams.dashscope.traits import Traits

SYSTEM, DEVELOPER = "system", "developer"
# Members of our own answers that clients send back with a history, and that say nothing there.
_ECHOES = ("refusal", "annotations", "audio", "reasoning")
# The kinds of input that parts need, by the letters of `Traits.inputs`.
_NEEDS = {
    "image_url": ("i", "images"),
    "input_audio": ("a", "sound"),
    "video_url": ("v", "clips"),
    "video": ("v", "clips"),
}


@dataclass(frozen=True, slots=True)
class Adapted:
    """The messages, and what the caller should know of how they were changed."""

    messages: Sequence[JsonObject]
    notices: Sequence[str] = ()


def adapted(messages: Sequence[JsonObject], traits: Traits, file_urls: Sequence[str] = ()) -> Adapted:
    """Every rule applied to every message; `file_urls` name the documents that the model shall read."""
    for at, message in enumerate(messages):
        _check_parts(message, f"messages[{at}]", traits)
    spoken = [_ruled(message, traits) for message in messages]
    system, rest = _gathered(spoken)
    files = [{"role": SYSTEM, "content": ",".join(file_urls)}] if file_urls else []
    moved = [message for message in spoken[: len(system)] if message["role"] != SYSTEM]
    told = ["system messages were moved to the beginning and joined, as there can be only one"] if moved else []
    return Adapted([*_joined(system), *files, *rest], told)


def _ruled(message: JsonObject, traits: Traits) -> JsonObject:
    for plain in ANYWHERE:
        message = plain(message)
    for rule in BY_MODEL:
        message = rule(message, traits)
    return message


def without_echoes(message: JsonObject) -> JsonObject:
    """Drops nulls and what only answers have; who declined to answer has said just that."""
    kept = {name: item for name, item in message.items() if name not in _ECHOES and item is not None}
    # A call of a tool comes with an empty text, not with none.
    return {"content": message.get("refusal") or "", **kept}


def with_earlier_thinking(message: JsonObject, traits: Traits) -> JsonObject:
    """Keeps `reasoning_content` where the model reads it."""
    if "R" in traits.can:
        return message
    return {name: item for name, item in message.items() if name != "reasoning_content"}


def as_system(message: JsonObject) -> JsonObject:
    """Says `system` for the newer word `developer`."""
    return message | {"role": SYSTEM} if message.get("role") == DEVELOPER else message


def without_refusals(message: JsonObject) -> JsonObject:
    """Says words of refusal as text."""
    content = message["content"]
    if not isinstance(content, list):
        return message
    return message | {"content": [_as_text(part) for part in content]}


def as_plain_text(message: JsonObject, traits: Traits) -> JsonObject:
    """Joins a list of nothing but texts, which models without sight refuse. Marks for the cache keep it a list."""
    content = message["content"]
    if not isinstance(content, list) or any(set(part) != {"type", "text"} for part in content):
        return message
    if traits.sees and message.get("role") == "user":
        return message
    return message | {"content": "\n".join(str(part["text"]) for part in content)}


ANYWHERE: Sequence[Callable[[JsonObject], JsonObject]] = (as_system, without_echoes, without_refusals)
BY_MODEL: Sequence[Callable[[JsonObject, Traits], JsonObject]] = (with_earlier_thinking, as_plain_text)


def _as_text(part: JsonObject) -> JsonObject:
    return {"type": "text", "text": part["refusal"]} if part.get("type") == "refusal" else part


def _gathered(messages: Sequence[JsonObject]) -> tuple[list[JsonObject], list[JsonObject]]:
    system = [message for message in messages if message.get("role") == SYSTEM]
    return system, [message for message in messages if message.get("role") != SYSTEM]


def _joined(system: Sequence[JsonObject]) -> list[JsonObject]:
    """One system message; lists of parts stay lists."""
    if len(system) < 2:
        return list(system)
    contents = [message["content"] for message in system]
    if all(isinstance(content, str) for content in contents):
        return [{"role": SYSTEM, "content": "\n\n".join(contents)}]
    return [{"role": SYSTEM, "content": [part for content in contents for part in _parts(content)]}]


def _parts(content: Any) -> list[JsonObject]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _check_parts(message: JsonObject, path: str, traits: Traits) -> None:
    content = message.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        letter, what = _NEEDS.get(str(part.get("type")), ("", ""))
        if letter and letter not in traits.inputs:
            at = f"{path}.content[{number}]"
            raise Unsupported(f"{at}: this model takes no {what}; ListModels tells which models do", field=at)
