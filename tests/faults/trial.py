"""One fault put to one door, and what has to be true of a gateway after any fault."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog
from both_doors import WAYS, Doors, GrpcFailure, Outcome, open_doors
from broken_upstream import BrokenUpstream, broken_upstream
from faces import CANARY, Behind, Face
from outcomes import Answered
from structlog.typing import EventDict
from upstream_record import until

from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.http import Origin

# How soon everything is as it was.
SOON_S = 1.0
# What the upstream of the test runs in the same loop.
NOT_OURS = ("BrokenUpstream._serve", "RawServer._serve")
GOOD = Answered("Hi")


@dataclass(frozen=True)
class Levels:
    """What is in use: calls, tasks by name, connections to the upstream in use, files beside those that are kept."""

    calls: int
    tasks: Counter[str]
    sockets: int
    files: int

    def below(self, before: "Levels") -> bool:
        """Whether nothing is left of what came after `before`."""
        fewer = self.calls <= before.calls and self.sockets <= before.sockets and self.files <= before.files
        return fewer and not self.tasks - before.tasks


@dataclass
class Trial:
    """A gateway in front of an upstream that can be broken."""

    face: Face
    upstream: BrokenUpstream
    doors: Doors
    origin: Origin
    logged: list[EventDict]

    async def ask(self, way: str) -> Outcome:
        """One question; also checks that it left one log line with its request id, and shows no canary."""
        del self.logged[:]
        request_id = f"req-{uuid4().hex}"
        self.doors.http.headers["x-request-id"] = request_id
        outcome = await WAYS[way](self.doors, self.face.asked(), self.face.credentials)
        if way.startswith("gRPC"):
            request_id = outcome.failure.request_id if isinstance(outcome.failure, GrpcFailure) else ""
        await until(lambda: len(self._lines()) > 0, within=SOON_S)
        assert [line["request_id"] for line in self._lines()] == [request_id or self._lines()[0]["request_id"]]
        assert CANARY not in repr((outcome, self.logged))
        return outcome

    def _lines(self) -> list[Any]:
        """What was logged of calls of chat, which is one line for each."""
        return [line for line in self.logged if "ChatService" in str(line.get("rpc"))]

    def levels(self) -> Levels:
        """What is in use now."""
        pool = self.origin._transport
        kept = sum(len([one for one in free if not one.closed]) for free in pool._free.values())
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        assert self.doors.server is not None
        return Levels(
            len(self.doors.server._drain._running),
            Counter(name for name in names if not name.endswith(NOT_OURS)),
            len(pool._open) - kept,
            len(os.listdir("/proc/self/fd")) - len(pool._open) - self.upstream.open_connections,
        )

    async def is_well(self, before: Levels, way: str) -> None:
        """Everything comes back to what it was, and the next question is answered."""
        try:
            await until(lambda: self.levels().below(before), within=SOON_S)
        except (AssertionError, TimeoutError):
            raise AssertionError(f"left over: {self.levels()}, before: {before}") from None
        self.upstream.play = [self.face.whole()]
        GOOD.check(way, await self.ask(way))


@asynccontextmanager
async def trial_of(face: Face, clocks: Clocks | None = None, **more: Any) -> AsyncIterator[Trial]:
    """Both doors before an upstream of that face; `more` are settings, and how the upstream is found."""
    tls, verify, host = (more.pop(name, None) for name in ("tls", "verify", "host"))
    async with broken_upstream(face, tls) as upstream:
        url = upstream.url if host is None else upstream.url.replace("127.0.0.1", host)
        adapter, origin = face.adapter(Behind(url, clocks, verify))
        with structlog.testing.capture_logs() as logged:
            async with open_doors(adapter, **more) as doors:
                yield Trial(face, upstream, doors, origin, logged)


@contextmanager
def complaining() -> Iterator[list[str]]:
    """Collects what libraries call errors, such as an exception that nobody fetched."""
    texts: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    yield texts
    logging.getLogger().removeHandler(handler)
