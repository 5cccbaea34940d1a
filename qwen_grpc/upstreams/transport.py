"""The transport for upstream calls: pooled HTTP/1.1 connections, made for reading small events one by one.

A client library costs several times the CPU per event, so the connections are
our own (docs/decisions/0026-own-connections.md). The transport keeps no
cookies, follows no redirects, reads no proxy or `.netrc` settings, and opens
as many connections as there are calls. A request that is cancelled, or whose
response is left early, closes its connection. GET, PUT and DELETE are sent a
second time if a kept connection turns out to be closed; POST never is.

Errors are httpx's, and `httpx.ConnectError` means that nothing was sent.
"""

import asyncio
import socket
import ssl
from collections import defaultdict
from functools import cache

import httpx
from aiohappyeyeballs import start_connection

from qwen_grpc import __version__
from qwen_grpc.upstreams.alarm import within
from qwen_grpc.upstreams.connection import Connection
from qwen_grpc.upstreams.messages import Request, Response, Server
from qwen_grpc.upstreams.names import Names

# We say who we are, and do not ask for compressed answers: a stream would wait for its compressor.
HEADERS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "keep-alive",
    "user-agent": f"qwen-grpc/{__version__}",
}

KEEP_S = 15.0
# How long the first address of a host may take before the next one is tried beside it (RFC 8305).
NEXT_ADDRESS_S = 0.25
# The most that one read brings, and so the most of an answer that is in hand while its client does not read.
READ_BYTES = 16 * 1024


@cache
def authorities() -> ssl.SSLContext:
    """Checks servers by the authorities that certifi knows; read once, since each copy takes a megabyte and 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


class TlsFailure(httpx.ConnectError):
    """The TLS handshake failed: the certificate was not accepted, or no common protocol was found."""


def is_tls_failure(error: httpx.TransportError) -> bool:
    """Whether the connection failed because TLS did, which no retry can mend."""
    return isinstance(error, TlsFailure)


class Transport:
    """Sends requests. `connect_s` bounds name look-up, TCP and TLS; it needs a running loop."""

    def __init__(self, verify: ssl.SSLContext | None = None, *, connect_s: float = 5.0) -> None:
        self._verify = verify or authorities()
        self._connect_s = connect_s
        self.inbox = memoryview(bytearray(READ_BYTES))
        self._names = Names()
        self._open: set[Connection] = set()
        self._free: defaultdict[Server, list[Connection]] = defaultdict(list)
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._open)

    def close(self) -> None:
        """Closes all connections."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._open):
            connection.abort()

    async def send(self, request: Request, within_s: float) -> Response:
        """Sends a request and returns when the head of its response is there, which may take `within_s` seconds."""
        head = request.head()
        kept = self._kept(request.server)
        if kept is not None:
            try:
                return await _answer(kept, request, head, within_s)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                if kept.answered or not request.repeatable:
                    raise
        return await _answer(await self._connected(request.server), request, head, within_s)

    # -- the pool -----------------------------------------------------------------------------------------------------

    def _kept(self, server: Server) -> Connection | None:
        free = self._free[server]
        while free:
            connection = free.pop()
            if connection.closed:
                continue
            if connection.is_quiet():
                return connection
            connection.abort()
        return None

    def release(self, connection: Connection) -> None:
        """Takes back a connection whose exchange is complete."""
        loop = asyncio.get_running_loop()
        connection.free_since = loop.time()
        self._free[connection.server].append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(KEEP_S, self._sweep, loop)

    def forget(self, connection: Connection) -> None:
        """Learns that a connection is gone."""
        self._open.discard(connection)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Closes what nobody has used for a while; servers close it soon, and a request that crosses that is lost."""
        oldest = loop.time() - KEEP_S
        for server, free in tuple(self._free.items()):
            for connection in free:
                if connection.free_since < oldest:
                    connection.abort()
            free[:] = [connection for connection in free if not connection.closed]
            if not free:
                del self._free[server]
        self._sweeper = loop.call_later(KEEP_S, self._sweep, loop) if self._free else None

    # -- connecting ---------------------------------------------------------------------------------------------------

    async def _connected(self, server: Server) -> Connection:
        try:
            async with within(self._connect_s):
                return await self._connection(server)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection to {server.host} in time") from error
        except ssl.SSLError as error:
            raise TlsFailure(f"the TLS handshake with {server.host} failed") from error
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{server.host} cannot be reached") from error

    async def _connection(self, server: Server) -> Connection:
        loop = asyncio.get_running_loop()
        found = await self._names.addresses(server.host, server.port)
        sock = await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        _, connection = await loop.create_connection(
            lambda: Connection(self, server),
            sock=sock,
            ssl=self._verify if server.tls else None,
            server_hostname=server.host if server.tls else None,
        )
        self._open.add(connection)
        return connection


async def _answer(connection: Connection, request: Request, head: bytes, within_s: float) -> Response:
    response = connection.start(request, head)
    try:
        response.expect(asyncio.get_running_loop().time() + within_s, _no_head)
        await response.head()
    except BaseException:
        response.close()
        raise
    return response


def _no_head() -> httpx.ReadTimeout:
    return httpx.ReadTimeout("no response headers in time")
