"""`--reload`: for people who work on the gateway itself."""

import subprocess
import sys
import time
from pathlib import Path

import qwen_grpc
import rest_shim
from qwen_grpc.cli.running import say

PERIOD_S = 0.5


def watch() -> None:
    """Runs the same command without `--reload`, and again whenever a source file has changed."""
    command = [sys.executable, "-m", "qwen_grpc", *(word for word in sys.argv[1:] if word != "--reload")]
    try:
        while True:
            _run_until_change(command)
            say("source changed; starting again")
    except KeyboardInterrupt:
        return


def _run_until_change(command: list[str]) -> None:
    seen = _stamp()
    child = subprocess.Popen(command)
    try:
        while _stamp() == seen:
            time.sleep(PERIOD_S)
    finally:
        child.terminate()
        child.wait()


def _stamp() -> float:
    folders = [Path(package.__file__ or "").parent for package in (qwen_grpc, rest_shim)]
    return max(file.stat().st_mtime for folder in folders for file in folder.rglob("*.py"))
