"""How each engine fails, and what both doors say of it."""

from dataclasses import replace
from typing import Any

import grpc
import pytest
from both_doors import WAYS, GrpcFailure, grpc_failure, open_doors, request_of
from engine_house import DIALECTS, KEY, EngineHouse, open_engine
from engine_paths import chunks, engine_of, listing, upstream
from grpc import StatusCode
from qwen_wire import Refused, wordless

from qwen_grpc.credentials import ApiKey
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.v1.chat_pb2 import ChatDelta

SERVER, BUSY, CALLER = "server_error", "service_unavailable_error", "invalid_request_error"
BEGUN = "Part 1. Part 2. "
CRASHED = Refused(StatusCode.INTERNAL, "UPSTREAM_ERROR", 502, SERVER, "upstream_error", retry=True)
DOWN = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", 503, BUSY, "upstream_unavailable", retry=True)
PROTOCOL = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL", 502, SERVER, "upstream_protocol", retry=True)
EMPTY = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_EMPTY", 502, SERVER, "upstream_empty", retry=True)
CUT = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_TRUNCATED", 502, SERVER, "stream_interrupted")
TOO_LONG = Refused(StatusCode.INVALID_ARGUMENT, "CONTEXT_LENGTH", 400, CALLER, "context_length_exceeded")

FAULTS: dict[str, Refused] = {
    "internal_error": CRASHED,
    "overloaded": DOWN,
    "loading": DOWN,
    "rate_limited": Refused(
        StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", 429, "rate_limit_error", "rate_limit_exceeded", retry=True
    ),
    "unauthorized": Refused(
        StatusCode.UNAUTHENTICATED, "CREDENTIAL_EXPIRED", 401, "authentication_error", "credential_expired"
    ),
    "forbidden": Refused(StatusCode.PERMISSION_DENIED, "ACCESS_DENIED", 403, "permission_error", "access_denied"),
    "model_not_found": Refused(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", 404, CALLER, "model_not_found"),
    "bad_request": Refused(StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", 400, CALLER, "invalid_parameter"),
    "context_too_long": TOO_LONG,
    "too_large": Refused(StatusCode.RESOURCE_EXHAUSTED, "TOO_LARGE", 413, CALLER, "request_too_large"),
    "html_200": PROTOCOL,
    "garbage_body": PROTOCOL,
    "ok_with_error": CRASHED,
    "http_502_html": DOWN,
    "cut_first": EMPTY,
    "empty_stream": EMPTY,
    "first_error": CRASHED,
    "reset_first": CUT,
    "eof": replace(CUT, said=BEGUN),
    "truncate": replace(CUT, said=BEGUN),
    "garbage": replace(PROTOCOL, said=BEGUN, retry=False),
    "midstream_error": replace(CRASHED, said=BEGUN, retry=False),
    "midstream_overloaded": replace(DOWN, said=BEGUN, retry=False),
}


async def outcomes(engine: EngineHouse, scenario: str) -> dict[str, Any]:
    """What each way says of a scenario, without its words, its wait and the field that is at fault."""
    question = engine.question(f"[[sim:{scenario}]]", temperature=0.5)
    found = {name: wordless(await ask(engine.doors, question, ApiKey(KEY))) for name, ask in WAYS.items()}
    return {name: replace(outcome, failure=_plain(outcome.failure)) for name, outcome in found.items()}


def _plain(failure: Any) -> Any:
    if isinstance(failure, GrpcFailure):
        return replace(failure, retry_after=None, field="")
    return replace(failure, retry_after=None, param=None)


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", FAULTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_fault_is_told_alike_by_all_ways_whichever_engine_has_it(dialect: str, scenario: str) -> None:
    async with open_engine(dialect) as engine:
        await engine.message("Hello")
        found = await outcomes(engine, scenario)

    assert {way: outcome.text for way, outcome in found.items()} == {
        way: FAULTS[scenario].said if way.endswith("stream") else "" for way in WAYS
    }
    assert {way: _words(outcome.failure) for way, outcome in found.items()} == {
        way: _words(FAULTS[scenario].by(way).failure) for way in WAYS
    }


def _words(failure: Any) -> tuple[Any, ...]:
    if isinstance(failure, GrpcFailure):
        return failure.code, failure.reason
    return failure.status, failure.type, failure.code


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_no_fault_repeats_what_the_engine_said(dialect: str) -> None:
    async with open_engine(dialect) as engine:
        for scenario in ("bad_request", "internal_error", "midstream_error", "first_error"):
            question = engine.question(f"[[sim:{scenario}]]")
            for ask in WAYS.values():
                failure: Any = (await ask(engine.doors, question, ApiKey(KEY))).failure
                assert "stopped unexpectedly" not in failure.message
                assert "non-negative" not in failure.message
                assert "gpu at 127.0.0.1" in failure.message


@pytest.mark.asyncio
async def test_llama_cpp_tells_how_much_too_long_a_prompt_is() -> None:
    async with open_engine("llamacpp", context_length=20) as engine:
        question = engine.question("x" * 200)
        reply = await engine.doors.http.post("/v1/chat/completions", json=question, headers=_bearer())

        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")
        assert "n_prompt_tokens 58, n_ctx 20" in reply.json()["error"]["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_engine_that_loads_its_model_is_worth_another_try(dialect: str) -> None:
    async with open_engine(dialect, loading=(dialect,)) as engine:
        question = engine.question("Hello")
        reply = await engine.doors.http.post("/v1/chat/completions", json=question, headers=_bearer())
        engine.simulator.engine.behaviour.change({"loading": ()})

        assert (reply.status_code, reply.headers["x-should-retry"]) == (503, "true")
        assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.asyncio
async def test_a_silent_engine_is_given_up_by_the_clock() -> None:
    clocks = Clocks(
        headers_s=0.2, first_event_s=0.2, thinking_first_event_s=0.2, idle_s=0.2, thinking_idle_s=0.2, silence_s=0.2
    )
    for scenario, reason in {
        "stall": "UPSTREAM_HEADERS_TIMEOUT",
        "headers_only": "UPSTREAM_TTFB_TIMEOUT",
        "silent": "UPSTREAM_IDLE_TIMEOUT",
    }.items():
        async with open_engine("ollama", upstream_options={"clocks": clocks}) as engine:
            ask = WAYS["gRPC stream"]
            outcome = await ask(engine.doors, engine.question(f"[[sim:{scenario}]]"), ApiKey(KEY))

            assert isinstance(outcome.failure, GrpcFailure)
            assert outcome.failure.reason == reason
            assert await engine.simulator.hang_ups(1, within=1.0) == 1


@pytest.mark.asyncio
async def test_an_engine_that_is_not_there_is_told_as_that() -> None:
    async with open_doors(upstream("http://127.0.0.1:9/v1")) as doors:
        question = {"model": "any", "messages": [{"role": "user", "content": "Hello"}]}
        outcome = await WAYS["gRPC whole"](doors, question, ApiKey(KEY))

        assert isinstance(outcome.failure, GrpcFailure)
        assert (outcome.failure.code, outcome.failure.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_CONNECT")


def _bearer() -> dict[str, str]:
    return {"authorization": f"Bearer {KEY}"}


@pytest.mark.asyncio
async def test_an_engine_without_chat_is_told_as_a_wrong_address() -> None:
    async with engine_of({"/v1/models": listing("any")}) as engine, open_doors(upstream(f"{engine.url}/v1")) as doors:
        question = {"model": "any", "messages": [{"role": "user", "content": "Hello"}]}
        outcome = await WAYS["gRPC whole"](doors, question, ApiKey(KEY))

        assert isinstance(outcome.failure, GrpcFailure)
        assert outcome.failure.reason == "UPSTREAM_ERROR"
        assert "base_url" in outcome.failure.message


@pytest.mark.asyncio
async def test_thinking_that_is_held_back_is_delivered_before_a_failure() -> None:
    _, whole = chunks({"reasoning": "We"}, {"reasoning": "ll"})
    cut = whole[: whole.index(b'"stop"')].rpartition(b"data: ")[0]
    answers = {"/v1/models": listing("any", owner="vllm"), "/v1/chat/completions": (200, cut)}
    question = {"model": "any", "messages": [{"role": "user", "content": "Hello"}], "enable_thinking": False}
    async with engine_of(answers) as engine, open_doors(upstream(f"{engine.url}/v1")) as doors:
        call = doors.chat.StreamChat(request_of(question), metadata=tuple(_bearer().items()), timeout=20)
        heard: list[ChatDelta] = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _listen(call, heard)

    assert "".join(delta.reasoning_content for delta in heard) == "Well"
    assert grpc_failure(caught.value).reason == "UPSTREAM_TRUNCATED"


async def _listen(call: Any, heard: list[ChatDelta]) -> None:
    async for message in call:
        heard.extend(message.deltas)
