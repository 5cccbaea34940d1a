"""The tables of the benchmark, out of the result that is checked in."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

RESULT = Path(__file__).resolve().parent.parent / "benchmarks/results/latest.json"

Row = Sequence[str]


def result() -> dict[str, Any]:
    """What `python -m benchmarks` wrote."""
    found: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return found


def table(name: str) -> Callable[[], Iterator[Row]]:
    """One of its tables."""

    def rows() -> Iterator[Row]:
        yield from result()["tables"][name]

    return rows


def place() -> Iterator[Row]:
    """Where, when and with what it was measured."""
    found = result()
    machine, versions = found["machine"], found["versions"]
    yield ("", "")
    yield ("commit", f"`{found['commit'][:12]}`, {found['date']}")
    yield ("machine", f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}")
    yield ("load before (1, 5, 15 minutes)", ", ".join(map(str, machine["load"])))
    yield ("rounds", str(found["options"]["rounds"]))
    yield ("versions", ", ".join(f"{name} {version}" for name, version in versions.items()))
    yield from ((system, note) for system, note in found["notes"].items())
    yield from ((system, f"not measured: {why}") for system, why in found["missing"].items())
    yield from (("**not valid**", fault) for fault in found["faults"])
