"""What a case is: a fault, and the ways in which it comes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from broken_upstream import BrokenUpstream, Play
from faces import ENGINE, Face
from outcomes import Answered, Failed

from qwen_grpc.upstreams.clocks import Clocks

# Long enough for a busy machine, short enough for a test.
SHORT = Clocks(
    connect_s=0.4,
    headers_s=0.5,
    first_event_s=0.5,
    thinking_first_event_s=0.5,
    idle_s=0.5,
    thinking_idle_s=0.5,
    silence_s=0.5,
)
# Makes the upstream one that has the fault.
State = Callable[[BrokenUpstream], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True)
class Variant:
    """One way in which a fault comes.

    `play` is how a completion is answered, `state` what becomes of the
    upstream as a whole. `total_s` is what the gateway gives a call. `asked` counts the completions that one question
    costs; None where a number says nothing.
    """

    name: str
    outcome: Answered | Failed
    play: Play | None = None
    state: State | None = None
    face: Face = ENGINE
    clocks: Clocks | None = None
    total_s: float | None = None
    asked: int | None = 1

    def __str__(self) -> str:
        return f"{self.name} ({self.face})"


@dataclass(frozen=True)
class Fault:
    """A row of the table: its number, what goes wrong, and the variants that the tests play.

    `proofs` are tests elsewhere that show it, `told` what the caller gets
    where no variant tells it, `absent` why it cannot happen here.
    """

    number: int
    title: str
    variants: Sequence[Variant] = ()
    proofs: Sequence[str] = ()
    told: tuple[str, str] = ("", "")
    absent: str = ""

    def __str__(self) -> str:
        return f"F-{self.number:02}"


def at(faces: Iterable[Face], name: str, outcome: Answered | Failed, play: Callable[[Face], Play]) -> Iterator[Variant]:
    """The same at several upstreams."""
    return (Variant(name, outcome, play(face), face=face) for face in faces)
