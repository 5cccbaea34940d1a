"""A gateway that takes up its file again while it serves: at SIGHUP, and when the file has changed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from qwen_grpc.cli.source import Loaded, Source
from qwen_grpc.configuration import files_of
from qwen_grpc.errors import QwenError
from qwen_grpc.settings import BadSettings

PERIOD_S = 2.0
log = structlog.get_logger()

# Puts what was loaded into force. Raises `BadSettings` or `QwenError`, and then nothing has changed.
Swap = Callable[[Loaded], Awaitable[None]]
# Is told of each load whether it is in force; else the old one is kept.
Told = Callable[[bool], None]


def untold(ok: bool) -> None:
    """For who does not want to know."""


def ignore_hangups() -> None:
    """For the time until somebody watches: a SIGHUP that comes too early must not end the process."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@asynccontextmanager
async def watching(
    source: Source, loaded: Loaded, swap: Swap, period_s: float = PERIOD_S, *, told: Told = untold
) -> AsyncIterator[None]:
    """Keeps what `swap` has put into force up to date with the file, if there is one."""
    if source.path is None:
        yield
        return
    watch = Watch(source.path, source.load, loaded, swap, told)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, watch.ask)
    task = asyncio.create_task(watch.run(period_s))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Watch:
    """Loads again when it is asked, when a file has changed, and while the last load failed."""

    def __init__(self, path: Path, load: Callable[[], Loaded], loaded: Loaded, swap: Swap, told: Told = untold) -> None:
        self._path = path
        self._load = load
        self._told = told
        self._loaded = loaded
        self._swap = swap
        self._asked = asyncio.Event()
        self._complaint = ""
        self._stamp = self._seen = self._look()

    def ask(self) -> None:
        """Has it load again now."""
        self._asked.set()

    async def run(self, period_s: float) -> None:
        """Until it is cancelled, looks at the files every so many seconds."""
        while True:
            asked = await self._asked_within(period_s)
            if asked or self._complaint or self._has_settled():
                await self._reload()

    async def _asked_within(self, period_s: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), period_s)
        asked = self._asked.is_set()
        self._asked.clear()
        if asked:
            self._complaint = ""
        return asked

    def _has_settled(self) -> bool:
        """Whether the files have changed, and not between the last two looks: what is being written is left alone."""
        before, self._seen = self._seen, self._look()
        return self._stamp != self._seen == before

    def _look(self) -> list[tuple[int, ...] | None]:
        return [_stamp(file) for file in (self._path, *files_of(self._loaded.configuration))]

    async def _reload(self) -> None:
        stamp = self._look()
        try:
            loaded = await asyncio.to_thread(self._load)
            await self._swap(loaded)
        except (BadSettings, QwenError) as error:
            self._told(False)
            self._complain(str(error))
            return
        self._complaint = ""
        self._told(True)
        log.info("configuration loaded", file=str(self._path))
        if names := needing_restart(self._loaded, loaded):
            log.warning("these take effect after a restart", names=names)
        if files_of(loaded.configuration) != files_of(self._loaded.configuration):
            self._loaded, stamp = loaded, self._look()
        self._stamp = stamp

    def _complain(self, complaint: str) -> None:
        """Once for each complaint: the load is tried again until it succeeds."""
        if complaint != self._complaint:
            for line in complaint.splitlines():
                log.error("configuration not loaded, the old one is kept", problem=line)
        self._complaint = complaint


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        state = file.stat()
    except OSError:
        return None
    return (state.st_ino, state.st_size, state.st_mtime_ns, state.st_mode)


def needing_restart(before: Loaded, after: Loaded) -> list[str]:
    """What differs and is read at the start only, by the names in the file."""
    names = list(_differing(before.settings.model_dump(), after.settings.model_dump()))
    if before.shim is not None and after.shim is not None:
        names += _differing(before.shim.model_dump(), after.shim.model_dump())
    old, new = before.configuration.tls, after.configuration.tls
    if (old is None) != (new is None):
        names.append("tls")
    elif old is not None and new is not None and bool(old.client_ca) != bool(new.client_ca):
        names.append("tls.client_ca")
    return names


def _differing(before: dict[str, object], after: dict[str, object]) -> Iterable[str]:
    return (name for name, value in before.items() if after[name] != value)
