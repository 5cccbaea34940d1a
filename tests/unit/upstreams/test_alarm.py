"""A process that stood still blames no server for it. Real sockets, real stalls, both event loops."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import httpx
import pytest
import uvloop
from raw_server import answer

from qwen_grpc.upstreams.alarm import Alarm, within
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.http import Origin
from qwen_grpc.upstreams.messages import Request, server_of
from qwen_grpc.upstreams.transport import HEADERS, Transport

CLOCK_S = 0.1
# Long beyond the clock, and beyond what counts as a stall.
STALL_S = 0.5
MANY_READS = 4 * b"some" * (1 << 18)

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
each_loop = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uv"])


def run(new_loop: NewLoop, main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


class Elsewhere:
    """A server in a thread, which no stall of the loop holds up. It sends its pieces one by one, when it is told to."""

    def __init__(self, listener: socket.socket, pieces: Sequence[bytes]) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.asked = threading.Event()
        self._listener = listener
        self._pieces = pieces
        self._turns = threading.Semaphore(0)

    def serve(self) -> None:
        """One request; then waits for the client to leave."""
        line, _ = self._listener.accept()
        with line:
            line.recv(65536)
            self.asked.set()
            for piece in self._pieces:
                self._turns.acquire()
                line.sendall(piece)
            line.recv(65536)

    def send_during_the_stall(self) -> None:
        """Has the next piece sent while this process stands still."""
        self._turns.release()
        stand_still()


@contextmanager
def elsewhere(*pieces: bytes) -> Iterator[Elsewhere]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Elsewhere(listener, pieces)
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield server
        thread.join()


def request_to(url: str) -> Request:
    return Request("GET", server_of(httpx.URL(url)), "/", HEADERS)


def stand_still() -> None:
    """As when the machine has no time for this process."""
    time.sleep(STALL_S)


async def rounds_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@each_loop
@pytest.mark.parametrize("rounds", [1, 2])
def test_a_stall_while_connecting_fails_no_connection_that_comes_about(new_loop: NewLoop, rounds: int) -> None:
    async def asked(server: Elsewhere) -> int:
        transport = Transport(connect_s=CLOCK_S)
        sending = asyncio.ensure_future(transport.send(request_to(server.url), 5.0))
        await rounds_of_the_loop(rounds)
        server.send_during_the_stall()
        response = await sending
        transport.close()
        return response.status_code

    with elsewhere(answer()) as server:
        assert run(new_loop, asked(server)) == 200


class Far(Origin):
    name = "far"


@each_loop
def test_a_stall_fails_no_answer_whose_head_and_body_have_arrived(new_loop: NewLoop) -> None:
    async def asked(server: Elsewhere) -> bytes:
        async with Far(server.url, clocks=Clocks(headers_s=CLOCK_S, first_event_s=CLOCK_S)) as origin:
            exchange = origin.exchange(origin.request("GET", "/", {}))
            sending = asyncio.ensure_future(exchange.__aenter__())
            await asyncio.to_thread(server.asked.wait)
            server.send_during_the_stall()
            response = await sending
            reading = asyncio.ensure_future(origin.body(response))
            await rounds_of_the_loop(1)
            server.send_during_the_stall()
            body = await reading
            await exchange.__aexit__(None, None, None)
            return body

    with elsewhere(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(MANY_READS), MANY_READS) as server:
        assert run(new_loop, asked(server)) == MANY_READS


@each_loop
def test_a_stall_saves_no_server_that_is_silent(new_loop: NewLoop) -> None:
    async def asked(server: Elsewhere) -> None:
        transport = Transport()
        try:
            sending = asyncio.ensure_future(transport.send(request_to(server.url), CLOCK_S))
            await asyncio.to_thread(server.asked.wait)
            stand_still()
            async with asyncio.timeout(5.0):
                await sending
        finally:
            transport.close()

    with elsewhere() as server, pytest.raises(httpx.ReadTimeout):
        run(new_loop, asked(server))


@each_loop
def test_a_block_that_was_done_before_the_stall_ended_is_not_cut(new_loop: NewLoop) -> None:
    async def line() -> str:
        loop = asyncio.get_running_loop()
        async with within(CLOCK_S):
            here, there = socket.socketpair()
            with here, there:
                here.setblocking(False)
                received = loop.create_task(loop.sock_recv(here, 10))
                threading.Timer(STALL_S / 2, there.sendall, [b"a word"]).start()
                await rounds_of_the_loop(2)
                stand_still()
                return (await received).decode()

    assert run(new_loop, line()) == "a word"


@each_loop
def test_a_block_that_takes_too_long_is_cut_and_a_wound_one_is_not(new_loop: NewLoop) -> None:
    async def work() -> str:
        with pytest.raises(TimeoutError):
            async with within(CLOCK_S):
                await asyncio.sleep(5)
        async with within(CLOCK_S) as limit:
            limit.wind(None)
            await asyncio.sleep(2 * CLOCK_S)
            limit.wind(5)
            return "done"

    assert run(new_loop, work()) == "done"


@each_loop
def test_an_alarm_that_is_cancelled_in_its_grace_does_not_ring(new_loop: NewLoop) -> None:
    async def work() -> list[str]:
        loop, rung = asyncio.get_running_loop(), list[str]()
        alarm = Alarm(loop, loop.time() + CLOCK_S, lambda: rung.append("cancelled"))
        stand_still()
        # Rings without a grace: it was set after the stall, and later than the first one was looked at.
        looked = asyncio.Event()
        Alarm(loop, loop.time() + CLOCK_S, looked.set)
        await looked.wait()
        alarm.cancel()
        done = asyncio.Event()
        loop.call_later(1.0, done.set)
        await done.wait()
        return rung

    assert run(new_loop, work()) == []
