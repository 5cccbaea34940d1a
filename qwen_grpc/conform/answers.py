"""The upstream's words: OpenAI's chat completions, and HTTP around them, as exact bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import msgspec

from qwen_grpc.conform.markers import Marker

JSON, HTML, SSE = "application/json", "text/html; charset=utf-8", "text/event-stream; charset=utf-8"
TEXT = ("One ", "two ", "three.")
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
CREATED = 1_800_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the gateway: its marker, what it wants, the time in epoch seconds, and the how-manieth it is."""

    marker: Marker
    model: str
    streamed: bool
    usage: bool
    now: float
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is said for so long, in seconds."""

    seconds: float


class Break(Enum):
    """How the upstream breaks off."""

    CUT = "closes the connection"
    RESET = "resets the connection"


# What an upstream does: bytes are one write.
Step: TypeAlias = bytes | Pause | Break


def dump(value: Any) -> bytes:
    """Compact JSON."""
    return msgspec.json.encode(value)


# -- HTTP -------------------------------------------------------------------------------------------------------------


def whole(content: bytes, kind: str = JSON, *, status: str = "200 OK", more: Mapping[str, str] | None = None) -> bytes:
    """A response of known length."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (more or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def piece(content: bytes) -> bytes:
    """A chunk of a response of unknown length."""
    return b"%x\r\n%b\r\n" % (len(content), content)


HEAD = (
    f"HTTP/1.1 200 OK\r\ncontent-type: {SSE}\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n".encode()
)
END = b"0\r\n\r\n"


# -- OpenAI -----------------------------------------------------------------------------------------------------------


def event(payload: bytes) -> bytes:
    """One server-sent event."""
    return b"data: " + payload + b"\n\n"


DONE = event(b"[DONE]")


def chunk(asked: Asked, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    """One step of a streamed answer."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event(dump(_envelope(asked, "chat.completion.chunk") | {"choices": [choice]}))


def said(asked: Asked, text: str) -> bytes:
    """Some more words of a streamed answer."""
    return chunk(asked, {"role": "assistant", "content": text})


def finished(asked: Asked, reason: str = "stop") -> bytes:
    """The end of what is said, and the usage where it was asked for."""
    last = chunk(asked, {}, reason)
    if not asked.usage:
        return last
    return last + event(dump(_envelope(asked, "chat.completion.chunk") | {"choices": [], "usage": USAGE}))


def completion(asked: Asked, message: Mapping[str, Any], finish: str | None = "stop") -> bytes:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
    return dump(_envelope(asked, "chat.completion") | {"choices": [choice], "usage": USAGE})


def answer(asked: Asked, *texts: str) -> Iterator[Step]:
    """A good answer."""
    if not asked.streamed:
        yield whole(completion(asked, {"content": "".join(texts)}))
        return
    yield HEAD
    for text in texts:
        yield piece(said(asked, text))
    yield piece(finished(asked)) + piece(DONE) + END


def error(message: str, kind: str, code: str, param: str | None = None) -> bytes:
    """An error object."""
    return dump({"error": {"message": message, "type": kind, "param": param, "code": code}})


def _envelope(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{asked.marker.nonce}", "object": kind, "created": CREATED, "model": asked.model}
