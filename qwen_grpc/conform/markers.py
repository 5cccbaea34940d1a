"""The words by which a question says what its upstream is to play."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import uuid4

_marker = re.compile(rb"\[\[conform:([a-z0-9-]+):([0-9a-f]{32}):([0-9]+(?:\.[0-9]+)?)\]\]")


@dataclass(frozen=True, slots=True)
class Marker:
    """What is to be played, the nonce that ties the upstream's record to it, and for how many seconds it waits.

    It stands in what the user says, so every gateway passes it on untouched.
    """

    name: str
    nonce: str
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"[[conform:{self.name}:{self.nonce}:{self.seconds:g}]]"


def new(name: str, seconds: float = 0.0) -> Marker:
    """A marker that nobody has used before."""
    return Marker(name, uuid4().hex, seconds)


def find(body: bytes) -> Marker | None:
    """The marker in the body of a request."""
    found = _marker.search(body)
    return None if found is None else Marker(found[1].decode(), found[2].decode(), float(found[3]))
