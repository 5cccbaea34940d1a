"""A fetcher whose names and connections all lead to one server of the test."""

import ssl
from collections.abc import Sequence
from typing import Any

import httpcore
import pytest
from raw_server import RawServer

from qwen_grpc.errors import QwenError
from qwen_grpc.upstreams.fetcher import Fetcher, look_up, plain_connection

PUBLIC = "93.184.215.14"
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 1000


class Wire:
    """A resolver and a connect hook that lead every connection to one server, and count."""

    def __init__(self, server: RawServer | None = None, **names: Sequence[str]) -> None:
        self.connected: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self._server = server
        self._names = names

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        name = host.replace(".", "_").replace("-", "_")
        return self._names[name] if name in self._names else await look_up(host, port)

    async def connect(self, address: str, port: int) -> httpcore.AsyncNetworkStream:
        self.connected.append((address, port))
        assert self._server is not None, f"connected to {address}"
        to = int(self._server.url.rpartition(":")[2])
        return Disguised(await plain_connection("127.0.0.1", to), (address, port))

    def fetcher(self, **more: Any) -> Fetcher:
        return Fetcher(resolve=self.resolve, connect=self.connect, **more)


class Disguised(httpcore.AsyncNetworkStream):
    """A connection whose other end says another address."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, peer: tuple[str, int]) -> None:
        self._stream = stream
        self._peer = peer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return await self._stream.start_tls(ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._peer if info == "server_addr" else self._stream.get_extra_info(info)


async def fetched(fetcher: Fetcher, url: str, kind: str = "image") -> tuple[str, str, bytes]:
    async with fetcher.open(url, kind) as found:
        return found.mime_type, found.filename, b"".join([chunk async for chunk in found.chunks])


async def refused(fetcher: Fetcher, url: str, kind: str = "image") -> QwenError:
    with pytest.raises(QwenError) as caught:
        await fetched(fetcher, url, kind)
    return caught.value
