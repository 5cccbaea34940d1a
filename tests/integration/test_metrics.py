"""What a scrape says after real calls, and when it can be had."""

import asyncio
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from both_doors import grpc_stream, grpc_whole, question, rest_stream, rest_whole
from canaries import PROMPT, assert_secret, canaries, me
from operated import TEAM_A, configured, engine, official, operated, sessions, web
from scraping import scrape, url_of
from support import House, bearer, open_house
from upstream_record import until

from qwen_grpc.settings import BadSettings
from qwen_grpc.simulator import Behaviour
from qwen_grpc.telemetry.definitions import ALL, BREAKER, LANES, Kind
from qwen_grpc.telemetry.states import LOOP_S

SUFFIXES = {Kind.COUNTER: "", Kind.GAUGE: "", Kind.HISTOGRAM: "_count"}
CHAT = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "web", "gen_ai_request_model": "qwen3.8-max"}
WHOLE, STREAM = "ChatService/CompleteChat", "ChatService/StreamChat"


def port_of(house: House) -> int | None:
    return house.gateway.server.metrics_port


@pytest.mark.asyncio
async def test_calls_at_both_doors_are_counted_exactly() -> None:
    async with open_house(metrics_port=0) as house:
        doors: Any = house
        for ask in (rest_whole, rest_stream, rest_stream, grpc_whole, grpc_stream, grpc_stream):
            assert (await ask(doors, question("Hello"))).failure is None
        assert (await rest_stream(doors, question("[[sim:http_429]]"))).failure is not None
        assert (await grpc_whole(doors, question("[[sim:eof]]"))).failure is not None
        assert (await house.http.get("/v1/models")).status_code == 200
        found = await scrape(port_of(house))

    assert found.table("qwen_grpc_calls_total") == {
        ("OK", "", WHOLE): 2,
        ("OK", "", STREAM): 4,
        ("RESOURCE_EXHAUSTED", "RATE_LIMITED", STREAM): 1,
        ("UNAVAILABLE", "UPSTREAM_TRUNCATED", WHOLE): 1,
        ("OK", "", "ModelsService/ListModels"): 1,
    }
    assert found.table("qwen_grpc_upstream_attempts_total") == {
        ("ok", "", "web"): 6,
        ("failed", "RATE_LIMITED", "web"): 1,
        ("failed", "UPSTREAM_TRUNCATED", "web"): 1,
    }
    assert found.of("gen_ai_server_request_duration_seconds_count", **CHAT, error_type="") == 6
    assert found.of("gen_ai_server_request_duration_seconds_count", **CHAT, error_type="RATE_LIMITED") == 1
    assert found.of("gen_ai_server_time_to_first_token_seconds_count", **CHAT) == 4
    assert found.of("gen_ai_client_token_usage_count", **CHAT, gen_ai_token_type="output") == 6
    assert not found.table("qwen_grpc_calls_in_flight")


@pytest.mark.asyncio
async def test_every_metric_of_the_list_is_there_and_no_other() -> None:
    async with open_house(metrics_port=0) as house:
        await house.stream("Hello")
        found = await scrape(port_of(house))
    assert {one.name + SUFFIXES[one.kind] for one in ALL} == {
        name for name in found.names if not name.endswith(("_bucket", "_sum"))
    }


@pytest.mark.asyncio
async def test_the_first_token_is_timed_when_it_is_delivered() -> None:
    behaviour = Behaviour(pace_s=0.02)
    async with open_house(behaviour, metrics_port=0) as house:
        started = time.monotonic()
        async with house.http.stream(
            "POST", "/v1/chat/completions", json=question("[[sim:long:20]]", stream=True), headers=bearer()
        ) as reply:
            lines = reply.aiter_lines()
            while '"content":"' not in await anext(lines):
                pass
            first_s = time.monotonic() - started
            assert [line async for line in lines][-2:] == ["data: [DONE]", ""]
        whole_s = time.monotonic() - started
        found = await scrape(port_of(house))
    told_s = found.of("gen_ai_server_time_to_first_token_seconds_sum", **CHAT)
    assert told_s is not None
    assert 0 < told_s < first_s < whole_s
    gap_s = found.of("qwen_grpc_delta_gap_seconds_sum", upstream="web")
    assert gap_s is not None
    assert 0 < gap_s < whole_s


@pytest.mark.asyncio
async def test_a_caller_that_leaves_is_told_with_the_time_until_the_upstream_was_left() -> None:
    async with open_house(Behaviour(pace_s=0.01), metrics_port=0) as house:
        body = question("[[sim:long:1000]]", stream=True)
        async with house.http.stream("POST", "/v1/chat/completions", json=body, headers=bearer()) as reply:
            await anext(reply.aiter_bytes())
        await until(lambda: not house.gateway.server.pressure.calls)
        found = await scrape(port_of(house))
    assert found.table("qwen_grpc_calls_total") == {("CANCELLED", "", STREAM): 1}
    assert found.table("qwen_grpc_upstream_attempts_total") == {("left", "", "web"): 1}
    assert found.of("qwen_grpc_cancel_latency_seconds_count") == 1


# -- when it can be had -----------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_without_the_setting_there_is_no_port_and_the_rest_door_has_none_either() -> None:
    async with open_house() as house:
        assert port_of(house) is None
        assert house.gateway.server.telemetry is None
        assert (await house.http.get("/metrics")).status_code == 404


@pytest.mark.asyncio
async def test_the_metrics_are_on_their_own_port_only() -> None:
    async with open_house(metrics_port=0) as house, httpx.AsyncClient() as http:
        assert (await house.http.get("/metrics")).status_code == 404
        url = url_of(port_of(house))
        assert (await http.get(url.replace("/metrics", "/"))).status_code == 404
        assert (await http.post(url)).status_code == 501


def listening_on(port: int) -> set[str]:
    """The addresses, as the kernel writes them, that somebody listens on at a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1][:8] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}


@pytest.mark.asyncio
async def test_the_port_is_bound_to_loopback() -> None:
    async with open_house(metrics_port=0, grpc_host="0.0.0.0", shim={"host": "0.0.0.0"}) as house:  # noqa: S104
        port = port_of(house)
        assert port is not None
        assert listening_on(port) == {"0100007F"}


@pytest.mark.asyncio
async def test_a_taken_port_ends_the_start_with_its_name() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=f"METRICS_PORT: cannot listen on 127.0.0.1:{port}: Address already in"):
            async with open_house(metrics_port=port):
                pass


@pytest.mark.asyncio
async def test_who_asks_for_open_metrics_gets_them() -> None:
    async with open_house(metrics_port=0) as house, httpx.AsyncClient() as http:
        accept = {"accept": "application/openmetrics-text; version=1.0.0, text/plain; q=0.5"}
        reply = await http.get(url_of(port_of(house)), headers=accept)
        plain = await http.get(url_of(port_of(house)))
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert reply.text.endswith("# EOF\n")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.asyncio
async def test_a_full_gateway_answers_and_counts_whom_it_refuses() -> None:
    async with open_house(Behaviour(stall_s=60), metrics_port=0, qwen_max_calls=1) as house:
        body = question("[[sim:stall]]", stream=True)
        running = asyncio.create_task(house.http.post("/v1/chat/completions", json=body, headers=bearer()))
        await until(lambda: house.gateway.server.pressure.calls == 1)
        doors: Any = house
        assert (await grpc_whole(doors, question("Hello"))).failure is not None
        found = await scrape(port_of(house))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert found.table("qwen_grpc_admission_refusals_total") == {("calls",): 1}
    assert found.of("qwen_grpc_calls_in_flight", rpc=STREAM) == 1
    assert found.of("qwen_grpc_upstream_calls_in_flight", upstream="web") == 1


@pytest.mark.asyncio
async def test_a_draining_gateway_answers_until_its_last_call_has_ended() -> None:
    async with open_house(Behaviour(pace_s=0.02), metrics_port=0) as house:
        body = question("[[sim:long:50]]", stream=True)
        running = asyncio.create_task(house.http.post("/v1/chat/completions", json=body, headers=bearer()))
        await until(lambda: house.gateway.server.pressure.calls == 1)
        draining = asyncio.create_task(house.gateway.server.drain(10))
        await asyncio.sleep(0)
        found = await scrape(port_of(house))
        assert (found.of("qwen_grpc_draining"), found.of("qwen_grpc_calls_in_flight", rpc=STREAM)) == (1, 1)
        assert (await running).text.endswith("data: [DONE]\n\n")
        await draining
        with pytest.raises(httpx.ConnectError):
            await scrape(port_of(house))


@pytest.mark.asyncio
async def test_a_loop_that_stands_still_is_told_by_a_scrape_that_does_not_wait_for_it() -> None:
    async with open_house(metrics_port=0) as house:
        texts: list[str] = []

        def scraping() -> None:
            texts.append(httpx.get(url_of(port_of(house)), timeout=10).text)

        thread = threading.Thread(target=scraping)
        thread.start()
        # The event loop of the gateway is this one: joining blocks it until the scrape is there.
        thread.join()
    blocked = [line for line in texts[0].splitlines() if line.startswith("qwen_grpc_event_loop_blocked_seconds ")]
    assert float(blocked[0].split()[1]) > LOOP_S / 2
    assert "qwen_grpc_lanes{" not in texts[0]


# -- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_lanes_and_breakers_are_told_by_their_state() -> None:
    def configure(simulator: Any) -> Any:
        upstreams = {"web": web(simulator), "official": official(simulator), "own": engine(simulator, "vllm")}
        return configured(upstreams, {"web": sessions(3)}, keys={TEAM_A: {"upstreams": ["web"]}})

    async with operated(configure, metrics_port=0) as house:
        assert (await house.answer(TEAM_A, "[[sim:http_429]]")).status_code == 429
        found = await scrape(house.gateway.server.metrics_port)
    assert found.table(LANES.name) == {("cooling", "web"): 3, ("healthy", "own"): 1}
    assert found.table(BREAKER.name) == {("closed", "web"): 1, ("closed", "official"): 1, ("closed", "own"): 1}
    assert found.of("qwen_grpc_retry_budget", upstream="web") == 28
    assert found.table("qwen_grpc_upstream_attempts_total") == {("failed", "RATE_LIMITED", "web"): 3}


@pytest.mark.asyncio
async def test_no_scrape_shows_a_credential_or_a_prompt() -> None:
    mine = me()
    async with open_house(metrics_port=0) as house:
        for scenario in ("plain", "rate_limited", "html_challenge", "eof", "unauthorized"):
            for stream in (False, True):
                body = question(f"{PROMPT} [[sim:{scenario}]]", stream=stream, user=PROMPT)
                headers = bearer(mine) | {"x-request-id": PROMPT}
                await house.http.post("/v1/chat/completions", json=body, headers=headers)
        body = question(PROMPT) | {"model": PROMPT}
        assert (await house.http.post("/v1/chat/completions", json=body, headers=bearer(mine))).status_code == 404
        found = await scrape(port_of(house))
    assert_secret(found.text, canaries(mine))
    assert found.of("gen_ai_server_request_duration_seconds_count", **CHAT, error_type="") == 2
