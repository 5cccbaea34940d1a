"""Spans as a collector gets them, and what upstreams are told of a trace."""

from pathlib import Path
from typing import Any

import pytest
from both_doors import grpc_whole, question, request_of, rest_stream
from canaries import PROMPT, assert_secret, canaries, me
from gateway_process import started
from operated import TEAM_A, bearing, configured, engine, official, operated, sessions, web
from otlp_collector import CLIENT, SERVER, collecting
from support import bearer, open_house

from qwen_grpc.simulator import Simulator

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{CALLER}-01"
CONTEXT = {"traceparent": PARENT, "tracestate": "vendor=value"}
WHOLE, STREAM = "qwen.v1.ChatService/CompleteChat", "qwen.v1.ChatService/StreamChat"


def told(simulator: Simulator, path: str) -> list[str | None]:
    """The trace context of the requests to a path."""
    return [request.headers.get("traceparent") for request in simulator.requests if request.path.endswith(path)]


@pytest.mark.asyncio
async def test_a_call_and_its_attempt_are_spans_of_the_callers_trace() -> None:
    async with collecting() as collector:
        async with open_house(otel_exporter_otlp_endpoint=collector.url) as house:
            body = question("Hello", stream=True)
            headers = bearer() | CONTEXT | {"x-request-id": "req-1"}
            await house.http.post("/v1/chat/completions", json=body, headers=headers)
        call, attempt = collector.named(STREAM)[0], collector.named("chat qwen3.8-max")[0]

    assert (call.kind, call.trace_id, call.parent_id, call.state) == (SERVER, TRACE, CALLER, "vendor=value")
    assert (attempt.kind, attempt.trace_id, attempt.parent_id) == (CLIENT, TRACE, call.id)
    seconds = call.attributes.pop("qwen_grpc.time_to_first_message")
    assert seconds > 0
    assert call.attributes == {
        "rpc.system": "grpc",
        "rpc.service": "qwen.v1.ChatService",
        "rpc.method": "StreamChat",
        "rpc.grpc.status_code": 0,
        "qwen_grpc.request_id": "req-1",
        "qwen_grpc.attempts": 1,
        "qwen_grpc.messages": 2,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "qwen3.8-max",
        "gen_ai.provider.name": "web",
        "gen_ai.usage.input_tokens": 801,
        "gen_ai.usage.output_tokens": 4,
    }
    assert attempt.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "web",
        "gen_ai.request.model": "qwen3.8-max",
        "qwen_grpc.outcome": "ok",
    }
    assert collector.resources[0]["service.name"] == "qwen-grpc"


@pytest.mark.asyncio
async def test_each_attempt_has_its_span_and_a_failed_one_its_reason() -> None:
    def configure(simulator: Simulator) -> Any:
        return configured({"web": web(simulator)}, {"web": sessions(2)}, keys={TEAM_A: {}})

    async with collecting() as collector:
        async with operated(configure, otel_exporter_otlp_endpoint=collector.url) as house:
            reply = await house.http.post(
                "/v1/chat/completions", json=question("[[sim:http_429]]"), headers=bearing(TEAM_A)
            )
            assert reply.status_code == 429
        call, *others = collector.named(WHOLE)
        attempts = collector.named("chat qwen3.8-max")
    assert others == []
    assert (call.failed, call.parent_id) == (True, "")
    assert call.attributes["error.type"] == "RATE_LIMITED"
    assert call.attributes["qwen_grpc.attempts"] == 2
    assert [(one.parent_id, one.failed, one.attributes["error.type"]) for one in attempts] == [
        (call.id, True, "RATE_LIMITED")
    ] * 2


def configure_all(simulator: Simulator) -> Any:
    upstreams = {"web": web(simulator), "official": official(simulator), "own": engine(simulator, "vllm")}
    secrets = {"web": sessions(1), "official": ["sk-official-in-tests"]}
    return configured(upstreams, secrets, keys={TEAM_A: {}})


async def ask_all(house: Any, headers: dict[str, str]) -> None:
    """A call at each upstream, over REST."""
    models = {one["id"]: one for one in (await house.http.get("/v1/models", headers=headers)).json()["data"]}
    assert models
    for name in ("web/qwen-max", "official/qwen-plus", "own/Qwen/Qwen3-8B"):
        body = question("Hello") | {"model": name}
        reply = await house.http.post("/v1/chat/completions", json=body, headers=headers)
        assert reply.status_code == 200, reply.text


@pytest.mark.asyncio
async def test_engines_and_the_official_api_are_told_of_the_attempt_and_the_site_of_nothing() -> None:
    async with collecting() as collector:
        async with operated(configure_all, otel_exporter_otlp_endpoint=collector.url) as house:
            await ask_all(house, bearing(TEAM_A) | CONTEXT)
            simulator = house.simulator
        spans = {span.attributes["gen_ai.provider.name"]: span for span in collector.spans if span.kind == CLIENT}
    assert told(simulator, "/engine/vllm/v1/chat/completions") == [f"00-{TRACE}-{spans['own'].id}-01"]
    assert told(simulator, "/compatible-mode/v1/chat/completions") == [f"00-{TRACE}-{spans['official'].id}-01"]
    assert told(simulator, "/api/v2/chat/completions") == [None]
    assert not any("traceparent" in one.headers for one in simulator.requests if one.path.startswith("/api/v2"))


@pytest.mark.asyncio
async def test_without_traces_the_callers_context_goes_on_as_it_came() -> None:
    async with operated(configure_all) as house:
        await ask_all(house, bearing(TEAM_A) | CONTEXT)
        simulator = house.simulator
    engines = [one for one in simulator.requests if one.path == "/engine/vllm/v1/chat/completions"]
    assert [one.headers["traceparent"] for one in engines] == [PARENT]
    assert [one.headers["tracestate"] for one in engines] == ["vendor=value"]
    assert told(simulator, "/compatible-mode/v1/chat/completions") == [PARENT]
    assert told(simulator, "/api/v2/chat/completions") == [None]


@pytest.mark.asyncio
@pytest.mark.parametrize("given", ["", "garbage", f"00-{'0' * 32}-{CALLER}-01", f"{PARENT} ", f"ff{PARENT[2:]}"])
async def test_a_context_that_is_none_goes_nowhere(given: str) -> None:
    def configure(simulator: Simulator) -> Any:
        return configured({"own": engine(simulator, "vllm")}, {}, keys={TEAM_A: {}})

    async with operated(configure) as house:
        metadata = [("authorization", f"Bearer {TEAM_A}"), ("traceparent", given)]
        request = request_of(question("Hello") | {"model": "Qwen/Qwen3-8B"})
        await house.chat.CompleteChat(request, metadata=metadata)
        assert told(house.simulator, "/v1/chat/completions") == [None]


@pytest.mark.asyncio
async def test_no_span_shows_a_credential_or_a_prompt() -> None:
    mine = me()
    async with collecting() as collector, open_house(otel_exporter_otlp_endpoint=collector.url) as house:
        doors: Any = house
        for scenario in ("plain", "rate_limited", "html_challenge", "eof", "unauthorized"):
            await rest_stream(doors, question(f"{PROMPT} [[sim:{scenario}]]", user=PROMPT), mine)
            await grpc_whole(doors, question(f"{PROMPT} [[sim:{scenario}]]"), mine)
        await rest_stream(doors, question(PROMPT) | {"model": PROMPT}, mine)
    assert len(collector.named(STREAM)) == 6
    assert len(collector.named(WHOLE)) == 5
    assert_secret(b"".join(collector.bodies).decode("latin-1"), canaries(mine))


@pytest.mark.asyncio
async def test_a_collector_that_is_gone_neither_fails_a_call_nor_holds_up_the_end() -> None:
    async with collecting() as collector:
        url = collector.url
    async with open_house(otel_exporter_otlp_endpoint=url) as house:
        assert (await house.complete("Hello")).status_code == 200


HIDDEN = """
import sys
for name in ("opentelemetry.sdk", "opentelemetry.exporter"):
    sys.modules[name] = None
from qwen_grpc.__main__ import main
main()
"""


@pytest.mark.slow
@pytest.mark.asyncio
async def test_traces_without_the_extra_end_the_start_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "without_extra.py").write_text(HIDDEN)
    words = ("without_extra", "serve", "--port", "0", "--grpc-port", "0")
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    async with started(*words, folder=tmp_path, **endpoint) as command:
        assert await command.ended() == 2
    assert command.lines == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: traces need the extra `otel`: pip install 'qwen-grpc[otel]', or unset it"
    ]
