"""Answer text as the site sends it: increments, now and then snapshots, sometimes half an emoji."""

import json
import os
from typing import Any

import msgspec

from qwen_grpc.upstreams.chat_qwen_ai.wire import UNREADABLE


class Text:
    """The text of an answer, from increments or from snapshots.

    The site sends increments; some streams were seen to repeat the whole text
    so far in each event. Which of the two it is shows in the second and third
    event: only snapshots each begin with the one before. The second event is
    held back for that when it is ambiguous; nothing else ever waits.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._snapshot = ""
        self._held = ""
        self._increments = False
        self._snapshots = False

    def take(self, content: str) -> str:
        """Takes the content of an event and returns the text that is new."""
        new = content if self._increments else self._undecided(content)
        if new:
            self._parts.append(new)
        return new

    def rest(self) -> str:
        """What is still held back when the stream ends; two events alone are taken for increments."""
        held, self._held = self._held, ""
        if held:
            self._parts.append(held)
        return held

    def append(self, more: str) -> str:
        """Takes and returns text that stands behind all that the site wrote."""
        self._parts.append(more)
        return more

    @property
    def mark(self) -> int:
        """How far the text is, for `back_to`; 0 before its first word."""
        return len(self._parts)

    def back_to(self, mark: int) -> None:
        """Forgets what was taken since."""
        del self._parts[mark:]
        self._held = ""

    def whole(self) -> str:
        """All text returned so far."""
        return "".join(self._parts)

    def _undecided(self, content: str) -> str:
        if self._snapshots:
            return self._more(content)
        so_far = self.whole()
        if not so_far:
            return content
        if self._held:
            self._snapshots = content.startswith(self._held)
            self._increments = not self._snapshots
            held, self._held, self._snapshot = self._held, "", so_far
            return self._more(content) if self._snapshots else held + content
        if len(content) > len(so_far) and content.startswith(so_far):
            self._held = content
            return ""
        self._increments = True
        return content

    def _more(self, snapshot: str) -> str:
        if new := grown(self._snapshot, snapshot):
            self._snapshot = snapshot
        return new


def grown(before: str, now: str) -> str:
    """What a cumulative text has more than before; after a rewrite, all behind the common beginning."""
    if now.startswith(before):
        return now[len(before) :]
    return now[len(os.path.commonprefix((before, now))) :]


class Pairing:
    """Joins the halves of surrogate pairs that were split between two JSON escapes."""

    def __init__(self) -> None:
        self._high = ""

    def mend(self, value: Any, *, spoken: bool = True) -> Any:
        """The same JSON value with whole characters.

        A high half at the end of what is spoken waits for the next event;
        elsewhere halves are replaced.
        """
        if isinstance(value, str):
            return self._joined(value) if spoken else _whole(value)
        if isinstance(value, list):
            return [self.mend(item, spoken=spoken) for item in value]
        if isinstance(value, dict):
            return {_whole(key): self.mend(item, spoken=spoken and key in _TEXTUAL) for key, item in value.items()}
        return value

    def _joined(self, text: str) -> str:
        if not text:
            return text
        text, self._high = self._high + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        return _whole(text)


def readable(content: bytes) -> Any:
    """The value of JSON text; half an emoji, with which texts that were cut end, is replaced.

    Raises one of `UNREADABLE`.
    """
    try:
        return msgspec.json.decode(content)
    except UNREADABLE:
        # The decoder refuses half of a surrogate pair; the standard library does not.
        return Pairing().mend(json.loads(content), spoken=False)


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# The members on the way to the text of a delta.
_TEXTUAL = frozenset({"choices", "delta", "content"})
