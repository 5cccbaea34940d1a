"""Whether the process lives, and whether more calls are wanted: two questions with two answers."""

import pytest
from both_doors import metadata, question, request_of
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from support import House, open_house
from upstream_record import until

from qwen_grpc.services.readiness import FULL_S, Readiness
from qwen_grpc.simulator import Behaviour

PATHS = ("/livez", "/readyz", "/health")


async def told(house: House) -> list[int]:
    return [(await house.http.get(path)).status_code for path in PATHS]


@pytest.mark.asyncio
async def test_a_gateway_that_serves_lives_and_is_ready(house: House) -> None:
    assert await told(house) == [200, 200, 200]


@pytest.mark.asyncio
async def test_an_upstream_that_fails_makes_no_gateway_unready() -> None:
    async with open_house(Behaviour(scenario="http_500")) as house:
        assert (await house.complete("Hello")).status_code == 502
        assert await told(house) == [200, 200, 200]


@pytest.mark.asyncio
async def test_a_full_gateway_lives_answers_for_its_health_and_wants_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_grpc.services.readiness.FULL_S", 0.05)
    monkeypatch.setattr("qwen_grpc.services.readiness.LOOK_S", 0.02)
    async with open_house(qwen_max_calls=1) as house:
        running = house.chat.StreamChat(request_of(question("[[sim:silent]]")), metadata=metadata())
        await running.read()
        watch = HealthStub(house.channel).Watch(HealthCheckRequest(service="qwen.v1.ChatService"))
        while (await watch.read()).status != HealthCheckResponse.NOT_SERVING:
            pass
        assert await told(house) == [200, 503, 200]

        running.cancel()
        await until(lambda: house.simulator.stops)
        assert (await watch.read()).status == HealthCheckResponse.SERVING
        assert await told(house) == [200, 200, 200]
        watch.cancel()


@pytest.mark.asyncio
async def test_a_gateway_that_is_full_for_a_moment_stays_ready() -> None:
    servicer, full = health.HealthServicer(), True
    readiness = Readiness(servicer, ("some",), lambda: full)
    await servicer.set("some", HealthCheckResponse.SERVING)

    async def status(now: float) -> int:
        await readiness.look(now)
        return int((await servicer.Check(HealthCheckRequest(service="some"), None)).status)

    serving, not_serving = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
    assert [await status(100.0), await status(100.0 + 0.9 * FULL_S), await status(100.0 + FULL_S)] == [
        serving, serving, not_serving
    ]  # fmt: skip
    full = False
    assert await status(101.0 + FULL_S) == serving
    full = True
    assert await status(102.0 + FULL_S) == serving
