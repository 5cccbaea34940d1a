"""The end of a gateway that has its hands full: every stream finishes, or is told why it did not."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from both_doors import COMPLETIONS, grpc_failure, metadata, question, request_of
from gateway_process import Running, gateway_process
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from support import bearer, records
from upstream_record import until

from qwen_grpc.simulator import Behaviour, running
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

pytestmark = pytest.mark.slow

DRAIN_S = 4.0
SHORT, ENDLESS = "[[sim:long:100]]", "[[sim:silent]]"
# At each door.
PROMPTS = [SHORT] * 15 + [ENDLESS] * 35
FINISHED, TOLD = "finished", "SHUTTING_DOWN"


@asynccontextmanager
async def clients(gateway: Running) -> AsyncIterator[tuple[grpc.aio.Channel, httpx.AsyncClient]]:
    limits = httpx.Limits(max_connections=200)
    async with (
        grpc.aio.insecure_channel(gateway.target) as channel,
        httpx.AsyncClient(base_url=gateway.rest, timeout=30, limits=limits) as http,
    ):
        yield channel, http


async def over_grpc(channel: grpc.aio.Channel, prompt: str) -> str:
    """How a stream ended."""
    stub = ChatServiceStub(channel)
    finished = False
    try:
        async for message in stub.StreamChat(request_of(question(prompt)), metadata=metadata()):
            finished = finished or any(delta.finish_reason for delta in message.deltas)
    except grpc.aio.AioRpcError as error:
        return grpc_failure(error).reason or f"{error.code()} without a reason"
    return FINISHED if finished else "ended without a finish reason"


async def over_rest(http: httpx.AsyncClient, prompt: str) -> str:
    """How a stream ended, and whether its last chunk came, too."""
    try:
        reply = await http.post(COMPLETIONS, json=question(prompt, stream=True), headers=bearer())
    except httpx.TransportError as error:
        return f"bare cut: {error!r}"
    last = records(reply.text)[-1] if reply.status_code == 200 else reply.json()
    return FINISHED if last == "[DONE]" else last["error"]["code"].upper()


@pytest.mark.asyncio
async def test_on_sigterm_a_hundred_streams_finish_or_are_told_and_the_exit_is_in_time(tmp_path: Path) -> None:
    async with (
        running(behaviour=Behaviour(pace_s=0.01)) as simulator,
        gateway_process(simulator.url, tmp_path, QWEN_DRAIN=f"{DRAIN_S}") as gateway,
        clients(gateway) as (channel, http),
        grpc.aio.insecure_channel(gateway.target) as elsewhere,
    ):
        watch = HealthStub(elsewhere).Watch(HealthCheckRequest())
        assert (await watch.read()).status == HealthCheckResponse.SERVING
        ends = [asyncio.create_task(over_grpc(channel, prompt)) for prompt in PROMPTS]
        ends += [asyncio.create_task(over_rest(http, prompt)) for prompt in PROMPTS]
        await until(lambda: len(simulator.streams) == 2 * len(PROMPTS), within=20)

        gateway.signal()
        signalled = time.monotonic()
        assert (await asyncio.wait_for(watch.read(), 5)).status == HealthCheckResponse.NOT_SERVING
        noticed = time.monotonic()
        watch.cancel()
        outcomes = Counter(await asyncio.wait_for(asyncio.gather(*ends), DRAIN_S + 10))
        told = time.monotonic()
        code = await gateway.ended(10)
        ended = time.monotonic()

    print(
        f"not ready after {noticed - signalled:.3f} s, told {told - signalled:.2f} s, ended {ended - signalled:.2f} s"
    )
    assert outcomes == {FINISHED: 30, TOLD: 70}
    assert code == 0
    # Of a machine with nothing else to do: 0.002 s, and half a second after the drain.
    assert noticed - signalled < 1
    assert ended - signalled < DRAIN_S + 2


@pytest.mark.asyncio
async def test_the_end_of_a_gateway_that_refuses_calls_is_the_same(tmp_path: Path) -> None:
    async with (
        running(behaviour=Behaviour(pace_s=0.01)) as simulator,
        gateway_process(simulator.url, tmp_path, QWEN_DRAIN="0.5", QWEN_MAX_CALLS="20") as gateway,
        clients(gateway) as (channel, http),
    ):
        ends = [asyncio.create_task(over_grpc(channel, ENDLESS)) for _ in range(10)]
        ends += [asyncio.create_task(over_rest(http, ENDLESS)) for _ in range(10)]
        await until(lambda: len(simulator.streams) == 20, within=20)
        over = asyncio.Event()

        async def more() -> set[str]:
            """Asks on and on, as clients do that are refused."""
            found = set()
            while not over.is_set():
                found.add(await over_grpc(channel, "Hello"))
            return found

        crowd = [asyncio.create_task(more()) for _ in range(4)]
        await until(lambda: crowd)
        gateway.signal()
        assert Counter(await asyncio.wait_for(asyncio.gather(*ends), 10)) == {TOLD: 20}
        assert await gateway.ended(10) == 0
        over.set()
        refusals = set[str]().union(*await asyncio.gather(*crowd))
    # The last two are grpc's own, of a server that is gone or just going.
    gone = {f"StatusCode.{code} without a reason" for code in ("UNAVAILABLE", "CANCELLED")}
    assert refusals <= {"OVERLOADED", TOLD, *gone}
