"""What the client of a gateway sees of one answer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

Json: TypeAlias = dict[str, Any]
# Why there is no proper end: nothing listens, it broke off, it took too long, or we left.
Ending: TypeAlias = Literal["", "unreachable", "broken", "late", "left"]
_record_end = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_line_end = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    """The data of one server-sent event, and when its last byte was there."""

    at: float
    data: bytes


@dataclass(slots=True)
class View:
    """One answer. Times are monotonic seconds; without an answer the status is 0."""

    asked_at: float = field(default_factory=time.monotonic)
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    opened_at: float = 0.0
    reads: list[tuple[float, bytes]] = field(default_factory=list)
    ending: Ending = ""
    ended_at: float = 0.0

    def opened(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of the answer is there."""
        self.status, self.headers, self.opened_at = status, headers, time.monotonic()

    def heard(self, data: bytes) -> None:
        """Some bytes of it came."""
        self.reads.append((time.monotonic(), data))

    def ended(self, ending: Ending = "") -> None:
        """Nothing more will come."""
        self.ending, self.ended_at = ending, time.monotonic()

    # -- what it says ------------------------------------------------------------------------------------------------

    @property
    def body(self) -> bytes:
        """All that came."""
        return b"".join(data for _, data in self.reads)

    @property
    def streamed(self) -> bool:
        """Whether it calls itself an event stream."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def data(self) -> list[Event]:
        """The data of its events."""
        return [Event(at, data) for at, record in self._records() if (data := _data(record)) is not None]

    @property
    def comments(self) -> int:
        """How many of its records say nothing."""
        return sum(record.startswith(b":") for _, record in self._records())

    @property
    def objects(self) -> list[tuple[float, Json]]:
        """Its JSON objects: those of its events, or its body."""
        found = self.data if self.streamed else [Event(self.ended_at, self.body)]
        return [(at, value) for at, data in found if (value := _object(data)) is not None]

    @property
    def unreadable(self) -> list[bytes]:
        """Data of events that no client can read."""
        return [data for _, data in self.data if data != b"[DONE]" and _object(data) is None] if self.streamed else []

    @property
    def done(self) -> bool:
        """Whether the stream says that it is complete."""
        return self.streamed and any(data == b"[DONE]" for _, data in self.data)

    @property
    def error(self) -> Json | None:
        """The error that it tells."""
        return next((told for _, one in self.objects if isinstance(told := one.get("error"), dict)), None)

    @property
    def text(self) -> str:
        """The words of the answer."""
        return "".join(said for _, said in self.said)

    @property
    def said(self) -> list[tuple[float, str]]:
        """The words, each with the time when they were there."""
        told = [(at, message.get("content")) for at, message in self._messages()]
        return [(at, said) for at, said in told if isinstance(said, str) and said]

    @property
    def finish(self) -> str:
        """The finish reason."""
        reasons = [choice.get("finish_reason") for _, choice in self._choices()]
        return next((str(reason) for reason in reasons if reason is not None), "")

    @property
    def usage(self) -> Json | None:
        """The usage."""
        return next((used for _, one in self.objects if isinstance(used := one.get("usage"), dict)), None)

    @property
    def tool_calls(self) -> list[Json]:
        """The tool calls, put together from their steps."""
        calls: dict[int, Json] = {}
        for _, message in self._messages():
            for at, step in enumerate(message.get("tool_calls") or ()):
                _add(calls.setdefault(step.get("index", at), {"id": "", "name": "", "arguments": ""}), step)
        return list(calls.values())

    @property
    def longest_silence(self) -> float:
        """The longest time without a byte, from the question to the end."""
        times = [self.asked_at, self.opened_at or self.ended_at, *(at for at, _ in self.reads), self.ended_at]
        return max(later - earlier for earlier, later in zip(times, times[1:], strict=False))

    def _messages(self) -> Iterator[tuple[float, Json]]:
        for at, choice in self._choices():
            message = choice.get("delta") or choice.get("message")
            if isinstance(message, dict):
                yield at, message

    def _choices(self) -> Iterator[tuple[float, Json]]:
        for at, one in self.objects:
            choices = one.get("choices")
            yield from ((at, choice) for choice in choices or () if isinstance(choice, dict))

    def _records(self) -> Iterator[tuple[float, bytes]]:
        """The records of an event stream, each with the time when it was complete."""
        rest = b""
        for at, data in self.reads:
            *complete, rest = _record_end.split(rest + data)
            yield from ((at, record) for record in complete)


def _data(record: bytes) -> bytes | None:
    lines = [line[5:].removeprefix(b" ") for line in _line_end.split(record) if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def _object(data: bytes) -> Json | None:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _add(call: Json, step: Json) -> None:
    function = step.get("function") or {}
    call["id"] += step.get("id") or ""
    call["name"] += function.get("name") or ""
    call["arguments"] += function.get("arguments") or ""
