"""What is counted of calls and attempts."""

from types import SimpleNamespace
from typing import Any

import pytest
from grpc import StatusCode
from prometheus_client import generate_latest
from scraping import Scrape

from qwen_grpc.calls import Call
from qwen_grpc.errors import RateLimited
from qwen_grpc.routing.attempts import Attempt
from qwen_grpc.telemetry.definitions import ALL, EVENTS, PROCESS, Kind
from qwen_grpc.telemetry.metrics import MAX_MODELS, Metrics
from qwen_grpc.v1.chat_pb2 import CompleteChatResponse, StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

STREAM = "ChatService/StreamChat"
DURATION = "gen_ai_server_request_duration_seconds"


def call(rpc: str = STREAM, *, left_at: float = 0.0, **what: Any) -> Call:
    """A call that began at 100 s and ended at 102 s."""
    one = Call(f"/qwen.v1.{rpc}", SimpleNamespace(left_at=left_at), {}, "r1", streams=True)  # type: ignore[arg-type]
    one.started_at, one.ended_at = 100.0, 102.0
    for name, value in what.items():
        setattr(one, name, value)
    return one


def answered(model: str = "qwen3-max", **what: Any) -> Call:
    """A stream of eleven deltas in five messages that began to come after half a second."""
    last = StreamChatResponse(usage=Usage(prompt_tokens=7, completion_tokens=31))
    facts = {"model": model, "upstream": "web"}
    return call(**{"first_at": 100.5, "messages": 5, "deltas": 11, "last": last, "facts": facts, **what})


def told(*calls: Call) -> Scrape:
    """What a scrape says after these calls."""
    metrics = Metrics()
    for one in calls:
        metrics.call(one)()
    return shown(metrics)


def shown(metrics: Metrics) -> Scrape:
    return Scrape(generate_latest(metrics.registry).decode())


CHAT = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "web", "gen_ai_request_model": "qwen3-max"}


def test_a_stream_tells_its_times_its_tokens_and_its_deltas() -> None:
    found = told(answered())
    assert found.table("qwen_grpc_calls_total") == {("OK", "", STREAM): 1}
    assert found.of(f"{DURATION}_sum", **CHAT, error_type="") == 2.0
    assert found.of("gen_ai_server_time_to_first_token_seconds_sum", **CHAT) == 0.5
    assert found.of("gen_ai_server_time_per_output_token_seconds_sum", **CHAT) == 1.5 / 30
    assert found.of("qwen_grpc_delta_gap_seconds_sum", upstream="web") == 0.15
    assert found.of("gen_ai_client_token_usage_sum", **CHAT, gen_ai_token_type="input") == 7
    assert found.of("gen_ai_client_token_usage_sum", **CHAT, gen_ai_token_type="output") == 31
    assert (found.of("qwen_grpc_stream_deltas_total"), found.of("qwen_grpc_stream_messages_total")) == (11, 5)
    assert found.of("qwen_grpc_deltas_per_message_sum") == 2.2


def test_a_call_is_in_flight_until_it_has_ended() -> None:
    metrics = Metrics()
    end = metrics.call(call())
    assert shown(metrics).of("qwen_grpc_calls_in_flight", rpc=STREAM) == 1
    end()
    assert shown(metrics).of("qwen_grpc_calls_in_flight", rpc=STREAM) == 0


def test_a_whole_answer_has_tokens_and_no_first_one() -> None:
    last = CompleteChatResponse(usage=Usage(prompt_tokens=7, completion_tokens=31))
    found = told(answered(method="/qwen.v1.ChatService/CompleteChat", last=last, deltas=0, messages=0, first_at=0.0))
    assert found.of("gen_ai_client_token_usage_count", **CHAT, gen_ai_token_type="input") == 1
    assert found.of("gen_ai_server_time_to_first_token_seconds_count", **CHAT) == 0
    assert found.of("qwen_grpc_deltas_per_message_count") == 0


def test_tokens_that_the_gateway_estimated_are_not_counted_as_tokens() -> None:
    last = StreamChatResponse(usage=Usage(prompt_tokens=7, completion_tokens=31, estimated=True))
    found = told(answered(last=last))
    assert found.of("gen_ai_client_token_usage_count", **CHAT, gen_ai_token_type="input") == 0
    assert found.of("gen_ai_server_time_per_output_token_seconds_count", **CHAT) == 0
    assert found.of("qwen_grpc_delta_gap_seconds_count", upstream="web") == 1


def test_a_failure_has_its_reason_and_no_gap() -> None:
    found = told(answered(code=StatusCode.UNAVAILABLE, reason="UPSTREAM_TRUNCATED"))
    assert found.table("qwen_grpc_calls_total") == {("UNAVAILABLE", "UPSTREAM_TRUNCATED", STREAM): 1}
    assert found.of(f"{DURATION}_count", **CHAT, error_type="UPSTREAM_TRUNCATED") == 1
    assert found.of("gen_ai_server_time_to_first_token_seconds_count", **CHAT) == 1
    assert found.of("qwen_grpc_delta_gap_seconds_count", upstream="web") == 0
    assert found.of("gen_ai_client_token_usage_count", **CHAT, gen_ai_token_type="output") == 0


def test_how_long_a_call_went_on_after_its_caller_left_is_told() -> None:
    found = told(answered(code=StatusCode.CANCELLED, left_at=101.75))
    assert found.of("qwen_grpc_cancel_latency_seconds_sum") == 0.25
    assert found.of(f"{DURATION}_count", **CHAT, error_type="CANCELLED") == 1


def test_calls_that_make_nothing_are_counted_and_no_more() -> None:
    found = told(call("ModelsService/ListModels"))
    assert found.table("qwen_grpc_calls_total") == {("OK", "", "ModelsService/ListModels"): 1}
    assert not found.table(f"{DURATION}_count")


def test_a_thousand_invented_models_do_not_make_a_thousand_series() -> None:
    found = told(*(answered(f"model-{number}") for number in range(1000)))
    models = {dict(labels)["gen_ai_request_model"] for name, labels in found.samples if name == f"{DURATION}_count"}
    assert len(models) == MAX_MODELS + 1
    other = CHAT | {"gen_ai_request_model": "other"}
    assert found.of(f"{DURATION}_count", **other, error_type="") == 1000 - MAX_MODELS


def test_the_memory_of_invented_models_has_a_bound_too() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.call(answered(f"model-{number}"))()
    assert len(metrics._series) == MAX_MODELS


@pytest.mark.parametrize(
    ("error", "labels"),
    [
        (None, {"outcome": "ok", "reason": ""}),
        (RateLimited("slow down"), {"outcome": "failed", "reason": "RATE_LIMITED"}),
        (GeneratorExit(), {"outcome": "left", "reason": ""}),
    ],
)
def test_an_attempt_tells_how_it_ended(error: BaseException | None, labels: dict[str, str]) -> None:
    metrics, attempt = Metrics(), Attempt("web", "qwen3-max", "chat")
    end = metrics.attempt(attempt)
    attempt.end(error)
    end()
    assert shown(metrics).of("qwen_grpc_upstream_attempts_total", upstream="web", **labels) == 1
    duration = "qwen_grpc_upstream_attempt_duration_seconds_count"
    assert shown(metrics).of(duration, upstream="web", outcome=labels["outcome"]) == 1


def test_the_last_reload_decides_whether_the_file_is_in_force() -> None:
    metrics = Metrics()
    for ok in (False, False, True):
        metrics.reloaded(ok)
        assert shown(metrics).of("qwen_grpc_config_in_force") == ok
    assert shown(metrics).table("qwen_grpc_config_reloads_total") == {("failed",): 2, ("ok",): 1}


def test_two_servers_of_a_process_share_no_number() -> None:
    one, other = Metrics(), Metrics()
    one.call(answered())()
    assert shown(other).table("qwen_grpc_calls_total") == {}


def test_what_is_defined_is_what_is_shown() -> None:
    found = told(answered())
    assert {one.name.removesuffix("_total") for one in (*EVENTS, *PROCESS)} == {
        name.removesuffix("_total") for name in found.kinds if not name.endswith("_created")
    }


def test_names_say_what_they_are() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    for one in ALL:
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER), one.name
        assert bool(one.buckets) == (one.kind is Kind.HISTOGRAM), one.name
        if one.unit in ("seconds", "bytes"):
            assert one.unit in one.name, one.name
