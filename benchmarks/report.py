"""Where results go: a file with all that was measured, and where it was; and the tables as text."""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figures import Results
from benchmarks.peers import LITELLM, litellm_missing, nginx_missing
from benchmarks.processes import ROOT
from benchmarks.tables import Row, all_tables

OUT = ROOT / "benchmarks" / "out"
PACKAGES = ("fastapi", "grpcio", "httptools", "httpx", "msgspec", "protobuf", "sanic", "uvicorn", "uvloop")


def text(results: Results) -> str:
    """The tables as Markdown, and why some of it is missing or means nothing."""
    tables = [markdown(rows) for rows in all_tables(results).values() if len(rows) > 1]
    notes = [f"{system}: {note}" for system, note in results.notes.items()]
    left_out = [f"{system} is not measured: {why}" for system, why in results.missing.items()]
    return "\n\n".join([*tables, *notes, *left_out, *(f"NOT VALID: {fault}" for fault in results.faults())])


def markdown(rows: Sequence[Row]) -> str:
    """Rows as a table."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def save(results: Results, options: Mapping[str, Any], machine: Mapping[str, Any]) -> Path:
    """Writes everything that was measured, and where."""
    OUT.mkdir(exist_ok=True)
    path = OUT / time.strftime("%Y%m%dT%H%M%S.json")
    found = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": _printed("git", "rev-parse", "HEAD") + ("-dirty" if _printed("git", "status", "--porcelain") else ""),
        "machine": machine,
        "versions": _versions(),
        "options": dict(options),
        "missing": results.missing,
        "notes": results.notes,
        "faults": results.faults(),
        "tables": all_tables(results),
        "memory": results.memory,
        "rounds": results.rounds,
    }
    path.write_text(compact(found) + "\n")
    return path


def compact(found: Mapping[str, Any]) -> str:
    """JSON in which each innermost object or list has a line."""
    spread = json.dumps(found, indent=1, ensure_ascii=False)
    return re.sub(r"\{[^{}]*\}|\[[^][{}]*\]", lambda inner: re.sub(r"\n\s*", " ", inner[0]), spread)


def machine() -> dict[str, Any]:
    """What this machine is, and how busy it is now."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "system": platform.platform(),
        "cpu": cpu.partition(": ")[2],
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    if not nginx_missing():
        found["nginx"] = _printed("nginx", "-v").rpartition("/")[2]
    if not litellm_missing():
        asked = "from importlib.metadata import version; print(version('litellm'))"
        found["litellm"] = _printed(str(LITELLM.with_name("python")), "-c", asked)
    return found


def _printed(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip()
