"""From rounds to figures: medians with their spread, ratios and differences of the same round, and what spoils them."""

import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.loads import OPEN_1000, STREAMS_16, Load
from benchmarks.rounds import Round, Rounds
from benchmarks.systems import DIRECT, OURS, PLAIN

# A system that delivers less of the offered pace is saturated: its figures are those of a saturated system.
MIN_DELIVERED = 0.98

Step = str | int


class Spread(NamedTuple):
    """The median over the rounds, the least, and the most."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """None where nothing was measured."""
    known = [value for value in values if value is not None]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured: rounds by system and load, memory by system, and why a system is not in it."""

    rounds: Rounds
    memory: Mapping[str, Round] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def of(self, system: str, load: Load) -> list[Round]:
        """The rounds of a system under a load."""
        return list(self.rounds.get(system, {}).get(load.name, ()))

    def figure(self, system: str, load: Load, *path: Step) -> Spread | None:
        """One figure, such as `("added_ms", 0)`."""
        return spread(at(round_, path) for round_ in self.of(system, load))

    def ratio(self, upper: str, lower: str, load: Load, *path: Step) -> Spread | None:
        """How often a figure of `lower` goes into that of `upper`, round by round."""
        pairs = self._pairs(upper, lower, load, path)
        return spread(above / below for above, below in pairs if below)

    def added(self, system: str, load: Load, *path: Step) -> Spread | None:
        """What a system adds to a figure of the way without any, round by round."""
        return spread(through - direct for through, direct in self._pairs(system, DIRECT, load, path))

    def _pairs(self, left: str, right: str, load: Load, path: tuple[Step, ...]) -> list[tuple[float, float]]:
        rounds = zip(self.of(left, load), self.of(right, load), strict=False)
        pairs = ((at(one, path), at(other, path)) for one, other in rounds)
        return [(one, other) for one, other in pairs if one is not None and other is not None]

    def total(self, system: str, load: Load, name: str) -> int:
        """The sum of a count over all rounds."""
        return sum(round_[name] for round_ in self.of(system, load))

    def saturated(self, system: str, load: Load) -> bool:
        """Whether it could not keep the pace."""
        delivered = self.figure(system, load, "delivered")
        return not load.whole and delivered is not None and delivered.median < MIN_DELIVERED

    def misled(self, names: Collection[str]) -> int:
        """Deltas lost, doubled or out of order in any run of these systems."""
        wrong = ("lost", "doubled", "out_of_order")
        return sum(run[what] for name, _, run in self._runs() if name in names for what in wrong)

    def _runs(self) -> Iterator[tuple[str, str, Round]]:
        for name, loads in self.rounds.items():
            for load, rounds in loads.items():
                yield from ((name, load, round_) for round_ in rounds)
        yield from ((name, OPEN_1000.name, run) for name, run in self.memory.items())

    def faults(self) -> list[str]:
        """Why some of it means nothing: requests that failed, deltas that were not as sent, a saturated reference.

        Others need not hold as many streams as the gateway; the table says how many they did.
        """
        found = [
            f"{name}, {load}: {fault}"
            for name, load, run in self._runs()
            if (fault := wrong_with(run)) and (load != OPEN_1000.name or name in OURS)
        ]
        if self.saturated(PLAIN, STREAMS_16):
            found.append(f"{PLAIN} delivered less than {MIN_DELIVERED:.0%} at {STREAMS_16.name}: a poor reference")
        return found


def wrong_with(round_: Round) -> str:
    """What is wrong with a round; empty if nothing is."""
    wrong = {name: round_[name] for name in ("lost", "doubled", "out_of_order", "errors") if round_[name]}
    return f"{wrong}, the first error: {round_['first_error'] or 'none'}" if wrong else ""


def at(round_: Round, path: Iterable[Step]) -> float | None:
    """The value at a path; None where there is none."""
    value: Any = round_
    for step in path:
        value = None if value is None else value[step]
    return None if value is None else float(value)


def cost(load: Load) -> str:
    """The name of the CPU figure of a load: a delta's, or a request's for whole answers."""
    return "cpu_us_per_request" if load.whole else "cpu_us_per_delta"
