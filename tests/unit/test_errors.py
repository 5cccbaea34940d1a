"""Every error: one class, one code, one reason of the contract."""

import re
from pathlib import Path

import grpc
import pytest

from qwen_grpc import errors
from qwen_grpc.errors import DOMAIN, Internal, QwenError, UpstreamCrashed
from qwen_grpc.v1.common_pb2 import ErrorReason

PROTO = Path(__file__).parents[2] / "proto/qwen_grpc/v1/common.proto"
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, QwenError)]
# "… UNAVAILABLE with RetryInfo, 503." above the line of the reason.
CODES = {
    reason: set(re.findall(r"\b(" + "|".join(code.name for code in grpc.StatusCode) + r")\b", comment))
    for comment, reason in re.findall(r"((?:  // .*\n)+)  ERROR_REASON_(\w+) = ", PROTO.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_reason_is_a_word_of_the_contract_with_its_code(kind: type[QwenError]) -> None:
    assert ErrorReason.Value(f"ERROR_REASON_{kind.reason}")
    assert kind.code.name in CODES[kind.reason]


def test_reasons_are_told_apart() -> None:
    reasons = [kind.reason for kind in KINDS if kind not in (Internal, UpstreamCrashed)]
    assert len(set(reasons)) == len(reasons)


def test_an_error_carries_what_the_caller_needs() -> None:
    error = QwenError("what happened", retry_after=2.5, field="messages[2].role", limit="7")
    assert (str(error), error.message, error.retry_after, error.field, error.facts) == (
        "what happened",
        "what happened",
        2.5,
        "messages[2].role",
        {"limit": "7"},
    )
    assert DOMAIN == "qwen.v1"


def test_an_error_has_nothing_that_was_not_given() -> None:
    error = QwenError("x")
    assert (error.retry_after, error.field, error.facts) == (None, "", {})
