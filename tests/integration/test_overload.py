"""More than can be served, for a while: what is served, what is refused, and how it is afterwards."""

import asyncio
import os
import resource
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from both_doors import COMPLETIONS, request_of
from gateway_process import Running, gateway_process
from operated import TEAM_A, TEAM_B, bearing, configured, operated, sessions, web
from support import House, bearer, body, open_house
from upstream_record import until

from qwen_grpc.simulator import Simulator, running

CAPACITY = 8
# Five times as many callers at once as are served, each with several calls.
CALLERS, ROUNDS = 5 * CAPACITY, 3


async def asked(http: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await http.post(COMPLETIONS, json=body("Hello"), headers=headers)


def good(reply: httpx.Response) -> bool:
    """Whether it is the whole answer, or a refusal that says when to come back."""
    if reply.status_code == 200:
        return bool(reply.json()["choices"][0]["message"]["content"] == "You said: Hello")
    told = reply.headers
    return reply.status_code == 503 and told["x-should-retry"] == "true" and 1 <= int(told["retry-after"]) <= 5


@pytest.mark.asyncio
async def test_five_times_too_many_callers_cost_those_that_are_served_nothing() -> None:
    async with open_house(qwen_max_calls=CAPACITY) as house:
        held = [await begun(house) for _ in range(CAPACITY - 1)]

        async def call_on() -> list[httpx.Response]:
            return [await asked(house.http, bearer()) for _ in range(ROUNDS)]

        replies = sum(await asyncio.gather(*(call_on() for _ in range(CALLERS))), [])
        seen = Counter(reply.status_code for reply in replies)
        assert all(map(good, replies))
        assert seen[200] > 0
        assert seen[503] > 0
        assert seen.total() == CALLERS * ROUNDS
        # Those that ran all the while were left alone, and nothing was asked of the upstream that was refused here.
        assert not any(call.done() for call in held)
        assert len(house.simulator.streams) == CAPACITY - 1 + seen[200]
        assert house.gateway.server.pressure.refused["calls"] == seen[503]

        for call in held:
            call.cancel()
        await until(lambda: house.gateway.server.pressure.calls == 0)
        assert [(await asked(house.http, bearer())).status_code for _ in range(CAPACITY)] == [200] * CAPACITY
        assert (house.gateway.server.pressure.calls, house.gateway.server.pressure.inflight_bytes) == (0, 0)


async def begun(house: House) -> Any:
    """A stream that has begun, and goes on."""
    call = house.chat.StreamChat(request_of(body("[[sim:silent]]")), metadata=tuple(bearer().items()))
    await call.read()
    return call


@pytest.mark.asyncio
async def test_a_tenant_that_asks_for_ten_times_its_share_takes_nothing_from_another_one() -> None:
    def configure(simulator: Simulator) -> Any:
        table = web(simulator, max_calls_per_credential=0)
        keys = {TEAM_A: {"max_calls": 2}, TEAM_B: {"max_calls": 2}}
        return configured({"web": table}, {"web": sessions(2)}, keys=keys)

    async with operated(configure) as house:

        async def noise() -> list[httpx.Response]:
            return [await asked(house.http, bearing(TEAM_A)) for _ in range(3)]

        async def work() -> list[httpx.Response]:
            return [await asked(house.http, bearing(TEAM_B)) for _ in range(10)]

        *noisy, quiet = await asyncio.gather(*(noise() for _ in range(20)), work())

    replies = sum(noisy, [])
    assert [reply.status_code for reply in quiet] == [200] * 10
    seen = Counter((reply.status_code, reply.json().get("error", {}).get("code")) for reply in replies)
    assert seen[200, None] > 0
    assert seen[429, "rate_limit_exceeded"] > 0
    assert seen[200, None] + seen[429, "rate_limit_exceeded"] == len(replies) == 60
    refused = [reply for reply in replies if reply.status_code == 429]
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert len(house.simulator.streams) == 10 + seen[200, None]


@pytest.mark.asyncio
async def test_a_gateway_without_free_descriptors_answers_503_and_recovers_by_itself(tmp_path: Path) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path) as gateway,
        httpx.AsyncClient(base_url=gateway.rest, timeout=10) as http,
    ):
        assert (await http.get("/health")).status_code == 200
        taken = await exhaust(gateway)
        refused = await asked(http, bearer())
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "upstream_unavailable")
        assert refused.headers["x-should-retry"] == "true"
        assert (await http.get("/health")).status_code == 200
        for writer in taken:
            writer.close()
        assert (await asyncio.wait_for(answered(gateway.rest), 20)).status_code == 200


async def exhaust(gateway: Running) -> list[asyncio.StreamWriter]:
    """Connections to a process that may have a few more files open than it has, and then has none left."""
    pid = gateway.process.pid
    limit = len(os.listdir(f"/proc/{pid}/fd")) + 4
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))
    writers = [(await asyncio.open_connection("127.0.0.1", gateway.ports["rest"]))[1] for _ in range(16)]
    await until(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= limit)
    return writers


async def answered(base_url: str) -> httpx.Response:
    """Asks with connections of its own until the answer comes; the test has a clock."""
    while True:
        try:
            async with httpx.AsyncClient(base_url=base_url, timeout=10) as http:
                reply = await asked(http, bearer())
        except httpx.TransportError:
            reply = httpx.Response(503)
        if reply.status_code == 200:
            return reply
        await asyncio.sleep(0.05)
