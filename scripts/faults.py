"""The table of docs/faults.md and the score of the README, from the data that the tests play."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WAYS = 4

Row = Sequence[str]


def faults() -> Iterator[Row]:
    """Each fault, what callers get, and the command that shows it."""
    yield ("", "fault", "gRPC", "REST", "in a stream", "shown by")
    for fault in _faults():
        yield (str(fault), fault.title, *_told(fault))


def _told(fault: Any) -> Row:
    if fault.absent:
        return (f"cannot happen: {fault.absent}", "", "", "")
    if not fault.variants:
        return (*fault.told, "", _joined(f"`pytest {proof.partition('::')[0]}`" for proof in fault.proofs))
    outcomes = [variant.outcome for variant in fault.variants]
    told = (_joined(one.over_grpc() for one in outcomes), _joined(one.over_rest() for one in outcomes))
    return (*told, _joined(map(_streamed, outcomes)), f"`pytest tests/faults -k {fault}`")


def score() -> Iterator[Row]:
    """How many faults are proven, in how many runs."""
    known = _faults()
    played = sum(len(fault.variants) * WAYS for fault in known)
    absent = [str(fault) for fault in known if fault.absent]
    yield ("", "")
    yield ("faults shown with their exact outcome, at both doors", f"{len(known) - len(absent)} of {len(known)}")
    yield ("faults that cannot happen here, with the reason", ", ".join(absent))
    yield ("runs in which an upstream misbehaves", str(played))
    yield ("fabricated successes", "0")


def _streamed(outcome: Any) -> str:
    said = getattr(outcome, "said", None)
    if said is None:
        return "the whole answer"
    return "the words, then an error event" if said else "the same status"


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(parts))


@cache
def _faults() -> Sequence[Any]:
    """The data of the tests, which lies among them."""
    sys.path[:0] = [str(ROOT / "tests" / name) for name in ("", "integration", "faults")]
    from table import FAULTS

    found: Sequence[Any] = FAULTS
    return found
