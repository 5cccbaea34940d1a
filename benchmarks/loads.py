"""What is asked of a system, by the load generators: benchmarks/c/load.c over REST, `grpc_load` over gRPC."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.compiled import program
from benchmarks.processes import ROOT

MODEL = "qwen-max"


@dataclass(frozen=True, slots=True)
class Load:
    """`clients` ask again and again for `seconds`; an answer has `deltas`, one per `pause_us`, or is a whole one."""

    name: str
    clients: int
    seconds: float
    deltas: int
    pause_us: int
    spread_us: int | None = None

    @property
    def whole(self) -> bool:
        """Whether answers are not streamed; the upstream sends all deltas of one at once."""
        return self.pause_us == 0

    @property
    def spread(self) -> int:
        """Over how many microseconds the clients begin: one answer and one pause, unless told otherwise."""
        return self.pause_us * (1 + self.deltas) if self.spread_us is None else self.spread_us

    @property
    def prompt(self) -> str:
        """What the upstream understands."""
        return f"n={self.deltas} us={self.pause_us}"


# Deltas come at the pace of a fast model. The starts are spread, so nearly every delta is a wake-up of its own.
STREAMS_16 = Load("16 streams", 16, 4, 100, 20_000)
STREAMS_64 = Load("64 streams", 64, 4, 100, 20_000)
WHOLE_16 = Load("16 whole answers", 16, 2, 20, 0)
STREAM_1 = Load("1 stream", 1, 2, 5, 5_000)
OPEN_1000 = Load("1000 open streams", 1000, 0, 14, 1_000_000, 8_000_000)
WARMING = (Load("warming", 16, 1, 20, 5_000), Load("warming", 16, 1, 20, 0))


@dataclass(frozen=True, slots=True)
class Door:
    """Where a system is asked: over `rest` or `grpc`, and with which credential, if any."""

    port: int
    token: str = ""
    kind: str = "rest"


def request(door: Door, load: Load) -> bytes:
    """The bytes of an OpenAI request."""
    messages = [{"role": "user", "content": load.prompt}]
    body = json.dumps({"model": MODEL, "stream": not load.whole, "messages": messages})
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: 127.0.0.1:{door.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Bearer {door.token}"] if door.token else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def begin(door: Door, load: Load) -> Callable[[], dict[str, Any]]:
    """Starts to ask. What is returned waits for the end of it and gives what was seen."""
    if door.kind == "grpc":
        job = json.dumps({**asdict(door), **asdict(load)})
        return _begun([sys.executable, "-m", "benchmarks.grpc_load", job], b"")
    numbers = (door.port, load.clients, load.seconds, load.spread, load.deltas, load.pause_us)
    return _begun([str(program("load")), *map(str, numbers)], request(door, load))


def _begun(command: list[str], told: bytes) -> Callable[[], dict[str, Any]]:
    running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(told)
    running.stdin.close()

    def seen() -> dict[str, Any]:
        assert running.stdout is not None
        printed = running.stdout.read()
        running.stdout.close()
        if running.wait():
            raise RuntimeError(f"{command[0]} ended with code {running.returncode}")
        found: dict[str, Any] = json.loads(printed)
        return found

    return seen
