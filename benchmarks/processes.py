"""The processes of a benchmark: started, asked what they cost (Linux only), and ended."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
START_S = 60.0
STOP_S = 15.0
MIB = 1 << 20

# Settings of the shell must not change what is measured.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a set of processes has used since it started: CPU in seconds (user and system), switches of context.

    `sleeps` are the switches of which a thread was the cause itself, as it waited for something.
    """

    cpu_s: float = 0.0
    switches: int = 0
    sleeps: int = 0

    def __add__(self, other: Self) -> "Cost":
        return Cost(self.cpu_s + other.cpu_s, self.switches + other.switches, self.sleeps + other.sleeps)

    def __sub__(self, other: Self) -> "Cost":
        return Cost(self.cpu_s - other.cpu_s, self.switches - other.switches, self.sleeps - other.sleeps)


def tree(pid: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError):
            for child in file.read_text().split():
                yield from tree(int(child))


def cost_of(pid: int) -> Cost:
    """What one process and its threads have used."""
    # The clock of another process's CPU time: `clock_getcpuclockid(3)`, which Python does not have. It counts
    # nanoseconds where `/proc/PID/stat` counts hundredths of a second.
    clock = (~pid << 3) | 2
    sleeps, pushed = (
        sum(_numbers(pid, rf"^{name}_ctxt_switches", "task/*/status")) for name in ("voluntary", "nonvoluntary")
    )
    return Cost(time.clock_gettime(clock), sleeps + pushed, sleeps)


def memory_of(pid: int) -> int:
    """The memory of a process in bytes, with its share of what it has in common with others (PSS)."""
    return 1024 * sum(_numbers(pid, "^Pss", "smaps_rollup"))


def _numbers(pid: int, name: str, files: str) -> Iterator[int]:
    for file in Path(f"/proc/{pid}").glob(files):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield from map(int, re.findall(rf"{name}:\s+(\d+)", file.read_text(), re.MULTILINE))


class Process:
    """A running program, its descendants, and what it printed."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], directory: str) -> None:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._popen = subprocess.Popen(
            command,
            env={**kept, **environment},
            # Away from any `.env` file.
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._collector.start()

    def _collect(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as printed:
            for line in printed:
                self._lines.put(line)
        self._lines.put("")

    def announced(self, pattern: str) -> str:
        """Waits for a line that begins with `pattern`; returns its last group. Raises `RuntimeError` without one."""
        seen = ""
        try:
            while line := self._lines.get(timeout=START_S):
                seen += line
                if found := re.match(pattern, line):
                    return found[found.re.groups]
        except Empty:
            seen += f"(nothing more for {START_S:.0f} s)"
        raise RuntimeError(f"expected a line like {pattern!r} from {self._popen.args!r}, got:\n{seen}")

    def port(self, word: str) -> int:
        """The port at the end of the line that begins with `word`."""
        return int(self.announced(rf"{word}.*?(\d+)$"))

    def said(self) -> list[str]:
        """The lines that it has printed since it was asked last."""
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def cost(self) -> Cost:
        """What it and its descendants have used."""
        return sum((cost_of(pid) for pid in tree(self._popen.pid)), Cost())

    def memory(self) -> int:
        """What they hold, in bytes."""
        return sum(memory_of(pid) for pid in tree(self._popen.pid))

    def stop(self) -> None:
        """Ends the process, and does not wait for ever."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._collector.join(STOP_S)


class Starter:
    """Starts programs in an empty directory; they end with it."""

    def __init__(self, stack: ExitStack, directory: str) -> None:
        self._stack = stack
        self.directory = directory

    def command(self, *command: str, **environment: str) -> Process:
        """Starts any program."""
        process = Process(command, environment, self.directory)
        self._stack.callback(process.stop)
        return process

    def __call__(self, *arguments: str, **environment: str) -> Process:
        """Starts `python -m …`."""
        return self.command(sys.executable, "-m", *arguments, PYTHONPATH=str(ROOT), **environment)

    def file(self, name: str, text: str) -> str:
        """Writes a file that the programs may read; returns its path."""
        path = Path(self.directory, name)
        path.write_text(text)
        return str(path)


@contextmanager
def starting() -> Iterator[Starter]:
    """A starter whose programs end on leaving."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        yield Starter(stack, directory)
