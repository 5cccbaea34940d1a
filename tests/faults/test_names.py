"""F-03: a name that has no address, and a name server that does not answer."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from both_doors import WAYS
from broken_upstream import BrokenUpstream
from cases import SHORT
from faces import ENGINE
from outcomes import CONNECT
from trial import GOOD, Trial, trial_of
from upstream_record import until

HOST = "upstream.test"


class NameServer:
    """Answers for one name, as the system's resolver does for the others."""

    def __init__(self) -> None:
        self._usual = socket.getaddrinfo
        self.fails = False
        self.held: threading.Event | None = None
        self.waiting = 0

    def __call__(self, host: Any, *rest: Any, **options: Any) -> Any:
        if host != HOST:
            return self._usual(host, *rest, **options)
        if self.held is not None:
            self.waiting += 1
            assert self.held.wait(30)
            self.waiting -= 1
        if self.fails:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._usual("127.0.0.1", *rest, **options)

    @asynccontextmanager
    async def failing(self, upstream: BrokenUpstream) -> AsyncIterator[None]:
        """Knows the name no longer."""
        await upstream.forget_connections()
        self.fails = True
        yield
        self.fails = False

    @asynccontextmanager
    async def silent(self, upstream: BrokenUpstream) -> AsyncIterator[None]:
        """Does not answer before the block is over."""
        await upstream.forget_connections()
        held = self.held = threading.Event()
        yield
        self.held = None
        held.set()
        await until(lambda: not self.waiting)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> NameServer:
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server)
    return server


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["failing", "silent"])
async def test_a_name_that_cannot_be_looked_up_is_told_as_that(names: NameServer, how: str, way: str) -> None:
    async with trial_of(ENGINE, SHORT, host=HOST) as trial:
        GOOD.check(way, await trial.ask(way))
        before = trial.levels()
        async with getattr(names, how)(trial.upstream):
            CONNECT.check(way, await trial.ask(way))
        await trial.is_well(before, way)


@pytest.mark.asyncio
async def test_a_silent_name_server_holds_one_thread_and_neither_the_loop_nor_other_upstreams(
    names: NameServer,
) -> None:
    async with trial_of(ENGINE, host=HOST) as slow, trial_of(ENGINE) as other:
        GOOD.check("gRPC whole", await _ask(slow))
        async with names.silent(slow.upstream):
            asked = [asyncio.create_task(_ask(slow)) for _ in range(20)]
            await until(lambda: names.waiting)
            GOOD.check("gRPC whole", await _ask(other))
            assert (names.waiting, any(task.done() for task in asked)) == (1, False)
        for outcome in await asyncio.gather(*asked):
            GOOD.check("gRPC whole", outcome)


async def _ask(trial: Trial) -> Any:
    return await WAYS["gRPC whole"](trial.doors, trial.face.asked(), trial.face.credentials)
