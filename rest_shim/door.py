"""The port that the REST door listens on, and how it closes."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sanic import Sanic
from sanic.exceptions import RequestCancelled
from sanic.http import Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from rest_shim.gate import CONNECTIONS, overloaded, raw_answer
from rest_shim.running import Running

BACKLOG = 4096
# What may wait in memory for a client that does not read, before whoever writes waits too.
UNREAD_BYTES = 16 * 1024
# What an answer that was cut gets to leave.
LAST_WORDS_S = 1.0
log = logging.getLogger("rest_shim")


class Application(Sanic[Any, Any]):
    """An application without the framework's thirteen signals of a request: nobody listens, and each one costs."""

    def dispatch(self, event: str, **options: Any) -> Any:
        """Tells of an event, unless it is one of a request."""
        return _nothing() if event.startswith("http.") else super().dispatch(event, **options)


async def _nothing() -> None:
    """What is told of a request."""


class TurnedAway(asyncio.Protocol):
    """A connection that was told that there is no room, and is closing."""


class Connection(HttpProtocol):
    """A connection that sends without the framework's detours: a record is sent once per token."""

    __slots__ = ("_begun_at", "_slow")
    _slow: asyncio.TimerHandle | None
    _begun_at: float

    def connection_made(self, transport: Any) -> None:
        """Begins to serve, unless there are as many connections as there may be."""
        self._slow, self._begun_at = None, time.monotonic()
        # The framework sets it in a task, and the first bytes may come before that has begun.
        self._http = None
        if len(self.connections) < self.app.config.MAX_CONNECTIONS:
            super().connection_made(transport)  # type: ignore[no-untyped-call]
            transport.set_write_buffer_limits(high=UNREAD_BYTES)
            return
        refusal = self.app.ctx.room.refusal(CONNECTIONS)
        transport.set_protocol(TurnedAway())
        transport.write(raw_answer(overloaded(refusal.message, refusal.retry_after)))
        transport.close()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request; the first of them wind the clock for its head."""
        # Where the loop reads before it runs tasks, the first bytes come before the framework has set this.
        http = getattr(self, "_http", None)
        if http is None or http.stage is not Stage.REQUEST:
            self._begun_at = time.monotonic()
        super().data_received(data)

    def check_timeouts(self) -> None:
        """Ends what takes too long; the framework would give a head that trickles all the time in the world."""
        http = getattr(self, "_http", None)
        if http is not None and http.stage is Stage.REQUEST:
            self._time = self._begun_at
        super().check_timeouts()  # type: ignore[no-untyped-call]

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it comes: nothing more is written until it has taken that."""
        super().pause_writing()  # type: ignore[no-untyped-call]
        self._look_again()

    def resume_writing(self) -> None:
        """It has."""
        super().resume_writing()  # type: ignore[no-untyped-call]
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _look_again(self) -> None:
        transport: Any = self.transport
        left = transport.get_write_buffer_size()
        self._slow = self.loop.call_later(self.app.config.SLOW_CLIENT, self._check_reading, left)

    def _check_reading(self, left: int) -> None:
        """Leaves a client that has taken nothing since the last look. What is made for it ends with its connection."""
        transport: Any = self.transport
        if transport.get_write_buffer_size() < left:
            self._look_again()
            return
        log.info("left a client that took nothing of its answer for %g s", self.app.config.SLOW_CLIENT)
        transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left, or was left."""
        super().connection_lost(exc)  # type: ignore[no-untyped-call]
        if not self.connections:
            self.app.ctx.running.alone.set()

    def put(self, data: bytes) -> Awaitable[object] | None:
        """Writes a piece of a response that has begun; returns what to await before the next, or None for nothing."""
        transport: Any = self.transport
        if transport.is_closing():
            raise RequestCancelled
        transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return None if self._can_write.is_set() else self._can_write.wait()

    async def send(self, data: bytes) -> None:
        """Writes; waits while the client does not read."""
        if not self._can_write.is_set():
            await self._can_write.wait()
        transport: Any = self.transport
        if transport.is_closing():
            raise RequestCancelled
        transport.write(data)
        self._time = time.monotonic()


@dataclass(frozen=True, slots=True)
class Door:
    """An open REST port."""

    port: int
    server: Any
    running: Running

    def leave(self) -> None:
        """Says that it is not ready, and closes connections after their next answer; still takes what comes."""
        self.running.leaving = True

    async def finish(self, grace_s: float) -> None:
        """Accepts nothing more, gives running requests `grace_s` seconds, and then ends them properly."""
        self.leave()
        self.server.close()
        await self.running.idle(grace_s)
        self.running.cut()
        await self.running.idle(LAST_WORDS_S)

    async def hurry(self, grace_s: float = 0.0) -> None:
        """Ends what still runs after so many seconds, in the middle of a drain."""
        await self.running.idle(grace_s)
        self.running.cut()

    async def hang_up(self) -> None:
        """Closes all connections, once what was written has left."""
        if not self.server.connections:
            return
        self.running.alone.clear()
        for connection in tuple(self.server.connections):
            connection.close(LAST_WORDS_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.running.alone.wait(), LAST_WORDS_S)
        for connection in tuple(self.server.connections):
            connection.abort()


@asynccontextmanager
async def listening(
    app: Sanic[Any, Any], sock: socket.socket, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Door]:
    """Serves the application on a bound socket, in the running loop; without `tls` in clear."""
    server = await app.create_server(
        sock=sock, ssl=tls, backlog=BACKLOG, return_asyncio_server=True, access_log=False, protocol=Connection
    )
    assert server is not None
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    door = Door(sock.getsockname()[1], server, app.ctx.running)
    try:
        yield door
    finally:
        await door.finish(0.0)
        await server.before_stop()
        await door.hang_up()
        await server.after_stop()
        Sanic.unregister_app(app)


def bound_socket(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """A bound TCP socket. Raises `OSError` when the port is taken, also by workers of somebody else."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it; without it a small record may wait 40 ms for an acknowledgement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
