"""What was measured against its bar, as a table and as JSON with the machine and the commit."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from load.processes import ROOT

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it is, the bar, what was seen, and whether that is good enough."""

    what: str
    bar: str
    seen: str
    good: bool


def at_most(what: str, seen: float, bar: float, unit: str) -> Figure:
    """A figure that is better the smaller it is."""
    return Figure(what, f"≤ {bar:g} {unit}".rstrip(), f"{seen:.4g} {unit}".rstrip(), seen <= bar)


def at_least(what: str, seen: float, bar: float, unit: str) -> Figure:
    """A figure that is better the larger it is."""
    return Figure(what, f"≥ {bar:g} {unit}".rstrip(), f"{seen:.4g} {unit}".rstrip(), seen >= bar)


def none_of(what: str, faults: Sequence[str]) -> Figure:
    """Things of which there may be none; the first one is shown."""
    return Figure(what, "0", f"{len(faults)}: {faults[0]}" if faults else "0", not faults)


def told(what: str, seen: str) -> Figure:
    """Something without a bar, which explains the others."""
    return Figure(what, "", seen, good=True)


def table(figures: Sequence[Figure]) -> str:
    """All of them as a Markdown table."""
    rows = [("figure", "bar", "measured", ""), ("---", "---", "---", "---")]
    rows += [(one.what, one.bar, one.seen, "" if one.good else "**missed**") for one in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def save(name: str, figures: Sequence[Figure], **more: Any) -> Path:
    """Writes them with where and when; the folder is not part of the repository."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    found = {"date": time.strftime("%Y-%m-%d"), "commit": _commit(), "machine": _machine()}
    found |= {"figures": [asdict(one) for one in figures], **more}
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _commit() -> str:
    words = ("git", "rev-parse", "--short=12", "HEAD")
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    load = [round(one, 2) for one in os.getloadavg()]
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "load": load}
