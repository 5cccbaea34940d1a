"""Loading again while serving: when it happens, and what stays when it fails."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from qwen_grpc.cli.source import Loaded, Source
from qwen_grpc.cli.watching import watching
from qwen_grpc.credentials import ApiKey
from qwen_grpc.settings import BadSettings

PERIOD_S = 0.01
WITHIN_S = 10.0
GPU = '[upstreams.gpu]\nkind = "openai_engine"\nbase_url = "http://127.0.0.1:{}/v1"\n'
REFUSED = "configuration not loaded, the old one is kept"


class Swaps:
    """Stands where the server does: takes each configuration, or refuses the next one."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[Loaded] = asyncio.Queue()
        self.refused: asyncio.Queue[Loaded] = asyncio.Queue()
        self.refusal = ""

    async def __call__(self, loaded: Loaded) -> None:
        if self.refusal:
            self.refused.put_nowait(loaded)
            raise BadSettings(self.refusal)
        self.came.put_nowait(loaded)

    async def next(self) -> Loaded:
        return await asyncio.wait_for(self.came.get(), WITHIN_S)

    async def next_url(self) -> str:
        return (await self.next()).configuration.upstreams["gpu"].base_url


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "qwen-grpc.toml"
    path.write_text(GPU.format(1), encoding="utf-8")
    return path


@asynccontextmanager
async def watched(config: Path, period_s: float = PERIOD_S) -> AsyncIterator[Swaps]:
    source, swaps = Source(config), Swaps()
    async with watching(source, source.load(), swaps, period_s):
        yield swaps


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Puts a file there at once, as those do who keep secrets in files."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.chmod(mode)
    part.replace(path)


class Lines:
    """The log lines of a test."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[structlog.typing.EventDict] = asyncio.Queue()

    def __call__(self, _: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        self._came.put_nowait(line)
        raise structlog.DropEvent

    async def next(self) -> structlog.typing.EventDict:
        return await asyncio.wait_for(self._came.get(), WITHIN_S)


@pytest.fixture
def logs() -> Iterator[Lines]:
    lines, before = Lines(), structlog.get_config()
    structlog.configure(processors=[lines])
    yield lines
    structlog.configure(**before)


@pytest.mark.asyncio
async def test_a_file_that_changed_is_loaded(config: Path) -> None:
    async with watched(config) as swaps:
        for port in (2, 3):
            write(config, GPU.format(port))
            assert await swaps.next_url() == f"http://127.0.0.1:{port}/v1"
        assert swaps.came.empty()


@pytest.mark.asyncio
async def test_a_hangup_has_it_loaded_at_once_changed_or_not(config: Path) -> None:
    async with watched(config, period_s=3600) as swaps:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            assert await swaps.next_url() == "http://127.0.0.1:1/v1"


@pytest.mark.asyncio
async def test_a_secret_that_changed_is_read_again(config: Path) -> None:
    secret = config.with_name("secret")
    write(secret, "first-secret-of-the-engine", 0o600)
    write(config, GPU.format(1) + 'credentials = [{ file = "secret" }]\n')
    async with watched(config) as swaps:
        write(secret, "second-secret-of-the-engine", 0o600)
        assert (await swaps.next()).configuration.secrets["gpu"] == (("gpu/1", ApiKey("second-secret-of-the-engine")),)


@pytest.mark.asyncio
async def test_a_bad_file_swaps_nothing_and_is_told_line_by_line(config: Path, logs: Lines) -> None:
    async with watched(config) as swaps:
        write(config, "prot = 1\n" + GPU.format("x"))
        lines = [await logs.next(), await logs.next()]
        assert swaps.came.empty()
        write(config, GPU.format(2))
        assert await swaps.next_url() == "http://127.0.0.1:2/v1"
        assert (await logs.next())["event"] == "configuration loaded"
    assert [(line["event"], line["problem"]) for line in lines] == [
        (REFUSED, f"{config}: prot: there is no such key; did you mean port?"),
        (REFUSED, f"{config}: upstreams.gpu.base_url: expected an address with http:// or https:// and a host"),
    ]


@pytest.mark.asyncio
async def test_what_was_missing_is_taken_up_when_it_is_there(config: Path, logs: Lines) -> None:
    async with watched(config) as swaps:
        write(config, GPU.format(2) + 'credentials = [{ file = "late" }]\n')
        problem = (await logs.next())["problem"]
        assert problem.endswith("credentials.0: this file cannot be read: No such file or directory")
        write(config.with_name("late"), "a-secret-of-the-engine", 0o600)
        assert await swaps.next_url() == "http://127.0.0.1:2/v1"


@pytest.mark.asyncio
async def test_a_server_that_refuses_is_asked_again_and_the_reason_told_once(config: Path, logs: Lines) -> None:
    async with watched(config) as swaps:
        swaps.refusal = "tls: not now"
        write(config, GPU.format(2))
        for _ in range(3):
            await asyncio.wait_for(swaps.refused.get(), WITHIN_S)
        swaps.refusal = ""
        assert await swaps.next_url() == "http://127.0.0.1:2/v1"
        assert (await logs.next())["problem"] == "tls: not now"
        assert (await logs.next())["event"] == "configuration loaded"


@pytest.mark.asyncio
async def test_what_needs_a_restart_is_named(config: Path, logs: Lines) -> None:
    async with watched(config) as swaps:
        write(config, 'grpc_port = 1\nheartbeat = 3\nlog_level = "INFO"\n' + GPU.format(1))
        await swaps.next()
        assert (await logs.next())["event"] == "configuration loaded"
        line = await logs.next()
    assert (line["event"], line["names"]) == ("these take effect after a restart", ["grpc_port", "heartbeat"])


@pytest.mark.asyncio
async def test_without_a_file_nothing_is_watched() -> None:
    before = signal.getsignal(signal.SIGHUP)
    async with watching(Source(), Source().load(), Swaps(), PERIOD_S):
        assert signal.getsignal(signal.SIGHUP) == before
        assert len(asyncio.all_tasks()) == 1
