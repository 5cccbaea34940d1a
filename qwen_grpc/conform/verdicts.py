"""What is thought of a trial, and why, in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from qwen_grpc.conform.trials import Trial
from qwen_grpc.conform.views import View

MAX_QUOTED = 80


class Grade(Enum):
    """Whether a gateway does what is expected; `n/a` is for what it does not offer."""

    OK = "ok"
    FAIL = "FAIL"
    NA = "n/a"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A grade, and what was seen."""

    grade: Grade
    seen: str


Judge: TypeAlias = Callable[[Trial], Verdict]


def ok(seen: str) -> Verdict:
    """As expected."""
    return Verdict(Grade.OK, seen)


def fail(seen: str) -> Verdict:
    """Not as expected."""
    return Verdict(Grade.FAIL, seen)


def judged(good: object, seen: str) -> Verdict:
    """One or the other."""
    return ok(seen) if good else fail(seen)


def not_offered(seen: str) -> Verdict:
    """Nothing to judge."""
    return Verdict(Grade.NA, seen)


def quoted(text: object) -> str:
    """Some words of somebody else, on one line and not many."""
    plain = "".join(character if character.isprintable() else "·" for character in str(text))
    return plain if len(plain) <= MAX_QUOTED else plain[: MAX_QUOTED - 1] + "…"


def counted(count: int, what: str) -> str:
    """So many of something that arrived upstream."""
    return f"{count} {what}{'' if count == 1 else 's'} upstream"


_ENDINGS = {
    "unreachable": "the gateway could not be reached",
    "broken": "the connection broke off",
    "late": "no end within the time",
    "left": "left by us",
}


def described(view: View) -> str:
    """An answer in short: status, error, words, finish reason, and how it ended."""
    parts = [f"status {view.status}"] if view.status else ["no answer"]
    if view.error is not None:
        parts.append(f"error {quoted(_words_of(view))}")
    if view.text:
        parts.append(f"text {quoted(repr(view.text))}")
    if view.finish:
        parts.append(f"finish_reason {quoted(view.finish)}")
    if view.unreadable:
        parts.append(f"an event that is no JSON: {quoted(view.unreadable[0].decode('utf-8', 'replace'))}")
    if view.done:
        parts.append("[DONE]")
    if view.ending:
        parts.append(_ENDINGS[view.ending])
    elif len(parts) == 1 and view.status == 200:
        parts.append("a clean end and no word")
    return ", ".join(parts)


def _words_of(view: View) -> str:
    error = view.error or {}
    return "/".join(str(error[name]) for name in ("type", "code") if error.get(name)) or str(error.get("message", ""))
