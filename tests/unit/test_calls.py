"""The record of a call."""

import re
from typing import Any

import pytest
from grpc import StatusCode

from qwen_grpc.calls import announce, begin, notice


class Context:
    """A call's context: its metadata, and what was sent."""

    def __init__(self, *metadata: tuple[str, str | bytes]) -> None:
        self._metadata = metadata
        self.sent: list[Any] = []

    def invocation_metadata(self) -> Any:
        return self._metadata or None

    async def send_initial_metadata(self, metadata: Any) -> None:
        self.sent.append(metadata)


def started(*metadata: tuple[str, str | bytes]) -> Any:
    return begin("/qwen.v1.ChatService/StreamChat", Context(*metadata), streams=True)  # type: ignore[arg-type]


def test_a_call_begins_with_what_is_known() -> None:
    call = started(("x-request-id", "req-1"), ("authorization", "Bearer x"))
    assert (call.method, call.request_id, call.streams, call.metadata) == (
        "/qwen.v1.ChatService/StreamChat",
        "req-1",
        True,
        {"x-request-id": "req-1", "authorization": "Bearer x"},
    )
    assert (call.code, call.reason, call.facts, call.messages, call.first_at) == (StatusCode.OK, "", {}, 0, 0.0)


@pytest.mark.parametrize("given", [b"bytes", "", "has space", "line\nbreak", "x" * 129, "ü", "'quoted'"])
def test_a_request_id_that_no_log_should_hold_is_replaced(given: str | bytes) -> None:
    assert re.fullmatch("req_[0-9a-f]{32}", started(("x-request-id", given)).request_id)


@pytest.mark.parametrize("given", ["x" * 128, "a.b_c:d/e+f=g-1"])
def test_other_request_ids_are_kept(given: str) -> None:
    assert started(("x-request-id", given)).request_id == given


def test_every_new_request_id_is_another() -> None:
    assert started().request_id != started().request_id


def test_messages_are_counted_and_the_first_is_timed() -> None:
    call = started()
    call.sent("one")
    first = call.first_at
    call.sent("two")
    assert (call.messages, call.first_at, call.last) == (2, first, "two")
    assert first >= call.started_at


@pytest.mark.asyncio
async def test_client_and_log_hear_which_model_answers() -> None:
    call = started(("x-request-id", "req-1"))
    await announce(call.context, model="m", upstream="u")
    assert call.facts == {"model": "m", "upstream": "u"}
    assert call.context.sent == [(("x-request-id", "req-1"), ("x-qwen-model", "m"), ("x-qwen-upstream", "u"))]


@pytest.mark.asyncio
async def test_client_and_log_hear_what_was_tried_before_and_what_was_changed() -> None:
    call = started(("x-request-id", "req-1"))
    notice("thinking was switched off")
    notice("one picture was left out")
    await announce(call.context, model="m", upstream="u", attempts="u/1 RATE_LIMITED")
    assert call.facts["notice"] == "thinking was switched off; one picture was left out"
    assert call.context.sent[0][3:] == (
        ("x-qwen-attempts", "u/1 RATE_LIMITED"),
        ("x-qwen-notice", "thinking was switched off; one picture was left out"),
    )


@pytest.mark.asyncio
async def test_a_notice_may_name_what_no_header_can_hold() -> None:
    call = started()
    notice("the member 错\n was left out")
    await announce(call.context, model="m", upstream="u")
    assert call.context.sent[0][3:] == (("x-qwen-notice", "the member ?? was left out"),)
