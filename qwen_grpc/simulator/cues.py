"""What a request asks the simulator to play."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """Which scenario to play, empty for the one that the request itself asks for, with its number."""

    scenario: str = ""
    count: int = 0


def named(text: str) -> Cue:
    """The cue that `NAME` or `NAME:N` means."""
    name, _, number = text.partition(":")
    return Cue(name, int(number) if number.isdecimal() else 0)
