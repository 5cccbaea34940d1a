"""The processes of a benchmark: started, asked what they cost (Linux only), and ended."""

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
START_S = 30.0
STOP_S = 15.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# Settings of the shell must not change what is measured.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a set of processes has used since it started: CPU in seconds (user and system), switches of context."""

    cpu_s: float = 0.0
    switches: int = 0

    def __add__(self, other: Self) -> "Cost":
        return Cost(self.cpu_s + other.cpu_s, self.switches + other.switches)

    def __sub__(self, other: Self) -> "Cost":
        return Cost(self.cpu_s - other.cpu_s, self.switches - other.switches)


class Process:
    """A running program and the ports that it printed."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], directory: str) -> None:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._popen = subprocess.Popen(
            [sys.executable, *arguments],
            env={**kept, "PYTHONPATH": str(ROOT), **environment},
            # Away from any `.env` file.
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._lines.put(line)
        self._lines.put("")

    def port(self, announced: str) -> int:
        """Waits for the line that begins with `announced` and ends with a port. Raises `RuntimeError` without one."""
        seen = ""
        try:
            while line := self._lines.get(timeout=START_S):
                seen += line
                if found := re.match(rf"{announced}.*?(\d+)$", line):
                    return int(found[1])
        except Empty:
            seen += f"(nothing more for {START_S:.0f} s)"
        raise RuntimeError(f"expected a line {announced!r} with a port from {self._popen.args!r}, got:\n{seen}")

    def said(self) -> list[str]:
        """The lines that it has printed since it was asked last."""
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def cost(self) -> Cost:
        """What this process and its threads have used."""
        # Fields 14 and 15 of `stat`; the name before them may hold spaces but ends with the last bracket.
        fields = Path(f"/proc/{self._popen.pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        return Cost(cpu_s, sum(self._numbers(r"ctxt_switches", "task/*/status")))

    def resident_mib(self) -> float:
        """The resident memory in MiB."""
        return sum(self._numbers(r"^VmRSS", "status")) / 1024

    def _numbers(self, name: str, files: str) -> Iterator[int]:
        for file in Path(f"/proc/{self._popen.pid}").glob(files):
            yield from map(int, re.findall(rf"{name}:\s+(\d+)", file.read_text(), re.MULTILINE))

    def stop(self) -> None:
        """Ends the process, and does not wait for ever."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


class Starter:
    """Starts programs in an empty directory; they end with it."""

    def __init__(self, stack: ExitStack, directory: str) -> None:
        self._stack = stack
        self._directory = directory

    def __call__(self, *arguments: str, **environment: str) -> Process:
        """Starts `python -m …`."""
        process = Process(("-m", *arguments), environment, self._directory)
        self._stack.callback(process.stop)
        return process


@contextmanager
def starting() -> Iterator[Starter]:
    """A starter whose programs end on leaving."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        yield Starter(stack, directory)
