"""From gRPC statuses to HTTP statuses and OpenAI's error objects."""

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc.aio import AioRpcError, Metadata

from qwen_grpc.v1.common_pb2 import ErrorReason
from rest_shim.errors import CODES, REASONS, HttpError, Row, bad_request, http_error

PROTO = Path(__file__).parents[3] / "proto/qwen_grpc/v1/common.proto"
TEXT = PROTO.read_text(encoding="utf-8")
RETRY = re.sub(r"\n// ?", " ", re.search(r"// Worth a retry as is,(.*?)enum ErrorReason", TEXT, re.DOTALL)[1])  # type: ignore[index]
STATUSES = re.findall(r"(\d{3})\.\n  ERROR_REASON_(\w+) = ", TEXT)


def failed(code: grpc.StatusCode, *details: Message, message: str = "m", said: int | None = None) -> AioRpcError:
    status = Status(code=code.value[0] if said is None else said, message="m")
    for detail in details:
        status.details.add().Pack(detail)
    trailers = Metadata(("x-request-id", "r1"), ("grpc-status-details-bin", status.SerializeToString()))
    return AioRpcError(code, Metadata(), trailers, details=message)


def seen(error: HttpError) -> tuple[int, dict[str, Any], dict[str, str]]:
    return error.row.status, error.body["error"], error.headers


def test_every_reason_of_the_contract_has_a_row() -> None:
    assert {f"ERROR_REASON_{reason}" for reason in REASONS} == set(ErrorReason.keys()[1:])


def test_every_code_has_a_row() -> None:
    assert set(CODES) == set(grpc.StatusCode)


def test_the_statuses_are_those_that_the_contract_promises() -> None:
    assert len(STATUSES) > 35
    assert [(reason, REASONS[reason].status) for _, reason in STATUSES] == [
        (reason, int(status)) for status, reason in STATUSES
    ]


def test_worth_a_retry_is_what_the_contract_names() -> None:
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b|\bOVERLOADED\b", RETRY))
    assert {reason for reason, row in REASONS.items() if row.retry} == named


def test_the_reason_decides_and_details_fill_the_object() -> None:
    delay = RetryInfo()
    delay.retry_delay.FromMilliseconds(1500)
    error = failed(
        grpc.StatusCode.INVALID_ARGUMENT,
        ErrorInfo(reason="CONTEXT_LENGTH", domain="qwen.v1"),
        RequestInfo(request_id="r1"),
        delay,
        BadRequest(field_violations=[BadRequest.FieldViolation(field="messages", description="m")]),
    )
    assert seen(http_error(error)) == (
        400,
        {
            "message": "m",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
        {"x-should-retry": "false", "retry-after": "2"},
    )


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_without_a_reason_the_code_decides(code: grpc.StatusCode) -> None:
    for error in (AioRpcError(code, Metadata(), Metadata(), details="m"), failed(code)):
        assert seen(http_error(error)) == seen(HttpError(CODES[code], "m"))


def test_a_reason_of_a_newer_server_leaves_it_to_the_code() -> None:
    error = failed(grpc.StatusCode.ABORTED, ErrorInfo(reason="OF_TOMORROW"), BadRequest())
    assert seen(http_error(error)) == seen(HttpError(CODES[grpc.StatusCode.ABORTED], "m"))


@pytest.mark.parametrize("changes", [{"message": "rewritten"}, {"said": 3}])
def test_details_that_contradict_the_status_do_not_count(changes: dict[str, Any]) -> None:
    error = failed(grpc.StatusCode.UNAVAILABLE, ErrorInfo(reason="TOKEN_MISSING"), **changes)
    assert http_error(error).row == CODES[grpc.StatusCode.UNAVAILABLE]


def test_details_that_are_no_message_do_not_count() -> None:
    trailers = Metadata(("grpc-status-details-bin", b"\xff\xff"))
    error = AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), trailers, details="m")
    assert http_error(error).row == CODES[grpc.StatusCode.UNAVAILABLE]


def test_a_status_without_text_shows_its_code_word() -> None:
    error = AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata(), details="")
    assert http_error(error).message == "upstream_unavailable"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, None), (0.0, "0"), (0.001, "1"), (1.0, "1"), (1.5, "2"), (36_000.0, "36000")]
)
def test_delays_are_whole_seconds_rounded_up(seconds: float | None, shown: str | None) -> None:
    error = HttpError(Row(429, "t", "c", retry=True), "m", retry_after=seconds)
    assert error.headers == {"x-should-retry": "true"} | ({"retry-after": shown} if shown else {})


def test_what_the_shim_itself_finds_is_a_400() -> None:
    assert seen(bad_request("messages", "wrong", "invalid_type")) == (
        400,
        {"message": "wrong", "type": "invalid_request_error", "param": "messages", "code": "invalid_type"},
        {"x-should-retry": "false"},
    )
