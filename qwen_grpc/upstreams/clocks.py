"""How long to wait for an upstream."""

from dataclasses import dataclass, fields, replace
from enum import Enum, auto
from typing import Self


class Work(Enum):
    """What an upstream may be doing while it is silent."""

    ANSWERING = auto()
    THINKING = auto()
    RESEARCHING = auto()


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds of silence that one kind of work is allowed: before the first event, between two, and with comments."""

    first_event_s: float
    idle_s: float
    silence_s: float


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of one upstream, in seconds.

    `connect_s` is for name, TCP and TLS; `headers_s` runs from the sent
    request to the status line, `first_event_s` from there to the first event,
    and `idle_s` from event to event, both with a longer form for models that
    think. A comment shows that the upstream lives, and winds `idle_s` too; but
    after `silence_s` seconds without an event it ends all the same.
    """

    connect_s: float = 5.0
    headers_s: float = 15.0
    first_event_s: float = 60.0
    thinking_first_event_s: float = 180.0
    idle_s: float = 45.0
    thinking_idle_s: float = 120.0
    silence_s: float = 300.0
    research_idle_s: float = 600.0

    def waits(self, work: Work) -> Waits:
        """What a stream is allowed."""
        if work is Work.ANSWERING:
            return Waits(self.first_event_s, self.idle_s, max(self.silence_s, self.idle_s))
        idle_s = self.research_idle_s if work is Work.RESEARCHING else self.thinking_idle_s
        return Waits(self.thinking_first_event_s, idle_s, max(self.silence_s, idle_s))

    def changed(self, **seconds: float | None) -> Self:
        """The same with what is not None changed; a name is that of a field without `_s`."""
        return replace(self, **{f"{name}_s": value for name, value in seconds.items() if value is not None})


SETTABLE = tuple(field.name.removesuffix("_s") for field in fields(Clocks) if field.name != "research_idle_s")
