"""The table of the load proofs, out of the results that are checked in."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "tests/load/results"

Row = Sequence[str]


def figures() -> Iterator[Row]:
    """What `make load` and `make soak` measured last, against its bars."""
    yield ("figure", "bar", "measured", "")
    for name in ("load", "soak"):
        for one in _result(name)["figures"]:
            yield (one["what"], one["bar"], one["seen"], "" if one["good"] else "**missed**")


def places() -> Iterator[Row]:
    """Where and when that was."""
    yield ("run", "commit", "date", "machine", "load before it")
    for name in ("load", "soak"):
        found = _result(name)
        machine = found["machine"]
        where = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"
        yield (f"`make {name}`", f"`{found['commit']}`", found["date"], where, ", ".join(map(str, machine["load"])))


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found
