"""The scopes of a call: outcome, errors, limits, drain."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
import pytest
import structlog
from clockwork import run, turns
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from qwen_grpc.calls import Call
from qwen_grpc.errors import (
    InvalidParameter,
    Overloaded,
    QuotaExhausted,
    QwenError,
    RateLimited,
    ShuttingDown,
    TenantLimit,
    UpstreamEmpty,
)
from qwen_grpc.interceptors.drain import Drain
from qwen_grpc.interceptors.observe import Observe
from qwen_grpc.interceptors.shedding import Limit
from qwen_grpc.interceptors.translate_errors import MAX_TEXT_BYTES, TranslateErrors, clipped, status_of
from qwen_grpc.pressure import Caps, Pressure
from qwen_grpc.v1.chat_pb2 import StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

Scope = Callable[[Call], AbstractAsyncContextManager[None]]


class Context:
    """A call's context: whether it has a deadline, and what was sent."""

    def __init__(self, remaining: float | None = None) -> None:
        self._remaining = remaining
        self.trailers: Any = None
        self.aborted: Any = None

    def time_remaining(self) -> float | None:
        return self._remaining

    def set_trailing_metadata(self, trailers: Any) -> None:
        self.trailers = trailers

    async def abort(self, code: grpc.StatusCode, details: str, trailers: Any) -> None:
        self.aborted = (code, details, trailers)
        raise grpc.aio.AbortError


def call(remaining: float | None = None, *, streams: bool = False) -> Any:
    return Call("/qwen.v1.ChatService/Any", Context(remaining), {}, "r1", streams)  # type: ignore[arg-type]


async def inside(scope: Scope, one: Call, error: BaseException | None = None) -> None:
    async with scope(one):
        if error:
            raise error


# -- errors -------------------------------------------------------------------------------------------------------


def status(*details: Message, code: int = 3, message: str = "m") -> Status:
    found = Status(code=code, message=message)
    for detail in details:
        found.details.add().Pack(detail)
    return found


def info(reason: str, **facts: str) -> ErrorInfo:
    return ErrorInfo(reason=reason, domain="qwen.v1", metadata=facts)


def delay(milliseconds: int) -> RetryInfo:
    found = RetryInfo()
    found.retry_delay.FromMilliseconds(milliseconds)
    return found


REQUEST = RequestInfo(request_id="r1")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UpstreamEmpty("m"), status(info("UPSTREAM_EMPTY"), REQUEST, code=14)),
        (UpstreamEmpty("m", model="x"), status(info("UPSTREAM_EMPTY", model="x"), REQUEST, code=14)),
        (RateLimited("m", retry_after=1.5), status(info("RATE_LIMITED"), REQUEST, delay(1500), code=8)),
        (RateLimited("m", retry_after=0), status(info("RATE_LIMITED"), REQUEST, delay(0), code=8)),
        (
            InvalidParameter("m", field="messages[2].role"),
            status(
                info("INVALID_PARAMETER"),
                REQUEST,
                BadRequest(field_violations=[BadRequest.FieldViolation(field="messages[2].role", description="m")]),
            ),
        ),
        (
            TenantLimit("m", retry_after=2),
            status(
                info("TENANT_LIMIT"),
                REQUEST,
                delay(2000),
                QuotaFailure(violations=[QuotaFailure.Violation(description="m")]),
                code=8,
            ),
        ),
        (
            QuotaExhausted("m", retry_after=36_000),
            status(
                info("QUOTA_EXHAUSTED"),
                REQUEST,
                delay(36_000_000),
                QuotaFailure(violations=[QuotaFailure.Violation(description="m")]),
                code=8,
            ),
        ),
    ],
)
def test_a_status_has_the_details_of_its_kind(error: QwenError, expected: Status) -> None:
    assert status_of(error, "r1") == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("x" * MAX_TEXT_BYTES, "x" * MAX_TEXT_BYTES),
        ("x" * 2000, "x" * MAX_TEXT_BYTES),
        ("é" * 600, "é" * 512),
        ("x" + "é" * 600, "x" + "é" * 511),
        ("xx" + "😀" * 600, "xx" + "😀" * 255),
        ("a\ud83db", "a?b"),
    ],
)
def test_texts_are_cut_between_characters(text: str, shown: str) -> None:
    assert clipped(text) == shown


@pytest.mark.parametrize(
    ("error", "pushback"),
    [
        (Overloaded("m", retry_after=1.5), "1500"),
        (UpstreamEmpty("m"), None),
        (UpstreamEmpty("m", partial="true"), "-1"),
        (UpstreamEmpty("m", exhausted="true"), "-1"),
        (UpstreamEmpty("m", exhausted="true", retry_after=2), "2000"),
        (QuotaExhausted("m", retry_after=36_000), "-1"),
        (InvalidParameter("m"), "-1"),
    ],
)
def test_a_client_that_retries_by_itself_is_told_whether_and_when(error: QwenError, pushback: str | None) -> None:
    one = call()
    with pytest.raises(grpc.aio.AbortError):
        run(inside(TranslateErrors, one, error))
    assert dict(one.context.aborted[2]).get("grpc-retry-pushback-ms") == pushback


def test_an_error_of_ours_ends_the_call_with_its_status() -> None:
    one = call()
    error = RateLimited("slow down", retry_after=1)
    with pytest.raises(grpc.aio.AbortError):
        run(inside(TranslateErrors, one, error))
    details = status_of(error, "r1").SerializeToString()
    assert one.context.aborted == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "slow down",
        (("x-request-id", "r1"), ("grpc-retry-pushback-ms", "1000"), ("grpc-status-details-bin", details)),
    )
    assert (one.code, one.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")


def test_an_unforeseen_error_shows_nothing_of_itself_and_is_logged() -> None:
    one = call()
    with structlog.testing.capture_logs() as lines, pytest.raises(grpc.aio.AbortError):
        run(inside(TranslateErrors, one, KeyError("SECRET")))
    assert one.context.aborted[:2] == (
        grpc.StatusCode.INTERNAL,
        "internal error; the log of the server explains it under r1",
    )
    assert "SECRET" not in repr(one.context.aborted)
    assert [(line["event"], line["request_id"], line["exc_info"]) for line in lines] == [
        ("unforeseen failure", "r1", True)
    ]


@pytest.mark.parametrize("error", [grpc.aio.AbortError(), asyncio.CancelledError()])
def test_what_ends_a_call_without_being_a_failure_passes(error: BaseException) -> None:
    async def passes() -> None:
        with pytest.raises(type(error)):
            await inside(TranslateErrors, one, error)

    one = call()
    run(passes())
    assert (one.context.aborted, one.code) == (None, grpc.StatusCode.OK)


# -- the log line -------------------------------------------------------------------------------------------------


def line(one: Call, error: BaseException | None = None) -> dict[str, Any]:
    async def observed() -> None:
        if error is None:
            return await inside(Observe(), one)
        with pytest.raises(type(error)):
            await inside(Observe(), one, error)
        return None

    with structlog.testing.capture_logs() as lines:
        run(observed())
    assert len(lines) == 1
    return {name: value for name, value in lines[0].items() if name not in ("ms", "event", "log_level")}


def test_a_call_is_one_line() -> None:
    one = call()
    one.facts = {"model": "m"}
    assert line(one) == {"rpc": "ChatService/Any", "code": "OK", "model": "m", "request_id": "r1"}
    assert one.context.trailers == (("x-request-id", "r1"),)


def test_a_stream_tells_its_messages_and_its_first() -> None:
    one = call(streams=True)
    one.started_at, one.first_at, one.messages = 100.0, 100.25, 3
    assert line(one) == {
        "rpc": "ChatService/Any",
        "code": "OK",
        "messages": 3,
        "first_ms": 250.0,
        "request_id": "r1",
    }


def test_an_answer_tells_what_it_cost_and_where_it_was_tried() -> None:
    one = call(streams=True)
    one.method, one.messages, one.deltas, one.attempts = "/qwen.v1.ChatService/StreamChat", 2, 5, 3
    one.last = StreamChatResponse(usage=Usage(prompt_tokens=7, completion_tokens=31))
    found = line(one)
    assert {name: found[name] for name in ("deltas", "tries", "input_tokens", "output_tokens")} == {
        "deltas": 5,
        "tries": 3,
        "input_tokens": 7,
        "output_tokens": 31,
    }


def test_a_call_tells_how_long_it_went_on_after_its_caller_left() -> None:
    one = call()
    one.context.left_at = time.monotonic() - 3
    assert 3000 <= line(one)["left_ms"] < 60_000


def test_watchers_are_told_of_the_begin_and_of_the_end_with_its_code() -> None:
    told: list[Any] = []

    def watch(one: Call) -> Callable[[], None]:
        told.append(one.code)
        return lambda: told.append((one.code, one.ended_at >= one.started_at))

    async def left() -> None:
        with pytest.raises(asyncio.CancelledError):
            await inside(Observe(watch, watch), call(), asyncio.CancelledError())

    run(left())
    assert told == [grpc.StatusCode.OK] * 2 + [(grpc.StatusCode.CANCELLED, True)] * 2


def test_a_failed_call_tells_its_reason() -> None:
    one = call()
    one.code, one.reason = grpc.StatusCode.ABORTED, "CHAT_BUSY"
    found = line(one, grpc.aio.AbortError())
    assert (found["code"], found["reason"]) == ("ABORTED", "CHAT_BUSY")


def test_a_call_that_its_client_left_was_cancelled() -> None:
    assert line(call(), asyncio.CancelledError())["code"] == "CANCELLED"


# -- limits -------------------------------------------------------------------------------------------------------


def test_one_call_over_the_limit_is_refused_at_once() -> None:
    async def refused() -> None:
        limit = Limit(Pressure(Caps(calls=2, request_bytes=1)))
        async with limit(call()), limit(call()):
            with pytest.raises(Overloaded) as failure:
                await inside(limit, call())
            assert 1.0 <= (failure.value.retry_after or 0) <= 5.0
        await inside(limit, call())

    run(refused())


def test_a_place_is_free_again_however_the_call_ended() -> None:
    async def freed() -> None:
        limit = Limit(Pressure(Caps(calls=1, request_bytes=1)))
        for error in (KeyError(), asyncio.CancelledError()):
            with pytest.raises(type(error)):
                await inside(limit, call(), error)
        with pytest.raises(Overloaded):
            async with limit(call()), limit(call()):
                pass
        await inside(limit, call())

    run(freed())


# -- drain --------------------------------------------------------------------------------------------------------


def test_a_draining_server_takes_no_call() -> None:
    async def refused() -> None:
        drain = Drain()
        async with drain(call()):
            drain.begin()
            with pytest.raises(ShuttingDown) as failure:
                await inside(drain, call())
            assert failure.value.retry_after == 1.0

    run(refused())


def test_what_runs_when_the_time_is_over_ends_with_a_reason() -> None:
    async def cut() -> None:
        drain = Drain()
        running = asyncio.create_task(waiting(drain))
        await turns()
        drain.begin()
        drain.cut()
        with pytest.raises(ShuttingDown, match="^the gateway shut down before the answer was complete$"):
            await running
        assert running.cancelling() == 0

    run(cut())


def test_a_call_that_ended_is_not_cut() -> None:
    async def ended() -> str:
        drain = Drain()
        await inside(drain, call())
        drain.cut()
        await asyncio.sleep(0)
        return "alive"

    assert run(ended()) == "alive"


def test_a_client_that_leaves_is_cancelled_as_ever() -> None:
    async def left() -> None:
        drain = Drain()
        running = asyncio.create_task(waiting(drain))
        await turns()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(left())


async def waiting(drain: Drain) -> None:
    async with drain(call()):
        await asyncio.Event().wait()
