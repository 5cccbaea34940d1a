"""HTTP/1.1 as bytes, for what no client library sends or shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

WAIT_S = 5.0


@dataclass(frozen=True)
class Wire:
    """A connection to the REST door."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def head(self) -> tuple[int, httpx.Headers]:
        """Status and headers of the next answer."""
        async with asyncio.timeout(WAIT_S):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = [line.partition(": ")[::2] for line in lines[1:] if line]
        return int(lines[0].split(" ")[1]), httpx.Headers(pairs)

    async def chunk(self) -> bytes:
        """The next HTTP chunk: what the server wrote at once. Empty at the end."""
        async with asyncio.timeout(WAIT_S):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def answer(self) -> tuple[int, httpx.Headers, Any]:
        """The next answer with its JSON."""
        status, headers = await self.head()
        async with asyncio.timeout(WAIT_S):
            return status, headers, json.loads(await self.reader.readexactly(int(headers["content-length"])))

    async def closed(self) -> bytes:
        """Waits until the server closes, and returns what it still sent."""
        async with asyncio.timeout(WAIT_S):
            return await self.reader.read()


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """A connection, open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def post(path: str, body: Any, **headers: str) -> bytes:
    """A POST of JSON; `_` in the name of a header stands for `-`."""
    return raw_post(
        path, json.dumps(body).encode(), *(f"{name.replace('_', '-')}: {headers[name]}" for name in headers)
    )


def raw_post(path: str, content: bytes, *headers: str, host: str | None = "localhost") -> bytes:
    """A POST with header lines as they are."""
    hosts = [] if host is None else [f"host: {host}"]
    lines = [f"POST {path} HTTP/1.1", *hosts, f"content-length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + content
