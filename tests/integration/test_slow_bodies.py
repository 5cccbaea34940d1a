"""A request that does not come, or trickles, does not hold a connection for ever, and keeps nobody else away."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from http_wire import wire
from support import House, open_house

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
TRICKLE_S = 0.02


class Trickler:
    """A client that sends a beginning and then a little for ever, each time sooner than any pause that is noticed.

    On a bare socket: a server that closes while bytes are on their way resets
    the connection, and a stream would then keep what it has received.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, begin: bytes, piece: bytes) -> None:
        with suppress(ConnectionError):
            await self._loop.sock_sendall(self._sock, begin)
            while piece:
                await asyncio.sleep(TRICKLE_S)
                await self._loop.sock_sendall(self._sock, piece)

    async def closed(self) -> bytes:
        """All that the server has said when it closes."""
        said = b""
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                while part := await self._loop.sock_recv(self._sock, 65536):
                    said += part
        return said


@asynccontextmanager
async def trickling(house: House, begin: bytes, piece: bytes) -> AsyncIterator[Trickler]:
    with socket.socket() as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", house.http.base_url.port or 0))
        trickler = Trickler(sock)
        sending = asyncio.create_task(trickler.send(begin, piece))
        yield trickler
        sending.cancel()
        await asyncio.wait({sending})


def refused(reply: bytes) -> tuple[bytes, str, str]:
    """The status line, the code and the text of an answer."""
    head, _, body = reply.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    return head.split(b"\r\n")[0], error["code"], error["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"content-length: 100000\r\n\r\n{", b" "),
        (b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n"),
    ],
    ids=["with a length", "in chunks"],
)
async def test_a_body_that_does_not_arrive_in_time_is_given_up(
    begin: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rest_shim.app.BODY_S", 0.2)
    async with open_house() as house:
        for trickled in (b"", piece):
            async with trickling(house, HEAD + begin, trickled) as line:
                assert refused(await line.closed()) == (
                    b"HTTP/1.1 408 Request Timeout", "request_timeout", "the body did not arrive within 0.2 s"
                )  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("piece", [b"", b"x-more: of it\r\n"], ids=["silent", "trickling"])
async def test_a_head_that_does_not_arrive_in_time_is_given_up(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest_shim.app.HEAD_S", 0.3)
    async with open_house() as house, trickling(house, HEAD, piece) as line:
        assert refused(await line.closed()) == (
            b"HTTP/1.1 408 Request Timeout", "request_timeout", "the head of the request did not arrive within 0.3 s"
        )  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("first", [b"", b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"], ids=["new", "kept"])
async def test_a_connection_without_a_request_is_closed(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest_shim.app.IDLE_S", 0.3)
    async with open_house() as house, wire(house.http.base_url.port or 0) as line:
        line.send(first)
        said = await line.closed()
    assert said.startswith(b"HTTP/1.1 200 OK") is bool(first)
    assert said.count(b"HTTP/1.1") == bool(first)


@pytest.mark.asyncio
async def test_many_that_trickle_keep_nobody_away_and_are_all_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest_shim.app.HEAD_S", 1.0)
    async with open_house() as house, AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(trickling(house, HEAD, b"x: y\r\n")) for _ in range(100)]
        begun = time.monotonic()
        assert (await house.complete("Hello")).status_code == 200
        assert time.monotonic() - begun < 1.0, "it was served while they were there"
        ends = await asyncio.gather(*(line.closed() for line in lines))
    assert {refused(end)[1] for end in ends} == {"request_timeout"}


@pytest.mark.asyncio
async def test_an_answer_that_takes_longer_than_a_head_may_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest_shim.app.HEAD_S", 0.2)
    monkeypatch.setattr("rest_shim.app.IDLE_S", 0.2)
    async with open_house() as house:
        assert (await house.complete("[[sim:slow]]")).status_code == 200
        assert (await house.http.get("/livez")).status_code == 200
