"""The pictures of an answer: where they lie, and how they are shown to a client of OpenAI's API."""

import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from qwen_grpc.upstreams.chat_qwen_ai.hosts import CHALLENGE_PATH, is_own
from qwen_grpc.upstreams.chat_qwen_ai.wire import NOTHING, UNREADABLE, Delta, part, said

_path = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%/-]{0,511}")
MAX_ALT = 200
MAX_PICTURES = 16


class PictureExtra(Struct, gc=False):
    """`extra` of the picture phases; each may be JSON, or JSON as text."""

    image_list: Raw = NOTHING
    tool_result: Raw = NOTHING


class ToolCall(Struct, gc=False):
    """What the model asks the built-in tool for: an object, or JSON as text."""

    arguments: Any = None


class Shown:
    """The pictures that an answer showed so far.

    `urls` holds whole addresses on the upstream's own hosts, each once, in the
    order in which they came. Never among them: the addresses in `sent`, which
    the site repeats, and pages that ask for a verification.
    """

    def __init__(self, base_url: str, *, prompt: str = "", sent: Collection[str] = ()) -> None:
        self.urls: list[str] = []
        self._base_url = base_url
        self._prompt = prompt
        self._sent = frozenset(_bare(url) for url in sent)

    def take(self, delta: Delta, chat_id: str) -> None:
        """Learns what an event of a picture phase tells."""
        if said(delta.function_call):
            self._prompt = _asked(part(delta.function_call, ToolCall)) or self._prompt
        self.add(delta.content or "", delta.extra, chat_id)

    def add(self, content: str, extra: Raw, chat_id: str) -> None:
        """Learns the pictures of an event or of a stored phase: from the first place that tells any."""
        told = part(extra, PictureExtra)
        for place in (told.image_list, told.tool_result):
            if found := [url for address in _addresses(place) if (url := self._whole(address, chat_id))]:
                self._keep(found)
                return
        if content.startswith(("https://", "http://")):
            self._keep([url] if (url := self._whole(content.strip(), chat_id)) else [])

    def _whole(self, address: str, chat_id: str) -> str:
        """The address of a picture, or nothing if it is none; a path is one below the chat."""
        if not address.startswith(("https://", "http://")):
            proper = chat_id and _path.fullmatch(address) and ".." not in address
            return self._below(chat_id) + address if proper else ""
        refused = CHALLENGE_PATH in address or _bare(address) in self._sent
        return "" if refused or not is_own(address, self._base_url) else address

    def lie_in(self, chat_id: str) -> bool:
        """Whether a picture would go with the chat."""
        return any(url.startswith(self._below(chat_id)) for url in self.urls)

    def _below(self, chat_id: str) -> str:
        # Where the files lie that tools make inside a chat; they ask for its session.
        return f"{self._base_url}/api/v2/chat/{chat_id}/"

    def _keep(self, urls: list[str]) -> None:
        for url in urls:
            if url not in self.urls and len(self.urls) < MAX_PICTURES:
                self.urls.append(url)

    def markdown(self) -> str:
        """The pictures as Markdown, one in a line."""
        alt = _escaped(self._prompt) or "image"
        return "\n".join(f"![{alt}]({url.replace('(', '%28').replace(')', '%29')})" for url in self.urls)

    def parts(self) -> str:
        """The pictures as typed parts, in the text of a JSON object."""
        images = [{"type": "image_url", "image_url": {"url": url}} for url in self.urls]
        return msgspec.json.encode({"images": images}).decode()


def _addresses(raw: Raw) -> list[str]:
    try:
        return list(_walked(msgspec.json.decode(raw))) if said(raw) else []
    except UNREADABLE:
        return []


def _walked(value: Any) -> Iterator[str]:
    match value:
        case str() if value.startswith(("[", "{", '"')):
            yield from _walked(msgspec.json.decode(value))
        case str():
            yield value
        case list():
            for item in value:
                yield from _walked(item)
        case {"image": inner} | {"url": inner}:
            yield from _walked(inner)
        case _:
            return


def _asked(call: ToolCall) -> str:
    try:
        arguments = msgspec.json.decode(call.arguments) if isinstance(call.arguments, str) else call.arguments
    except UNREADABLE:
        return ""
    prompt = arguments.get("prompt") if isinstance(arguments, dict) else None
    return prompt if isinstance(prompt, str) else ""


def _escaped(prompt: str) -> str:
    """A prompt as the text of a Markdown picture: one line, of moderate length, with its brackets escaped."""
    return re.sub(r"([\\\[\]])", r"\\\1", " ".join(prompt.split())[:MAX_ALT])


def _bare(url: str) -> str:
    """An address without its signature, which may be renewed."""
    return url.partition("?")[0]
