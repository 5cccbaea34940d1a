"""From rounds to figures: medians, ratios to the reference, the table, the file, the verdict."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT
from benchmarks.systems import GATEWAY, REFERENCE

OUT = ROOT / "benchmarks" / "out"
PACKAGES = ("fastapi", "grpcio", "httptools", "httpx", "msgspec", "protobuf", "sanic", "uvicorn", "uvloop")
# What the in-process gateway may cost of what the reference costs.
BARS = {"delta": 0.55, "request": 0.30}
MIN_DELIVERED = 0.98

Round = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Results:
    """All rounds by system and by what was paid for: `delta` or `request`."""

    rounds: Mapping[str, Mapping[str, Sequence[Round]]]

    def median(self, system: str, paid: str, *path: str | int) -> float | None:
        """The median of one figure over the rounds; None where it was not measured."""
        values = [_at(round_, path) for round_ in self.rounds[system].get(paid, ())]
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    def ratios(self, system: str, paid: str) -> list[float]:
        """CPU beside the reference, round by round."""
        pairs = zip(self.rounds[system].get(paid, ()), self.rounds[REFERENCE][paid], strict=False)
        return [ours["cpu_ms_per_1000"] / theirs["cpu_ms_per_1000"] for ours, theirs in pairs]

    def failures(self) -> list[str]:
        """Why these figures mean nothing: lost or doubled deltas, failed requests, a saturated reference."""
        found = [
            f"{system}: {round_['errors']} errors, the first: {round_['first_error']}"
            for system, paid in self.rounds.items()
            for rounds in paid.values()
            for round_ in rounds
            if round_["errors"]
        ]
        delivered = self.median(REFERENCE, "delta", "delivered") or 0.0
        if delivered < MIN_DELIVERED:
            found.append(f"{REFERENCE}: delivered {delivered:.1%} of the pace, expected at least {MIN_DELIVERED:.0%}")
        return found

    def verdicts(self) -> list[tuple[str, float, float]]:
        """What is paid for, the median ratio, and the bar."""
        return [(paid, statistics.median(self.ratios(GATEWAY, paid)), bar) for paid, bar in BARS.items()]


def _at(round_: Round, path: Iterable[str | int]) -> float | None:
    value: Any = round_
    for step in path:
        value = None if value is None else value[step]
    return None if value is None else float(value)


def table(results: Results) -> str:
    """The figures as Markdown: streams, then whole answers."""
    streams = (
        ("CPU ms / 1000 deltas", ("cpu_ms_per_1000",)),
        ("switches / delta", ("switches_per_one",)),
        ("delivered", ("delivered",)),
        ("TTFT ms p50", ("first_ms", 0)),
        ("p99", ("first_ms", 1)),
        ("added ms p50", ("added_ms", 0)),
        ("p99", ("added_ms", 1)),
        ("RSS MiB", ("resident_mib",)),
    )
    whole = (
        ("CPU ms / 1000 requests", ("cpu_ms_per_1000",)),
        ("switches / request", ("switches_per_one",)),
        ("requests / s", ("per_second",)),
        ("latency ms p50", ("whole_ms", 0)),
        ("p99", ("whole_ms", 1)),
    )
    return "\n\n".join(_table(results, paid, columns) for paid, columns in (("delta", streams), ("request", whole)))


def _table(results: Results, paid: str, columns: Sequence[tuple[str, tuple[str | int, ...]]]) -> str:
    names = [name for name, _ in columns]
    lines = [f"| {' | '.join(['', names[0], 'of the reference', *names[1:]])} |", "|---|" + "---:|" * (len(names) + 1)]
    for system in (name for name, kinds in results.rounds.items() if paid in kinds):
        figures = [_figure(results.median(system, paid, *path)) for _, path in columns]
        lines.append(f"| {' | '.join([system, figures[0], _spread(results.ratios(system, paid)), *figures[1:]])} |")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]"


def save(results: Results, options: Mapping[str, Any]) -> Path:
    """Writes everything that was measured, and where."""
    OUT.mkdir(exist_ok=True)
    path = OUT / time.strftime("%Y%m%dT%H%M%S.json")
    found = {
        "machine": _machine(),
        "commit": _git("rev-parse", "HEAD") + ("-dirty" if _git("status", "--porcelain") else ""),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "options": dict(options),
        "ratios": {paid: ratio for paid, ratio, _ in results.verdicts()},
        "failures": results.failures(),
        "rounds": results.rounds,
    }
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path


def _machine() -> dict[str, Any]:
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "system": platform.platform(),
        "cpu": cpu.partition(": ")[2],
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
