"""How a drain begins and how it is cut short, in every way in which the gateway is started."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from both_doors import COMPLETIONS, question
from gateway_process import Running, gateway_process, started
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from support import bearer, open_house, records
from upstream_record import until

from qwen_grpc.simulator import running

pytestmark = pytest.mark.slow
SHUT_DOWN = {
    "error": {
        "message": "the gateway shut down before the answer was complete",
        "type": "service_unavailable_error",
        "param": None,
        "code": "shutting_down",
    }
}


@asynccontextmanager
async def endless_stream(url: str) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of an SSE answer that has begun and never ends by itself."""
    async with httpx.AsyncClient(base_url=url, timeout=20) as http:
        body = question("[[sim:silent]]", stream=True)
        async with http.stream("POST", COMPLETIONS, json=body, headers=bearer()) as reply:
            lines = reply.aiter_lines()
            assert "data: " in await anext(lines)
            yield lines


async def last_record(lines: AsyncIterator[str]) -> object:
    async with asyncio.timeout(10):
        return records("\n".join([line async for line in lines]))[-1]


# -- not ready, and still serving -------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_before_the_drain_balancers_get_time_in_which_calls_are_still_taken(tmp_path: Path) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, QWEN_DRAIN_DELAY="1.5") as gateway,
        grpc.aio.insecure_channel(gateway.target) as channel,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http,
    ):
        health = HealthStub(channel)
        watch = health.Watch(HealthCheckRequest(service="qwen.v1.ChatService"))
        assert (await watch.read()).status == HealthCheckResponse.SERVING
        gateway.signal()
        assert (await asyncio.wait_for(watch.read(), 5)).status == HealthCheckResponse.NOT_SERVING

        told = {path: (await http.get(path)).status_code for path in ("/livez", "/readyz", "/health")}
        assert told == {"/livez": 200, "/readyz": 503, "/health": 503}
        reply = await http.post(COMPLETIONS, json=question("Hello"), headers=bearer())
        assert (reply.status_code, reply.headers["connection"]) == (200, "close")
        watch.cancel()
        assert await gateway.ended(10) == 0


@pytest.mark.asyncio
async def test_a_second_signal_ends_the_time_for_balancers_too(tmp_path: Path) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, QWEN_DRAIN_DELAY="60", QWEN_DRAIN="60") as gateway,
        endless_stream(gateway.rest) as lines,
    ):
        gateway.signal()
        await gateway.heard("draining")
        gateway.signal()
        assert await last_record(lines) == SHUT_DOWN
        assert await gateway.ended(10) == 0


# -- the door alone ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def door_alone(folder: Path, **env: str) -> AsyncIterator[Running]:
    """`rest-shim` as a process of its own, before a gateway that goes on."""
    async with open_house() as house:
        words = ("rest_shim", "--target", house.target, "--port", "0")
        async with started(*words, folder=folder, **env) as shim:
            await shim.heard("REST listens on")
            yield shim


@pytest.mark.asyncio
async def test_the_door_alone_gives_its_streams_a_proper_end(tmp_path: Path) -> None:
    async with door_alone(tmp_path, QWEN_DRAIN="0.3") as shim, endless_stream(shim.rest) as lines:
        shim.signal()
        assert await last_record(lines) == SHUT_DOWN
        assert await shim.ended(10) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_door_alone_ends_at_once_at_a_second_signal(tmp_path: Path, number: signal.Signals) -> None:
    async with door_alone(tmp_path, QWEN_DRAIN="60") as shim, endless_stream(shim.rest) as lines:
        shim.signal(number)
        await shim.heard("draining")
        shim.signal(number)
        assert await last_record(lines) == SHUT_DOWN
        assert await shim.ended(10) == 0


@pytest.mark.asyncio
async def test_the_door_alone_is_not_ready_before_it_closes(tmp_path: Path) -> None:
    async with (
        door_alone(tmp_path, QWEN_DRAIN_DELAY="1.5") as shim,
        httpx.AsyncClient(base_url=shim.rest, timeout=20) as http,
    ):
        assert (await http.get("/readyz")).status_code == 200
        shim.signal()
        await shim.heard("draining")
        told = {path: (await http.get(path)).status_code for path in ("/livez", "/readyz", "/health")}
        assert told == {"/livez": 200, "/readyz": 503, "/health": 200}
        assert await shim.ended(10) == 0


# -- several workers --------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("ask", [Running.signal, Running.interrupt], ids=["SIGTERM", "Ctrl-C"])
async def test_workers_give_their_streams_a_proper_end(tmp_path: Path, ask: Callable[[Running], None]) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, "--workers", "2", QWEN_DRAIN="0.3") as gateway,
    ):
        await gateway.heard("REST listens on")
        ends = [asyncio.create_task(one_end(gateway.rest)) for _ in range(8)]
        await until(lambda: len(simulator.streams) == 8)
        ask(gateway)
        assert await asyncio.gather(*ends) == [SHUT_DOWN] * 8
        assert await gateway.ended(10) == 0


async def one_end(url: str) -> object:
    async with endless_stream(url) as lines:
        return await last_record(lines)


# -- while it starts --------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("flags", [(), ("--workers", "2")], ids=["alone", "workers"])
async def test_a_signal_ends_a_gateway_that_starts(tmp_path: Path, flags: tuple[str, ...]) -> None:
    words = ("qwen_grpc", "serve", "--port", "0", "--grpc-port", "0", *flags)
    for tenths in range(0, 20, 4):
        async with started(*words, folder=tmp_path) as gateway:
            # Not to prove anything: it is to come at another point of the start each time.
            await asyncio.sleep(tenths / 10)
            gateway.signal()
            code = await gateway.ended(10)
            # Python itself may not have come so far as to hear it.
            assert code in (0, 128 + signal.SIGTERM, -signal.SIGTERM), gateway.lines
            assert not any("Traceback" in line for line in gateway.lines), gateway.lines
