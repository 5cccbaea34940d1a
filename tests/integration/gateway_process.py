"""The commands as real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT

REPOSITORY = Path(__file__).parents[2]
READY_S = 20.0
LISTENS = {
    "gRPC listens on ": "grpc",
    "gRPC listens with TLS on ": "grpc",
    "REST listens on http://": "rest",
    "REST listens on https://": "rest",
}


@dataclass
class Running:
    """A started command: what it said on standard error so far, and where it listens."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self.ports['rest']}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.ports['grpc']}"

    async def line(self, within: float = READY_S) -> str:
        """The next line."""
        assert self.process.stderr is not None
        text = (await asyncio.wait_for(self.process.stderr.readline(), within)).decode().rstrip("\n")
        self.lines.append(text)
        for words, door in LISTENS.items():
            if text.startswith(words):
                self.ports[door] = int(text.rpartition(":")[2])
        return text

    async def heard(self, words: str) -> None:
        """Reads on until a line has these words; fails at the end of the output."""
        while words not in (text := await self.line()):
            assert text or not self.process.stderr.at_eof(), "\n".join(self.lines)  # type: ignore[union-attr]

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """As a terminal does at Ctrl-C: all processes of the command get the signal."""
        os.killpg(self.process.pid, SIGINT)

    async def ended(self, within: float = READY_S) -> int:
        """Reads on to the end; the exit code."""
        assert self.process.stderr is not None
        async with asyncio.timeout(within):
            rest = await self.process.stderr.read()
            self.lines += rest.decode().splitlines()
            return await self.process.wait()


@asynccontextmanager
async def started(*words: str, folder: Path, **env: str) -> AsyncIterator[Running]:
    """A command of ours, `python -m` and the words, in a folder without settings; killed on leaving."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, cwd=folder, env=_environment(env), stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    running = Running(process)
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            # Its own session: workers that outlive a killed parent go with it.
            os.killpg(process.pid, signal.SIGKILL)
        await running.ended()


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    # How busy the machine is shall decide nothing here.
    return {**kept, "PYTHONPATH": str(REPOSITORY), "MAX_LAG": "0", **env}


@asynccontextmanager
async def gateway_process(url: str, folder: Path, *flags: str, **env: str) -> AsyncIterator[Running]:
    """`qwen-grpc serve` on free ports in front of an upstream, ready."""
    words = ("qwen_grpc", "serve", "--port", "0", "--grpc-port", "0", *flags)
    async with started(*words, folder=folder, QWEN_BASE_URL=url, QWEN_AUTH_URL=url, **env) as running:
        await running.heard("gRPC listens" if "--no-rest" in flags else "REST listens on")
        yield running
