"""The port that the REST door listens on, and how it closes."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sanic import Sanic
from sanic.exceptions import RequestCancelled
from sanic.server.protocols.http_protocol import HttpProtocol

from rest_shim.gate import CONNECTIONS, overloaded, raw_answer

BACKLOG = 4096


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

    def connection_made(self, transport: Any) -> None:
        """Begins to serve, unless there are as many connections as there may be."""
        if len(self.connections) < self.app.config.MAX_CONNECTIONS:
            super().connection_made(transport)  # type: ignore[no-untyped-call]
            return
        refusal = self.app.ctx.room.refusal(CONNECTIONS)
        transport.set_protocol(TurnedAway())
        transport.write(raw_answer(overloaded(refusal.message, refusal.retry_after)))
        transport.close()

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


class Running:
    """Counts the requests that are being served."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        self._count += 1
        self._idle.clear()

    def __exit__(self, *exc: object) -> None:
        self._count -= 1
        if not self._count:
            self._idle.set()

    async def idle(self) -> None:
        """Waits until no request is being served."""
        await self._idle.wait()


@dataclass(frozen=True, slots=True)
class Door:
    """An open REST port."""

    port: int
    server: Any
    running: Running

    async def finish(self, grace_s: float) -> None:
        """Accepts nothing more, and waits at most `grace_s` seconds for running requests."""
        self.server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.running.idle(), grace_s)


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
        for connection in list(server.connections):
            connection.abort()
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
