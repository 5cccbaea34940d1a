"""The processes of a load proof: upstream and gateway, and what the system says of them (Linux only)."""

import asyncio
import json
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec

from benchmarks.compiled import program
from load.upstream import RECORD
from qwen_grpc.simulator.models import CURRENT, describe

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
READY_S = 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Chats that were made for a call are removed soon, so that memory of them reaches its plateau soon.
IDLE_CHAT_S = "2"
SERVE = ("serve", "--port", "0", "--grpc-port", "0", "--config", "gateway.toml")
ENGINE = """
[upstreams.engine]
kind = "openai_engine"
base_url = "http://127.0.0.1:{port}/v1"
dialect = "vllm"
public = true
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """KiB of a process: resident, and its share of what it shares with others."""

    rss: int
    pss: int


@dataclass
class Process:
    """A running program that says lines and, if it was made to, answers on its standard input."""

    process: asyncio.subprocess.Process
    said: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    complaints: list[str] = field(default_factory=list)
    """What it said that nobody had asked for: it logs nothing but errors."""

    async def listen(self) -> None:
        """Reads on, so that the process never waits for us."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said.put_nowait(line.decode().rstrip("\n"))

    async def heard(self, words: str) -> int:
        """The port at the end of the line that begins with these words."""
        async with asyncio.timeout(READY_S):
            while not (found := re.match(rf"{words}.*?(\d+)$", await self.said.get())):
                pass
        return int(found[1])

    def memory(self) -> Memory:
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="utf-8")
        rss, pss = (int(re.findall(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[0]) for name in ("Rss", "Pss"))
        return Memory(rss, pss)

    def descriptors(self) -> int:
        """How many files and sockets are open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_s(self) -> float:
        # Fields 14 and 15 of `stat`; the name before them may hold spaces but ends with the last bracket.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    async def tasks(self) -> Counter[str]:
        """The tasks of an observed gateway, by the names of their coroutines."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"tasks\n")
        async with asyncio.timeout(READY_S):
            while not (line := await self.said.get()).startswith("{"):
                self.complaints.append(line)
        return Counter(json.loads(line))


@asynccontextmanager
async def started(*command: str, folder: str, environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """A program, ended on leaving. What it says is one stream of lines."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Process(process)
    listening = asyncio.create_task(running.listen())
    try:
        yield running
    finally:
        process.kill()
        await process.wait()
        await listening


@dataclass(frozen=True)
class Bench:
    """Upstream and gateway, open."""

    upstream_port: int
    gateway: Process
    grpc_port: int
    rest_port: int

    async def record(self) -> dict[str, Any]:
        """What the upstream has noted down."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"http://127.0.0.1:{self.upstream_port}{RECORD.decode()}", timeout=READY_S)
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def opened(*, observed: bool = False, compiled: bool = False, engine: bool = False) -> AsyncIterator[Bench]:
    """Both as processes.

    An observed gateway tells of its tasks; else it is `qwen-grpc serve` and
    nothing more. A compiled upstream is the benchmark's, which keeps a pace
    that Python cannot, and keeps no record. An `engine` stands in the place of
    the site.
    """
    gateway = (sys.executable, "-m", "load.observed" if observed else "qwen_grpc", *SERVE)
    with TemporaryDirectory(prefix="qwen-grpc-load-") as folder:
        upstream = _compiled(folder) if compiled else (sys.executable, "-m", "load.upstream")
        async with started(*upstream, folder=folder, environment={}) as site:
            port = await site.heard("upstream")
            environment = _settings(f"http://127.0.0.1:{port}", folder)
            _write(folder, ENGINE.format(port=port) if engine else "")
            async with started(*gateway, folder=folder, environment=environment) as process:
                grpc_port = await process.heard("gRPC listens")
                yield Bench(port, process, grpc_port, await process.heard("REST listens"))


def _write(folder: str, configuration: str) -> None:
    Path(folder, "gateway.toml").write_text(configuration, encoding="utf-8")


def _settings(url: str, folder: str) -> dict[str, str]:
    found = {"QWEN_BASE_URL": url, "QWEN_AUTH_URL": url, "QWEN_LEDGER": f"{folder}/ledger.sqlite3"}
    return {**found, "LOG_LEVEL": "ERROR", "QWEN_CHAT_IDLE": IDLE_CHAT_S}


def _compiled(folder: str) -> tuple[str, str]:
    models = Path(folder, "models.json")
    models.write_bytes(msgspec.json.encode({"data": [describe(model) for model in CURRENT]}))
    return str(program("upstream")), str(models)
