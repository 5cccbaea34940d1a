"""How DashScope fails, and what is seen of it at both doors, whole and streamed."""

from typing import Any

import grpc
import pytest
from both_doors import GrpcFailure, HttpFailure, all_ways
from dashscope_house import CHAT, KEY, asking, open_dashscope
from upstream_record import until

from qwen_grpc.credentials import ApiKey
from qwen_grpc.upstreams.clocks import Clocks

BEGINNING = "Part 1. Part 2. "
# The scenario, the reason, the HTTP status, and whether a wait is told.
REFUSALS = [
    ("rate_quota", "RATE_LIMITED", 429, True),
    ("throttling", "RATE_LIMITED", 429, True),
    ("allocation_quota", "TOKEN_QUOTA", 429, True),
    ("billing_quota", "TOKEN_QUOTA", 429, True),
    ("free_quota", "BILLING", 402, False),
    ("overdue", "BILLING", 402, False),
    ("arrearage", "BILLING", 402, False),
    ("free_tier_only", "BILLING", 402, False),
    ("unauthorized", "CREDENTIAL_EXPIRED", 401, False),
    ("model_access_denied", "ACCESS_DENIED", 403, False),
    ("access_denied", "ACCESS_DENIED", 403, False),
    ("model_not_found", "MODEL_NOT_FOUND", 404, False),
    ("content_filter", "CONTENT_FILTERED", 400, False),
    ("context_too_long", "CONTEXT_LENGTH", 400, False),
    ("download_failed", "INVALID_PARAMETER", 400, False),
    ("internal_error", "UPSTREAM_ERROR", 502, False),
    ("timed_out", "UPSTREAM_ERROR", 502, False),
    ("model_serving_error", "UPSTREAM_UNAVAILABLE", 503, True),
    ("model_unavailable", "UPSTREAM_UNAVAILABLE", 503, True),
    ("http_502_html", "UPSTREAM_UNAVAILABLE", 503, True),
    ("empty_body", "UPSTREAM_EMPTY", 502, False),
    ("garbage_body", "UPSTREAM_PROTOCOL", 502, False),
    ("ok_with_code", "UPSTREAM_ERROR", 502, False),
    ("empty_stream", "UPSTREAM_EMPTY", 502, False),
]
# The scenario, the reason, and the HTTP status of a whole answer that breaks off in that way.
BREAKS = [
    ("midstream_error", "UPSTREAM_ERROR", 502),
    ("midstream_filter", "CONTENT_FILTERED", 400),
    ("midstream_throttled", "TOKEN_QUOTA", 429),
    ("error_finish", "TOKEN_QUOTA", 429),
    ("native_frame", "RATE_LIMITED", 429),
    ("native_text", "RATE_LIMITED", 429),
    ("eof", "UPSTREAM_TRUNCATED", 502),
    ("truncate", "UPSTREAM_TRUNCATED", 502),
    ("garbage", "UPSTREAM_PROTOCOL", 502),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("scenario", "reason", "status", "waits"), REFUSALS)
async def test_a_refusal_is_the_same_by_every_way(scenario: str, reason: str, status: int, waits: bool) -> None:  # noqa: FBT001
    async with open_dashscope() as house:
        outcomes = await all_ways(house.doors, asking(f"[[sim:{scenario}]]"), KEY)
        for way, outcome in outcomes.items():
            failure = outcome.failure
            assert outcome.text == ""
            if isinstance(failure, HttpFailure):
                assert (way, failure.status, failure.retry_after is not None) == (way, status, waits)
            else:
                assert isinstance(failure, GrpcFailure)
                assert (way, failure.reason, failure.retry_after is not None) == (way, reason, waits)


@pytest.mark.asyncio
@pytest.mark.parametrize(("scenario", "reason", "status"), BREAKS)
async def test_an_answer_that_breaks_off_tells_what_came_and_why_it_ended(
    scenario: str, reason: str, status: int
) -> None:
    async with open_dashscope() as house:
        outcomes = await all_ways(house.doors, asking(f"[[sim:{scenario}]]"), KEY)
        streamed, whole = outcomes["gRPC stream"], outcomes["REST whole"]
        assert isinstance(streamed.failure, GrpcFailure)
        assert isinstance(whole.failure, HttpFailure)
        assert (streamed.text, streamed.failure.reason) == (BEGINNING, reason)
        assert (whole.text, whole.failure.status) == ("", status)
        assert (outcomes["REST stream"].text, outcomes["gRPC whole"].text) == (BEGINNING, "")
        # Nothing was asked for a second time.
        assert len(house.arrived()) == len(outcomes)


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["midstream_error", "eof"])
async def test_a_search_breaks_off_in_the_same_way(scenario: str) -> None:
    async with open_dashscope() as house:
        outcomes = await all_ways(house.doors, asking(f"[[sim:{scenario}]]", model="qwen-plus-search"), KEY)
        reason = {"midstream_error": "UPSTREAM_ERROR", "eof": "UPSTREAM_TRUNCATED"}[scenario]
        streamed = outcomes["gRPC stream"]
        assert isinstance(streamed.failure, GrpcFailure)
        assert (streamed.text, streamed.failure.reason) == (BEGINNING, reason)


@pytest.mark.asyncio
async def test_an_answer_without_the_last_line_is_whole() -> None:
    async with open_dashscope() as house:
        outcomes = await all_ways(house.doors, asking("[[sim:no_done]]Hello"), KEY)
        assert {(outcome.text, outcome.failure) for outcome in outcomes.values()} == {("You said: Hello", None)}


@pytest.mark.asyncio
async def test_a_burst_is_waited_out_by_the_service_unless_told_otherwise() -> None:
    for wait, failed in ((30, False), (0, True)):
        async with open_dashscope({"wait_timeout": wait}) as house:
            outcomes = await all_ways(house.doors, asking("[[sim:burst_rate]]Hello"), KEY)
            assert {outcome.failure is not None for outcome in outcomes.values()} == {failed}


@pytest.mark.asyncio
async def test_a_wait_that_the_service_names_is_passed_on() -> None:
    async with open_dashscope(retry_after="17") as house:
        reply = await house.reply("[[sim:rate_quota]]")
        assert reply.headers["retry-after"] == "17"


@pytest.mark.asyncio
async def test_a_key_of_another_region_gets_the_host_and_a_hint() -> None:
    async with open_dashscope(revoked_keys=("sk-of-elsewhere",)) as house:
        reply = await house.reply("Hello", key=ApiKey("sk-of-elsewhere"))
        error = reply.json()["error"]
        assert (reply.status_code, error["code"]) == (401, "credential_expired")
        assert "127.0.0.1" in error["message"]
        assert "one region and one plan" in error["message"]
        assert "sk-of-elsewhere" not in reply.text


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scenario", "reason", "code"),
    [
        ("stall", "UPSTREAM_HEADERS_TIMEOUT", grpc.StatusCode.DEADLINE_EXCEEDED),
        ("silent", "UPSTREAM_IDLE_TIMEOUT", grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_silence_ends_by_our_clocks(scenario: str, reason: str, code: grpc.StatusCode) -> None:
    clocks = Clocks(
        headers_s=0.3, first_event_s=0.3, thinking_first_event_s=0.3, idle_s=0.3, thinking_idle_s=0.3, silence_s=0.3
    )
    async with open_dashscope({"wait_timeout": 0}, clocks=clocks) as house:
        outcomes = await all_ways(house.doors, asking(f"[[sim:{scenario}]]"), KEY)
        failure = outcomes["gRPC stream"].failure
        assert isinstance(failure, GrpcFailure)
        assert (failure.reason, failure.code) == (reason, code)
        await until(lambda: all(record.outcome == "client_gone" for record in house.simulator.streams))


@pytest.mark.asyncio
async def test_a_retired_model_is_unknown_and_its_successor_is_asked_for() -> None:
    async with open_dashscope() as house:
        gone = await house.reply("Hello", model="qwq-plus")
        served = await house.reply("Hello", model="qwen-vl-max")
        assert (gone.status_code, served.status_code) == (404, 200)
        assert served.json()["model"] == "qwen3-vl-plus"
        assert [one.json["model"] for one in house.arrived(CHAT)] == ["qwen3-vl-plus"]


@pytest.mark.asyncio
async def test_a_bad_host_cannot_be_reached() -> None:
    config: dict[str, Any] = {"base_url": "http://127.0.0.1:9"}
    async with open_dashscope(config) as house:
        outcomes = await all_ways(house.doors, asking("Hello"), KEY)
        failure = outcomes["gRPC whole"].failure
        assert isinstance(failure, GrpcFailure)
        assert failure.reason == "UPSTREAM_CONNECT"
