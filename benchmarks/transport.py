"""Measures what the HTTP transports under httpx cost on the upstream side.

Run `python -m benchmarks.transport`; candidates that are not installed are
skipped. Two figures per candidate, both the client process's own CPU time
(user + system): microseconds per streamed event and milliseconds per small
POST. The server is a separate process on loopback, so it is not counted.
Rounds are interleaved because a busy machine drifts; only figures of one run
may be compared.
"""

import asyncio
import contextlib
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection
from typing import Any, cast

import httpx
import uvloop

ROUNDS = 5
STREAMS, EVENTS, PAUSE_S = 32, 60, 0.015
POSTS, CONCURRENT = 1600, 16
EVENT = b"data: " + b"x" * 381 + b"\n\n"
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SMALL = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'

OpenClient = Callable[[], httpx.AsyncClient]


class Source(asyncio.Protocol):
    """Answers POST with a small body and GET with a paced stream of events."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and start with no request read."""
        self.transport = cast(asyncio.Transport, transport)
        self.request = b""

    def data_received(self, data: bytes) -> None:
        """Answer when the request is complete: a GET after its headers, a POST after its body's `}`."""
        self.request += data
        if self.request.startswith(b"GET ") and self.request.endswith(b"\r\n\r\n"):
            self.transport.write(STREAM_HEAD)
            self.send_event(EVENTS)
        elif self.request.endswith(b"}"):
            self.transport.write(SMALL)
        else:
            return
        self.request = b""

    def send_event(self, left: int) -> None:
        """Send one event and plan the next, or end the stream."""
        if left == 0:
            self.transport.write(b"0\r\n\r\n")
            return
        self.transport.write(CHUNK)
        asyncio.get_running_loop().call_later(PAUSE_S, self.send_event, left - 1)


def serve(ready: Connection) -> None:
    """Run the server until the process is terminated; its port goes into `ready`."""

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Source, "127.0.0.1", 0, backlog=512)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


def stock() -> httpx.AsyncClient:
    """The reference: httpx on httpcore."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(trust_env=False, timeout=None, limits=limits)


def ours() -> httpx.AsyncClient:
    """What the gateway uses."""
    from tests.upstream_client import open_client

    return open_client()


def aiohttp_adapter() -> httpx.AsyncClient:
    """The published adapter `httpx-aiohttp`."""
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())

    return httpx.AsyncClient(trust_env=False, timeout=None, transport=AiohttpTransport(client=session))


def pyreqwest_as_shipped() -> httpx.AsyncClient:
    """The httpx transport inside `pyreqwest`, which reads ahead and so joins events."""
    from pyreqwest.client import ClientBuilder
    from pyreqwest.compatibility.httpx import HttpxTransport

    transport = HttpxTransport(ClientBuilder().no_proxy().follow_redirects(False).build())
    return httpx.AsyncClient(trust_env=False, timeout=None, transport=transport)


def pyreqwest_unbuffered() -> httpx.AsyncClient:
    """The same with its read-ahead turned off."""
    from pyreqwest.client import ClientBuilder
    from pyreqwest.compatibility.httpx.transport import HttpxTransport, ResponseStream

    class Chunks(ResponseStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while (chunk := await self._body_reader.read_chunk()) is not None:
                yield bytes(chunk)

    class Unbuffered(HttpxTransport):
        def _map_body(self, builder: Any, request: httpx.Request) -> Any:
            return super()._map_body(builder, request).streamed_read_buffer_limit(0)

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            shipped: Any = response.stream
            response.stream = Chunks(response.extensions["pyreqwest_response"], shipped._exit_stack)
            return response

    client = ClientBuilder().no_proxy().follow_redirects(False).build()
    return httpx.AsyncClient(trust_env=False, timeout=None, transport=Unbuffered(client))


CANDIDATES: dict[str, OpenClient] = {
    "httpx (reference)": stock,
    "qwen_grpc": ours,
    "httpx-aiohttp": aiohttp_adapter,
    "pyreqwest as shipped": pyreqwest_as_shipped,
    "pyreqwest unbuffered": pyreqwest_unbuffered,
}


async def stream_once(client: httpx.AsyncClient, url: str) -> tuple[int, int]:
    """Read one whole stream; the number of bytes and of reads that it came in."""
    size = reads = 0
    async with client.stream("GET", url) as response:
        async for piece in response.aiter_raw():
            size, reads = size + len(piece), reads + 1
    return size, reads


async def event_cost(client: httpx.AsyncClient, url: str) -> tuple[float, float]:
    """Microseconds of CPU per event, and events per read (1.0 means that nothing was held back)."""
    before = time.process_time()
    results = await asyncio.gather(*(stream_once(client, url) for _ in range(STREAMS)))
    spent = time.process_time() - before
    assert {size for size, _ in results} == {EVENTS * len(EVENT)}, "a stream lost bytes"
    return spent * 1e6 / (STREAMS * EVENTS), STREAMS * EVENTS / sum(reads for _, reads in results)


async def post_cost(client: httpx.AsyncClient, url: str) -> float:
    """Milliseconds of CPU per small JSON POST, `CONCURRENT` at a time on one client."""

    async def worker() -> None:
        for _ in range(POSTS // CONCURRENT):
            assert (await client.post(url, json={"model": "qwen-max"})).status_code == 200

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENT)))
    return (time.process_time() - before) * 1e3 / POSTS


async def measure(open_client: OpenClient, url: str) -> tuple[float, float, float]:
    """One round of one candidate on a fresh, warmed client."""
    async with open_client() as client:
        await asyncio.gather(*(client.post(url, json={}) for _ in range(STREAMS)))
        return *await event_cost(client, url), await post_cost(client, url)


def main() -> None:
    """Run all rounds and print the medians with their ranges."""
    receiving, sending = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(sending,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{receiving.recv()}/"
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CANDIDATES}
    for _ in range(ROUNDS):
        for name, open_client in CANDIDATES.items():
            with contextlib.suppress(ImportError):
                results[name].append(uvloop.run(measure(open_client, url)))
    server.terminate()
    for name, rounds in ((name, rounds) for name, rounds in results.items() if rounds):
        event, batch, post = (sorted(column) for column in zip(*rounds, strict=True))
        middle = statistics.median
        print(
            f"{name:24} event {middle(event):6.1f} us [{event[0]:.1f}..{event[-1]:.1f}]"
            f"   events/read {middle(batch):5.2f}   POST {middle(post):5.3f} ms [{post[0]:.3f}..{post[-1]:.3f}]"
        )


if __name__ == "__main__":
    main()
