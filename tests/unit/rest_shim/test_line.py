"""An open SSE response that never falls silent for long."""

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace

import pytest
from clockwork import run, turns

from rest_shim.line import Line
from rest_shim.sse import HEARTBEAT

SILENCE_S = 10.0


class Response:
    """An open response and its connection: what was sent, and when; the client reads while `reads` is set."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.stream = SimpleNamespace(protocol=self)

    def put(self, records: bytes) -> Awaitable[object] | None:
        self.sent.append((asyncio.get_running_loop().time(), records))
        return None if self.reads.is_set() else self.reads.wait()

    async def send(self, records: bytes) -> None:
        await self.reads.wait()
        self.sent.append((asyncio.get_running_loop().time(), records))


def test_records_go_out_as_they_come() -> None:
    async def sent() -> list[tuple[float, bytes]]:
        response = Response()
        async with Line(response, SILENCE_S) as line:
            await line.send(b"a")
            await line.send(b"b")
        return response.sent

    assert run(sent()) == [(0, b"a"), (0, b"b")]


def test_silence_is_broken_by_a_comment_each_time() -> None:
    async def sent() -> list[tuple[float, bytes]]:
        response = Response()
        async with Line(response, SILENCE_S):
            await asyncio.sleep(25)
        await asyncio.sleep(100)
        return response.sent

    assert run(sent()) == [(10, HEARTBEAT), (20, HEARTBEAT)]


def test_records_put_the_comment_off() -> None:
    async def sent() -> list[tuple[float, bytes]]:
        response = Response()
        async with Line(response, SILENCE_S) as line:
            for record in (b"a", b"b"):
                await asyncio.sleep(9)
                await line.send(record)
            await asyncio.sleep(11)
        return response.sent

    assert run(sent()) == [(9, b"a"), (18, b"b"), (28, HEARTBEAT)]


def test_records_that_are_put_go_out_at_once_and_put_the_comment_off() -> None:
    async def sent() -> list[tuple[float, bytes]]:
        response = Response()
        async with Line(response, SILENCE_S) as line:
            for record in (b"a", b"b"):
                await asyncio.sleep(9)
                assert line.put(record) is None
            await asyncio.sleep(11)
        return response.sent

    assert run(sent()) == [(9, b"a"), (18, b"b"), (28, HEARTBEAT)]


def test_who_puts_is_told_to_wait_while_the_client_does_not_read() -> None:
    async def waited() -> float:
        response = Response()
        response.reads.clear()
        async with Line(response, SILENCE_S) as line:
            waiting = line.put(b"a")
            asyncio.get_running_loop().call_later(5, response.reads.set)
            assert waiting is not None
            await waiting
        return asyncio.get_running_loop().time()

    assert run(waited()) == 5


def test_a_client_that_does_not_read_gets_one_comment_only() -> None:
    async def sent() -> list[tuple[float, bytes]]:
        response = Response()
        response.reads.clear()
        async with Line(response, SILENCE_S):
            await asyncio.sleep(35)
            response.reads.set()
            await turns()
        return response.sent

    assert run(sent()) == [(35, HEARTBEAT)]


def test_leaving_ends_a_comment_that_waits() -> None:
    async def left() -> int:
        response = Response()
        response.reads.clear()
        async with Line(response, SILENCE_S):
            await asyncio.sleep(15)
        return len(asyncio.all_tasks())

    assert run(left()) == 1


def test_a_client_that_is_gone_is_told_to_the_sender_only() -> None:
    class Gone(Response):
        async def send(self, records: bytes) -> None:
            raise ConnectionResetError("gone")

    async def gone() -> None:
        async with Line(Gone(), SILENCE_S) as line:
            await asyncio.sleep(15)
            with pytest.raises(ConnectionResetError):
                await line.send(b"a")

    run(gone())
