from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from both_doors import GrpcFailure, HttpFailure, Outcome, all_ways, question
from grpc import StatusCode
from support import open_house, session
from upstream_record import COMPLETIONS, calls, until

from qwen_grpc import errors
from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1.common_pb2 import ErrorReason
from rest_shim.errors import CODES, REASONS

NOBODYS = "00000000-0000-4000-8000-000000000099"
BOTH_PARTS = "Part 1. Part 2. "


@dataclass(frozen=True)
class Row:
    """What the upstream does, and what each door says of it.

    `said` is the text that came before the failure; without it the failure is
    a true HTTP status for streams, too. `asked` counts the completions that
    one question costs the upstream.
    """

    prompt: str
    code: StatusCode
    reason: str
    status: int
    type: str
    word: str
    retry_after: float | None = None
    retry: bool = False
    said: str = ""
    param: str | None = None
    asked: int = 1
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        name = self.prompt.removeprefix("[[sim:").removesuffix("]]")
        return " ".join([name, *self.behaviour, *self.more])


INVALID, SERVER, LIMIT = "invalid_request_error", "server_error", "rate_limit_error"
QUOTA = ("QUOTA_EXHAUSTED", 429, "insufficient_quota", "quota_exhausted")
CHALLENGE = (StatusCode.FAILED_PRECONDITION, "UPSTREAM_CHALLENGE", 403, "permission_error", "upstream_challenge")
FAILED = (StatusCode.UNAVAILABLE, "UPSTREAM_ERROR", 502, SERVER, "upstream_error")
EMPTY = (StatusCode.UNAVAILABLE, "UPSTREAM_EMPTY", 502, SERVER, "upstream_empty")
TRUNCATED = (StatusCode.UNAVAILABLE, "UPSTREAM_TRUNCATED", 502, SERVER, "stream_interrupted")
PROTOCOL = (StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL", 502, SERVER, "upstream_protocol")
NOT_FOUND = (StatusCode.NOT_FOUND, "NOT_FOUND", 404, INVALID, "not_found")
EXPIRED = (StatusCode.UNAUTHENTICATED, "CREDENTIAL_EXPIRED", 401, "authentication_error", "credential_expired")

TABLE = (
    # Refused before anything was said.
    Row("[[sim:unauthorized]]", *EXPIRED),
    Row("[[sim:html_challenge]]", *CHALLENGE),
    Row("[[sim:json_challenge]]", *CHALLENGE),
    Row("Hello", *CHALLENGE, behaviour={"challenge": "html"}, asked=0),
    Row("Hello", *CHALLENGE, behaviour={"challenge": "json"}, asked=0),
    Row("Hello", *CHALLENGE, behaviour={"require_bx": True}),
    Row("Hello", *CHALLENGE, behaviour={"max_body_bytes": 10}),
    Row("[[sim:rate_limited]]", StatusCode.RESOURCE_EXHAUSTED, *QUOTA, retry_after=36000),
    Row("Hello", StatusCode.RESOURCE_EXHAUSTED, *QUOTA, retry_after=7200,
        behaviour={"quota": {"qwen3.8-max": 0}, "quota_wait_h": 2}),
    Row("[[sim:refusal_event]]", StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED", 429, "insufficient_quota",
        "quota_exhausted", retry_after=36000),
    Row("[[sim:http_429]]", StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", 429, LIMIT, "rate_limit_exceeded",
        retry_after=7, retry=True),
    Row("[[sim:in_progress]]", StatusCode.ABORTED, "CHAT_BUSY", 409, "conflict_error", "chat_busy", retry_after=2,
        retry=True, asked=2),
    Row("[[sim:error_object]]", StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", 400, INVALID, "invalid_parameter"),
    Row("[[sim:context_too_long]]", StatusCode.INVALID_ARGUMENT, "CONTEXT_LENGTH", 400, INVALID,
        "context_length_exceeded"),
    Row("[[sim:content_filter]]", StatusCode.INVALID_ARGUMENT, "CONTENT_FILTERED", 400, INVALID, "content_filter"),
    Row("Hello", *NOT_FOUND, more={"conversation": {"chat_id": NOBODYS, "parent_message_id": "m1"}}),
    Row("[[sim:parent_missing]]", *NOT_FOUND),
    Row("Hello", StatusCode.UNIMPLEMENTED, "UNSUPPORTED", 400, INVALID, "unsupported_parameter", param="n",
        more={"n": 2}, asked=0),
    Row("[[sim:http_500]]", StatusCode.INTERNAL, "UPSTREAM_ERROR", 502, SERVER, "upstream_error", retry=True),
    Row("[[sim:http_502_html]]", StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", 503, "service_unavailable_error",
        "upstream_unavailable", retry=True),
    Row("[[sim:redirect]]", StatusCode.UNAVAILABLE, "UPSTREAM_REDIRECT", 502, SERVER, "upstream_redirect"),
    Row("[[sim:stall]]", *FAILED, retry=True, behaviour={"stall_s": 0.05}),
    Row("[[sim:no_such_scenario]]", *FAILED, retry=True),
    Row("[[sim:error_string]]", *FAILED, retry=True),
    Row("[[sim:empty_body]]", *EMPTY, retry=True),
    Row("[[sim:empty_stream]]", *EMPTY, retry=True),
    Row("[[sim:huge_line]]", *PROTOCOL, retry=True),
    # Broken off after something was said.
    Row("[[sim:midstream_error]]", *FAILED, said=BOTH_PARTS),
    Row("[[sim:delta_error]]", *FAILED, said=BOTH_PARTS),
    Row("[[sim:eof]]", *TRUNCATED, said=BOTH_PARTS),
    Row("[[sim:truncate]]", *TRUNCATED, said="Part 1. Part 2. "),
    Row("[[sim:garbage]]", *PROTOCOL, said="Part 1. "),
    Row("[[sim:bad_utf8]]", *PROTOCOL, said="Part 1. "),
)  # fmt: skip


def expected(row: Row, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The outcomes of a row. The text of the error is ours to word, and the same everywhere."""
    failure = outcomes["gRPC whole"].failure
    assert isinstance(failure, GrpcFailure)
    text = failure.message
    over_grpc = {
        way: GrpcFailure(row.code, row.reason, text, row.retry_after, row.param or "", request_id_of(outcomes[way]))
        for way in ("gRPC whole", "gRPC stream")
    }
    wait = None if row.retry_after is None else str(int(row.retry_after))
    over_http = HttpFailure(row.status, row.type, row.word, text, row.param, wait, "true" if row.retry else "false")
    in_band = HttpFailure(200, row.type, row.word, text, row.param)
    return {
        "REST whole": Outcome("", over_http),
        "REST stream": Outcome(row.said, in_band if row.said else over_http),
        "gRPC whole": Outcome("", over_grpc["gRPC whole"]),
        "gRPC stream": Outcome(row.said, over_grpc["gRPC stream"]),
    }


def request_id_of(outcome: Outcome) -> str:
    assert isinstance(outcome.failure, GrpcFailure)
    assert outcome.failure.request_id.startswith("req_")
    return outcome.failure.request_id


@pytest.mark.asyncio
@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_each_door_tells_truly_how_the_upstream_failed(row: Row) -> None:
    async with open_house() as house:
        await house.complete("Hello", credential=session("somebody-else"))
        chats_before = len(house.simulator.chats)
        house.simulator.behaviour.change(dict(row.behaviour))
        before = len(calls(house.simulator, COMPLETIONS))

        outcomes = await all_ways(house, question(row.prompt, **row.more), session(refresh=False))

        assert outcomes == expected(row, outcomes)
        assert len(calls(house.simulator, COMPLETIONS)) - before == 4 * row.asked
        await until(lambda: len(house.simulator.chats) == chats_before)
        house.simulator.behaviour.change(vars(Behaviour()))
        assert set((await all_ways(house, question("Next"))).values()) == {Outcome("You said: Next", None)}


@pytest.mark.asyncio
async def test_a_model_that_went_away_upstream_is_not_found() -> None:
    async with open_house() as house:
        await house.complete("Hello")
        house.simulator.behaviour.change({"models": ("qwen-plus",)})
        row = Row("Hello", StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", 404, INVALID, "model_not_found")

        outcomes = await all_ways(house, question(row.prompt))

        assert outcomes == expected(row, outcomes)


# -- nothing falls between the tables ---------------------------------------------------------------------------------


def reasons_of_the_contract() -> set[str]:
    words = {value.name.removeprefix("ERROR_REASON_") for value in ErrorReason.DESCRIPTOR.values}
    return words - {"UNSPECIFIED"}


def test_every_reason_of_the_contract_has_an_http_form() -> None:
    assert set(REASONS) == reasons_of_the_contract()


def test_every_grpc_code_has_an_http_form() -> None:
    assert set(CODES) == set(StatusCode)
    assert len(CODES) == 17


def kinds_of_errors() -> list[type[errors.QwenError]]:
    kinds = [errors.QwenError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return kinds


def test_every_error_of_ours_has_a_reason_of_the_contract() -> None:
    kinds = kinds_of_errors()
    assert {kind.reason for kind in kinds} <= reasons_of_the_contract()
    assert len(kinds) > 25


def test_what_an_error_says_of_retrying_is_the_same_in_table_and_contract() -> None:
    worthwhile = {
        "RATE_LIMITED", "TOKEN_QUOTA", "CHAT_BUSY", "IDEMPOTENCY_KEY_IN_USE",
        "UPSTREAM_CONNECT", "UPSTREAM_ERROR", "UPSTREAM_UNAVAILABLE",
        "UPSTREAM_EMPTY", "OVERLOADED", "TENANT_LIMIT", "NO_CREDENTIAL", "CIRCUIT_OPEN", "SHUTTING_DOWN",
        "STATE_STORE_UNAVAILABLE", "UPSTREAM_HEADERS_TIMEOUT", "UPSTREAM_TTFB_TIMEOUT", "UPSTREAM_PROTOCOL",
    }  # fmt: skip
    assert {reason for reason, row in REASONS.items() if row.retry} == worthwhile
    assert {kind.reason for kind in kinds_of_errors() if kind.again} == worthwhile
