"""Server-sent events: the only place that spells them."""

from collections.abc import Mapping
from typing import Any

from qwen_grpc.openai_json.jsontext import dump

HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    # nginx would otherwise collect the answer before it passes it on.
    "x-accel-buffering": "no",
}


def frame(payload: bytes) -> bytes:
    """One SSE record around one line of text, which compact JSON always is."""
    return b"data: " + payload + b"\n\n"


def named_frame(name: str, payload: bytes) -> bytes:
    """One SSE record with the name of its event."""
    return b"event: " + name.encode() + b"\n" + frame(payload)


def error_frame(error: Mapping[str, Any]) -> bytes:
    """The record that ends a failed stream; `error` holds OpenAI's `message`, `type`, `param` and `code`."""
    return frame(dump({"error": error}))


DONE = frame(b"[DONE]")

# A comment: clients skip it, proxies see that the line is alive.
HEARTBEAT = b": keep-alive\n\n"
