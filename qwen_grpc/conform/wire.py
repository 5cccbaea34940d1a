"""One HTTP/1.1 connection to the upstream, byte by byte: requests are read, answers are written as they are given."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024
_length = re.compile(rb"(?im)^content-length: *(\d+)")
_chunked = re.compile(rb"(?im)^transfer-encoding: *chunked")


class Gone(Exception):
    """The peer has hung up, or says what is not HTTP."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived; names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Wire(asyncio.Protocol):
    """A connection that is served by one task, and knows at once when its peer leaves."""

    def __init__(self, serve: Callable[[Wire], Coroutine[Any, Any, None]]) -> None:
        self._serve = serve
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        self._transport: Any = None
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to serve."""
        self._transport = transport
        self.task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        """Keeps what arrives for whoever reads it."""
        self._buffer += data
        self._news.set()

    def eof_received(self) -> bool:
        """A peer that will say no more has left: gateways do not half-close."""
        self._leave()
        return False

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Whatever the reason."""
        self._leave()

    def _leave(self) -> None:
        self._gone.set()
        self._news.set()

    # -- reading -----------------------------------------------------------------------------------------------------

    async def request(self) -> Request:
        """The next request. Raises `Gone` when there is none."""
        head = await self._until(b"\r\n\r\n", MAX_HEAD)
        if length := _length.search(head):
            body = await self._exactly(int(length[1]))
        else:
            body = await self._unchunked() if _chunked.search(head) else b""
        return _request(head, body)

    async def _until(self, end: bytes, limit: int) -> bytes:
        while end not in self._buffer:
            await self._more(limit)
        return self._take(self._buffer.index(end) + len(end))

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more(MAX_BODY)
        return self._take(count)

    async def _unchunked(self) -> bytes:
        body = bytearray()
        while size := _size(await self._until(b"\r\n", MAX_HEAD)):
            body += (await self._exactly(size + 2))[:size]
        await self._until(b"\r\n", MAX_HEAD)
        return bytes(body)

    async def _more(self, limit: int) -> None:
        if self._gone.is_set() or len(self._buffer) > limit:
            raise Gone
        self._news.clear()
        await self._news.wait()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    # -- writing -----------------------------------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        """Sends bytes in a write of their own. Raises `Gone` when nobody is there to read them."""
        if self._gone.is_set():
            raise Gone
        self._transport.write(data)
        await asyncio.sleep(0)

    async def pause(self, seconds: float) -> None:
        """Says nothing for so long. Raises `Gone` as soon as the peer leaves."""
        try:
            await asyncio.wait_for(self._gone.wait(), seconds)
        except TimeoutError:
            return
        raise Gone

    def close(self) -> None:
        """Ends the connection after what was written."""
        self._transport.close()

    def reset(self) -> None:
        """Breaks the connection, so that the peer sees a TCP reset."""
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as broken:
            # Lingering for no time makes the kernel send a reset.
            broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def _size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise Gone from None


def _request(head: bytes, body: bytes) -> Request:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    try:
        method, target, _ = first.split(" ")
    except ValueError:
        raise Gone from None
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body)
