"""The upstream of the benchmark in C: as both of its faces, before the load generator and the gateway."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.compiled import compiler
from benchmarks.loads import Door, Load, begin
from benchmarks.processes import Starter, starting
from benchmarks.systems import ENGINE, GATEWAY, GRPC, Upstream, start_system

pytestmark = pytest.mark.skipif(compiler() is None, reason="the benchmark's programs need a C compiler")

STREAMS = Load("some streams", clients=8, seconds=0.2, deltas=20, pause_us=1000)
WHOLE = Load("some whole answers", clients=8, seconds=0.2, deltas=20, pause_us=0)


@pytest.fixture
def start() -> Iterator[Starter]:
    with starting() as starter:
        yield starter


@pytest.mark.parametrize("load", [STREAMS, WHOLE], ids=lambda load: load.name)
def test_what_the_engine_sends_arrives_whole_and_in_order(start: Starter, load: Load) -> None:
    result = begin(Door(Upstream(start).port), load)()
    assert (result["errors"], result["first_error"], result["lost"]) == (0, "", 0)
    assert result["complete"] == result["answers"] >= load.clients
    assert result["deltas"] == result["expected"] == load.deltas * result["answers"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [GATEWAY, ENGINE, GRPC])
def test_a_form_of_the_gateway_passes_on_every_delta(start: Starter, name: str) -> None:
    upstream = Upstream(start)
    system = start_system(name, start, upstream)
    for load in (STREAMS,) if name == GRPC else (STREAMS, WHOLE):
        result = begin(system.door, load)()
        assert (result["errors"], result["first_error"], result["lost"]) == (0, "", 0)
        assert result["complete"] == result["answers"] >= load.clients
    upstream.settle()
    assert system.cost().cpu_s > 0
    assert system.memory() > 0
    counts = upstream.counts()
    assert counts["opened"] == counts["removed"]
    assert (counts["opened"] > 0) == (name != ENGINE), "only the site has chats"


def test_streams_that_are_open_are_counted_and_forgotten_when_the_client_leaves(start: Starter) -> None:
    upstream = Upstream(start)
    body = {"stream": True, "messages": [{"role": "user", "content": "n=9 us=60000000"}]}
    with httpx.stream("POST", f"{upstream.url}/v1/chat/completions", json=body) as response:
        assert response.status_code == 200
        upstream.wait(lambda counts: counts["streams"] == 1, 10)
    upstream.wait(lambda counts: counts["streams"] == 0, 10)


def test_the_sites_events_are_those_that_the_gateway_reads(start: Starter) -> None:
    upstream = Upstream(start)
    body = {"messages": [{"role": "user", "content": "n=2 us=0"}]}
    events = httpx.post(f"{upstream.url}/api/v2/chat/completions", json=body).text.split("\n\n")
    told = [json.loads(event.removeprefix("data: ")) for event in events if event]
    assert list(told[0]) == ["response.created"]
    steps = [one["choices"][0]["delta"] for one in told[1:]]
    assert [step["status"] for step in steps] == ["typing"] * 4 + ["finished"]
    assert [step["content"][:3] for step in steps] == ["w0@", "w1@", "", "", ""]


@pytest.mark.asyncio
async def test_a_reader_that_comes_late_gets_all_of_it(start: Starter) -> None:
    upstream = Upstream(start)
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port, limit=1 << 12)
    body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "n=20000 us=1"}]}).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await asyncio.to_thread(upstream.wait, lambda counts: counts["streams"] == 0, 30)
    parts = [b""]
    while not parts[-1].endswith(b"\r\n0\r\n\r\n"):
        parts.append(await asyncio.wait_for(reader.read(1 << 16), 10))
    assert b"".join(parts).count(b'"content":"w') == 20000
    writer.close()
