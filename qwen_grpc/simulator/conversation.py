"""A conversation as OpenAI's dialect sends it, for the faces that speak it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from qwen_grpc.simulator.script import Sent

DATA_URI = re.compile(r"data:\w+/([\w.+-]+)")
DICTATED = re.compile(r"\[\[call:([\w-]+) (\{.*?\})]]", re.DOTALL)
FORM = re.compile(r"^Answer with [^\n]*\bJSON\b.*?(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
# Where the address of a medium stands in a part, by the kind that the answer calls it.
MEDIA = {
    "image_url": "image",
    "image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "video_url": "video",
    "video": "video",
}
TOKEN_CHARACTERS = 4


def tokens(text: str) -> int:
    """A token for every four characters begun, on every face."""
    return -(-len(text) // TOKEN_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of a request; `parameters` are its other members."""

    messages: list[dict[str, Any]]
    parameters: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The words of the last user message."""
        return text_of(self._last_user.get("content"))

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The functions that may be called; none when `tool_choice` forbids it."""
        if self.parameters.get("tool_choice") == "none":
            return []
        return [tool["function"] for tool in self.parameters.get("tools") or [] if "function" in tool]

    @property
    def forced_tool(self) -> str | None:
        """The name of the function that must be called, empty for any, None when the model may choose."""
        choice = self.parameters.get("tool_choice")
        if isinstance(choice, dict):
            return str(choice.get("function", {}).get("name", ""))
        return "" if choice == "required" else None

    @property
    def dictated(self) -> tuple[str, str] | None:
        """The call that the last user message spells out, until that is answered; none of a function not offered."""
        call = dictated(self.prompt)
        offered = {tool.get("name") for tool in self.tools}
        speakers = [one["role"] for one in self.messages if one.get("role") in ("user", "assistant", "tool")]
        return call if call and call[0] in offered and speakers[-1:] == ["user"] else None

    @property
    def response_format(self) -> str:
        """The type of the wanted answer."""
        wanted = self.parameters.get("response_format") or {}
        return str(wanted.get("type", "text"))

    @property
    def stops(self) -> list[str]:
        """The words that end the answer before they are said."""
        stop = self.parameters.get("stop") or []
        return [stop] if isinstance(stop, str) else [one for one in stop if isinstance(one, str)]

    @property
    def form(self) -> dict[str, Any] | None:
        """The schema of the wanted JSON, empty for any object; None when text is wanted. Words may ask for it too."""
        if self.response_format == "text":
            spoken = (text_of(one.get("content")) for one in self.messages if one.get("role") in ("system", "user"))
            return next((form for form in map(form_in, spoken) if form is not None), None)
        return (self.parameters["response_format"].get("json_schema") or {}).get("schema") or {}

    def shaped(self, said: str) -> str:
        """A text in the wanted form: as it is, or as JSON, after the schema if there is one."""
        if self.form is None:
            return said
        return json.dumps(filled(self.form, said) if self.form else {"answer": said}, ensure_ascii=False)

    def number(self, name: str) -> int | None:
        """A whole number among the parameters."""
        value = self.parameters.get(name)
        return value if isinstance(value, int) else None

    def urls(self) -> Iterator[tuple[str, str]]:
        """The kind and the address of everything in the messages that is no text."""
        for message in self.messages:
            yield from _media(message.get("content"))

    def sent(self) -> tuple[Sent, ...]:
        """What came along with the last user message."""
        return tuple(Sent(name_of(url, kind), kind, url) for kind, url in _media(self._last_user.get("content")))

    @property
    def _last_user(self) -> dict[str, Any]:
        return next((one for one in reversed(self.messages) if one.get("role") == "user"), {})


def text_of(content: object) -> str:
    """The words of a message."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)


def dictated(text: str) -> tuple[str, str] | None:
    """The name and the arguments of the last call that a text spells out: `[[call:NAME {"argument": "value"}]]`."""
    calls = DICTATED.findall(text)
    return calls[-1] if calls else None


def form_in(text: str) -> dict[str, Any] | None:
    """The schema that some words want the answer to follow, empty for any object; None when they want no JSON."""
    found = FORM.search(text)
    lines = found[0].split("\n") if found else []
    return next((json.loads(line) for line in lines if line.startswith("{")), {}) if found else None


def name_of(url: str, kind: str) -> str:
    """What to call a medium: the last part of its address, or its kind and type when it came as data."""
    if url.startswith("data:"):
        typed = DATA_URI.match(url)
        return f"{kind}.{typed[1]}" if typed else kind
    return urlsplit(url).path.rpartition("/")[2] or kind


def filled(schema: dict[str, Any], text: str) -> Any:
    """A value that a simple schema allows: the text wherever a string goes."""
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: filled(inner, text) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [filled(schema.get("items", {"type": "string"}), text)]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return text


def _media(content: object) -> Iterator[tuple[str, str]]:
    for part in content if isinstance(content, list) else []:
        for field in MEDIA.keys() & part.keys() if isinstance(part, dict) else ():
            for url in _addresses(part[field]):
                yield MEDIA[field], url


def _addresses(value: object) -> Iterator[str]:
    """The addresses in a field that holds one, many, or an object around one."""
    if isinstance(value, dict):
        value = value.get("url", value.get("data"))
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one
