"""What a chat request asks for, whichever dialect it came in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from qwen_grpc.simulator.dashscope.models import ChatModel
from qwen_grpc.simulator.script import Sent

FILE_ID = re.compile(r"fileid://([\w-]+)")
DATA_URI = re.compile(r"data:\w+/([\w.+-]+)")
# Where the address of a medium stands in a part, by the kind that the answer calls it.
MEDIA = {
    "image_url": "image",
    "image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "video_url": "video",
    "video": "video",
}
MESSAGE_TOKENS = 5
PROMPT_TOKENS = 3
JSON_TOKENS = 2
TOKEN_CHARACTERS = 4


def tokens(text: str) -> int:
    """A token for every four characters begun, as on the other faces."""
    return -(-len(text) // TOKEN_CHARACTERS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat request; `parameters` are everything but model and messages, `native` says that a frame may grow."""

    model: ChatModel
    messages: list[dict[str, Any]]
    parameters: dict[str, Any]
    stream: bool
    native: bool = False

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers."""
        if self.model.thinking in ("none", "must"):
            return self.model.thinking == "must"
        if self.parameters.get("reasoning_effort") == "none":
            return False
        asked = self.parameters.get("enable_thinking")
        return self.model.thinking == "on" if asked is None else bool(asked)

    @property
    def prompt(self) -> str:
        """The words of the last user message."""
        users = [message for message in self.messages if message.get("role") == "user"]
        return text_of(users[-1].get("content")) if users else ""

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
    def response_format(self) -> str:
        """The type of the wanted answer."""
        wanted = self.parameters.get("response_format") or {}
        return str(wanted.get("type", "text"))

    @property
    def searches(self) -> bool:
        """Whether the model may look into the web."""
        return bool(self.parameters.get("enable_search"))

    def number(self, name: str) -> int | None:
        """A whole number among the parameters."""
        value = self.parameters.get(name)
        return value if isinstance(value, int) else None

    @property
    def input_tokens(self) -> int:
        """What the prompt costs: five for every message, three for the beginning of the answer (recorded in 2026)."""
        spoken = sum(MESSAGE_TOKENS + tokens(text_of(message.get("content"))) for message in self.messages)
        shaped = JSON_TOKENS if self.response_format == "json_object" else 0
        return spoken + PROMPT_TOKENS + shaped + sum(tokens(str(tool)) for tool in self.tools)

    def urls(self) -> Iterator[tuple[str, str]]:
        """The kind and the address of everything in the messages that is no text."""
        for message in self.messages:
            yield from _media(message.get("content"))

    def sent(self) -> tuple[Sent, ...]:
        """What came along with the last user message."""
        users = [message for message in self.messages if message.get("role") == "user"]
        media = list(_media(users[-1].get("content"))) if users else []
        return tuple(Sent(name_of(url, kind), kind, url) for kind, url in media)

    def file_ids(self) -> list[str]:
        """The uploaded files that system messages name."""
        systems = [message for message in self.messages if message.get("role") == "system"]
        return [found for message in systems for found in FILE_ID.findall(text_of(message.get("content")))]


def text_of(content: object) -> str:
    """The words of a message."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)


def name_of(url: str, kind: str) -> str:
    """What to call a medium: the last part of its address, or its kind and type when it came as data."""
    if url.startswith("data:"):
        typed = DATA_URI.match(url)
        return f"{kind}.{typed[1]}" if typed else kind
    return urlsplit(url).path.rpartition("/")[2] or kind


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
