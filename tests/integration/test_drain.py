import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from both_doors import COMPLETIONS, Doors, grpc_failure, metadata, question, request_of
from gateway_process import Running, gateway_process
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from support import bearer, records

from qwen_grpc.simulator import Behaviour, Simulator, running

pytestmark = pytest.mark.slow


@dataclass
class Streams:
    """One stream at each door, both begun."""

    doors: Doors
    call: Any
    reply: httpx.Response
    lines: AsyncIterator[str]

    async def grpc_rest(self) -> str:
        """What the gRPC stream still says."""
        return "".join([delta.content async for message in self.call for delta in message.deltas])

    async def rest_rest(self) -> list[Any]:
        """What the REST stream still says, record by record."""
        return records("\n".join([line async for line in self.lines]))


@asynccontextmanager
async def both_streams(gateway: Running, content: str) -> AsyncIterator[Streams]:
    """A gateway process whose client has begun to read two streams."""
    async with (
        grpc.aio.insecure_channel(gateway.target) as channel,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http,
    ):
        call = aiter(
            Doors(channel, http, gateway.ports["grpc"]).chat.StreamChat(
                request_of(question(content)), metadata=metadata()
            )
        )
        await anext(call)
        body = question(content, stream=True)
        async with http.stream("POST", COMPLETIONS, json=body, headers=bearer()) as reply:
            lines = reply.aiter_lines()
            await anext(lines)
            yield Streams(Doors(channel, http, gateway.ports["grpc"]), call, reply, lines)


def text_of(chunks: list[Any]) -> str:
    return "".join(part["choices"][0]["delta"].get("content", "") for part in chunks)


@pytest.mark.asyncio
async def test_on_sigterm_streams_finish_new_calls_are_refused_and_the_exit_is_clean(tmp_path: Path) -> None:
    async with (
        running(behaviour=Behaviour(pace_s=0.01)) as simulator,
        gateway_process(simulator.url, tmp_path) as gateway,
        both_streams(gateway, "[[sim:long:150]]") as streams,
        grpc.aio.insecure_channel(gateway.target) as elsewhere,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20) as another,
    ):
        health = HealthStub(elsewhere)
        watch = health.Watch(HealthCheckRequest())
        assert (await watch.read()).status == HealthCheckResponse.SERVING
        open_before = (streams.doors.http, another)
        assert [(await http.get("/readyz")).status_code for http in open_before] == [200, 200]
        gateway.signal()
        await gateway.heard("draining")

        assert (await asyncio.wait_for(watch.read(), 5)).status == HealthCheckResponse.NOT_SERVING
        await nothing_new_over_grpc(streams.doors.channel)
        await nothing_new_over_rest(*open_before)
        said, chunks = await asyncio.gather(streams.grpc_rest(), streams.rest_rest())

        whole = "".join(f"word {number} " for number in range(150))
        assert whole.endswith(said)
        assert len(said) > 500
        assert whole.endswith(text_of(chunks[:-1]))
        assert chunks[-1] == "[DONE]"
        watch.cancel()
        assert await gateway.ended(10) == 0
        assert len(simulator.streams) == 2


async def nothing_new_over_grpc(channel: grpc.aio.Channel) -> None:
    """The transport is going away, and takes no further call."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Doors(channel, httpx.AsyncClient(), 0).chat.CompleteChat(
            request_of(question("Too late")), metadata=metadata(), timeout=5
        )
    assert caught.value.code() == StatusCode.UNAVAILABLE


async def nothing_new_over_rest(*open_before: httpx.AsyncClient) -> None:
    """What is open already is told once, and closed; a new connection is not accepted."""
    old, other = open_before
    told = await old.get("/health")
    assert (told.status_code, told.headers["connection"]) == (503, "close")
    reply = await other.post(COMPLETIONS, json=question("Too late"), headers=bearer())
    found = (
        reply.status_code,
        reply.json()["error"]["code"],
        reply.headers["retry-after"],
        reply.headers["connection"],
    )
    assert found == (503, "shutting_down", "1", "close")
    with pytest.raises(httpx.ConnectError):
        await old.get("/health")


@pytest.mark.asyncio
async def test_when_the_drain_is_over_endless_streams_get_a_proper_end(tmp_path: Path) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, QWEN_DRAIN="0.3") as gateway,
        both_streams(gateway, "[[sim:silent]]") as streams,
    ):
        gateway.signal()

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(streams.grpc_rest(), 5)
        failure = grpc_failure(caught.value)
        assert (failure.code, failure.reason, failure.retry_after) == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN", 1.0)
        *_, error = await asyncio.wait_for(streams.rest_rest(), 5)
        assert error == {
            "error": {
                "message": failure.message, "type": "service_unavailable_error", "param": None, "code": "shutting_down"
            }
        }  # fmt: skip
        assert await gateway.ended(10) == 0
        await nothing_goes_on(simulator)


async def nothing_goes_on(simulator: Simulator) -> None:
    """Both answers were left and stopped, and their chats removed, before the process ended."""
    assert await simulator.hang_ups(2, within=1.0) == 2
    assert sorted(stop.chat_id for stop in simulator.stops) == sorted(record.chat_id for record in simulator.streams)
    assert simulator.chats == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, QWEN_DRAIN="60") as gateway,
        both_streams(gateway, "[[sim:silent]]") as streams,
    ):
        gateway.signal(number)
        await gateway.heard("draining")
        gateway.signal(number)

        with pytest.raises(grpc.aio.AioRpcError):
            await asyncio.wait_for(streams.grpc_rest(), 5)
        assert await gateway.ended(5) == 0


@pytest.mark.asyncio
async def test_a_gateway_without_calls_ends_at_once(tmp_path: Path) -> None:
    async with running() as simulator, gateway_process(simulator.url, tmp_path) as gateway:
        gateway.signal()
        assert await gateway.ended(5) == 0
