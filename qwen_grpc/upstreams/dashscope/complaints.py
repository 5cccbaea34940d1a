"""DashScope's errors, as it words them.

Shapes, as recorded until June 2026: `{"error": {code, type, message}}` in the
compatible dialect, `{code, message}` in the native one, also with HTTP 200
and as an event within a stream. A native event may be the text of another
error, and what the model's own side finds begins with its status and code.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from qwen_grpc.openai_json.jsontext import load
from qwen_grpc.upstreams.dashscope.origin import DASHSCOPE

# `<400> InternalError.Algo.InvalidParameter: ...`
_inner = re.compile(r"\s*<(\d{3})> (?:InternalError\.Algo\.)?([\w.]+):")
_frame = re.compile(r"event:\s*error\s+(?::HTTP_STATUS/(\d{3})\s+)?data:\s*(\{.*\})", re.DOTALL)
_word = re.compile(r"\s*([A-Za-z_.]+)")


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error as DashScope told it. `status` is 0 where none was told; `type` is a second code word."""

    host: str
    status: int = 0
    code: str = ""
    type: str = ""
    message: str = ""
    request_id: str = ""
    wait_s: float | None = None

    @property
    def where(self) -> str:
        """Who refused, for error texts."""
        return f"{DASHSCOPE} at {self.host}"

    def says(self, phrase: str) -> bool:
        """Whether the text has these words, given in small letters."""
        return phrase in self.message.lower()


def is_complaint(value: Any) -> bool:
    """Whether this is an error, whatever status it came with."""
    return isinstance(value, dict) and bool(value.get("error") or value.get("code"))


def complaint_of(value: Any, known: Complaint) -> Complaint:
    """Reads an error of either dialect into what is known of it already."""
    outer = value if isinstance(value, dict) else {}
    error = outer.get("error")
    inner = error if isinstance(error, dict) else {"message": error} if error else outer
    found = replace(
        known,
        code=_text(inner.get("code")),
        type=_text(inner.get("type")),
        message=_text(inner.get("message")),
        request_id=_text(outer.get("request_id")),
    )
    return _unwrapped(found)


def complaint_in(text: str, known: Complaint) -> Complaint:
    """Reads an error that is nothing but a text, which begins with its code word."""
    word = _word.match(text)
    return _unwrapped(replace(known, code=word[1] if word else "", message=text))


def _unwrapped(said: Complaint) -> Complaint:
    """The error that the text of another one holds, if it holds one."""
    if prefix := _inner.match(said.message):
        return replace(said, status=int(prefix[1]), code=prefix[2])
    frame = _frame.search(said.message)
    try:
        value = load(frame[2]) if frame else None
    except ValueError:
        return said
    if frame is None or not isinstance(value, dict):
        return said
    message = _text(value.get("message"))
    return replace(said, status=int(frame[1] or said.status), code=_text(value.get("code")), message=message)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
