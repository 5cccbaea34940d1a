from collections import Counter

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RichStatus
from grpclib.const import Status
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.client.details import Details, DetailsCodec
from qwen_grpc.client.errors import (
    FAMILIES,
    WORTH_A_RETRY,
    AccountRefused,
    GatewayFailed,
    Limited,
    QwenError,
    RequestRefused,
    UpstreamFailed,
    family_of,
)
from qwen_grpc.errors import ChatBusy, InvalidParameter, RateLimited
from qwen_grpc.errors import QwenError as ServerError
from qwen_grpc.interceptors.translate_errors import status_of
from qwen_grpc.typed.qwen.v1 import ErrorReason
from rest_shim.errors import REASONS

CODEC = DetailsCodec()
STATUSES = [status for status in Status if status is not Status.OK]


def told(error: ServerError, request_id: str = "req_1") -> Details | None:
    return CODEC.decode(Status.UNKNOWN, None, status_of(error, request_id).SerializeToString())


def test_every_reason_of_the_contract_is_in_one_family() -> None:
    words = Counter(str(reason.name) for reason in ErrorReason if reason != ErrorReason.UNSPECIFIED)
    assert Counter(word for kind in FAMILIES for word in kind.reasons) == words


def test_every_status_is_in_one_family() -> None:
    assert Counter(status for kind in FAMILIES for status in kind.statuses) == Counter(STATUSES)


def test_both_doors_agree_on_what_is_worth_a_retry() -> None:
    assert {"UNAVAILABLE"} | {reason for reason, row in REASONS.items() if row.retry} == WORTH_A_RETRY


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (Status.INVALID_ARGUMENT, "CONTEXT_LENGTH", RequestRefused),
        (Status.FAILED_PRECONDITION, "UPSTREAM_CHALLENGE", AccountRefused),
        (Status.ABORTED, "CHAT_BUSY", Limited),
        (Status.UNAVAILABLE, "UPSTREAM_TRUNCATED", UpstreamFailed),
        (Status.INTERNAL, "UPSTREAM_CREDENTIAL_INVALID", GatewayFailed),
        (Status.RESOURCE_EXHAUSTED, "A_WORD_OF_NEXT_YEAR", Limited),
        (Status.UNAVAILABLE, "UNAVAILABLE", GatewayFailed),
    ],
)
def test_the_reason_decides_and_the_status_helps_out(status: Status, reason: str, kind: type[QwenError]) -> None:
    assert family_of(status, reason) is kind


def test_the_details_of_the_server_are_read() -> None:
    wrong = InvalidParameter("messages[2].role is missing", field="messages[2].role")
    late = ChatBusy("wait", retry_after=1.5)
    tried = RateLimited("slow down", attempts="official/1 RATE_LIMITED, official/2 RATE_LIMITED")
    assert told(wrong) == Details("INVALID_PARAMETER", {}, field="messages[2].role", request_id="req_1")
    assert told(late) == Details("CHAT_BUSY", {}, retry_after=1.5, request_id="req_1")
    assert told(tried) == Details("RATE_LIMITED", tried.facts, request_id="req_1")


def test_details_of_somebody_else_do_not_count() -> None:
    packed = Packed()
    packed.Pack(ErrorInfo(reason="RATE_LIMITED", domain="proxy.example"))
    assert CODEC.decode(Status.UNKNOWN, None, RichStatus(details=[packed]).SerializeToString()) is None


@given(st.binary())
def test_bytes_that_are_no_details_do_not_hide_the_status(data: bytes) -> None:
    found = CODEC.decode(Status.INTERNAL, None, data)
    assert found is None or isinstance(found, Details)


@given(st.binary(min_size=1), st.sampled_from([ErrorInfo.DESCRIPTOR.full_name, "google.rpc.Unknown"]))
def test_a_detail_that_is_garbage_does_not_hide_the_status(data: bytes, kind: str) -> None:
    packed = Packed(type_url=f"type.googleapis.com/{kind}", value=data)
    assert CODEC.decode(Status.INTERNAL, None, RichStatus(details=[packed]).SerializeToString()) is None


def test_an_error_tells_everything_once() -> None:
    details = Details(
        "RATE_LIMITED",
        {"attempts": "official/1 RATE_LIMITED, official/2 RATE_LIMITED"},
        retry_after=2.0,
        request_id="req_1",
    )
    error = Limited(Status.RESOURCE_EXHAUSTED, "slow down", details)
    assert vars(error) == {
        "status": Status.RESOURCE_EXHAUSTED,
        "message": "slow down",
        "reason": "RATE_LIMITED",
        "field": "",
        "retry_after": 2.0,
        "request_id": "req_1",
        "attempts": ("official/1 RATE_LIMITED", "official/2 RATE_LIMITED"),
        "may_retry": True,
    }
    assert str(error) == "RATE_LIMITED: slow down (request req_1)"


def test_nothing_is_worth_a_retry_once_an_answer_has_begun() -> None:
    whole, part = Details("UPSTREAM_ERROR", {}), Details("UPSTREAM_ERROR", {"partial": "true"})
    made = [
        UpstreamFailed(Status.UNAVAILABLE, "broken", whole),
        UpstreamFailed(Status.UNAVAILABLE, "broken", whole, begun=True),
        UpstreamFailed(Status.UNAVAILABLE, "broken", part),
    ]
    assert [error.may_retry for error in made] == [True, False, False]
