"""grpc.aio with the generated stubs: metadata, deadlines and rich errors as a microservice sees them."""

from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from rich_errors import details, drained, failure, reason_of
from support import House, bearer

from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, ROLE_USER, ChatMessage, CompleteChatRequest
from qwen_grpc.v1.models_pb2 import GetModelRequest, ListModelsRequest

ID = "call-7"
WITH_ID = (*bearer().items(), ("x-request-id", ID))


def asking(content: str, model: str = "qwen-max", **more: Any) -> CompleteChatRequest:
    return CompleteChatRequest(model=model, messages=[ChatMessage(role=ROLE_USER, content=content)], **more)


@pytest.mark.asyncio
async def test_a_stream_starts_once_and_ends_with_reason_and_usage(house: House) -> None:
    messages = await drained(house.chat.StreamChat(asking("Hello there"), metadata=WITH_ID, timeout=10))
    deltas = [delta for message in messages for delta in message.deltas]
    assert [message.HasField("start") for message in messages] == [True] + [False] * (len(messages) - 1)
    assert messages[0].start.model == "qwen3.8-max"
    assert "".join(delta.content for delta in deltas) == "You said: Hello there"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FINISH_REASON_STOP]
    assert [message.usage.total_tokens for message in messages] == [0] * (len(messages) - 1) + [808]


@pytest.mark.asyncio
async def test_a_call_tells_its_id_and_its_model_before_the_first_message(house: House) -> None:
    call = house.chat.StreamChat(asking("Hello [[sim:slow]]"), metadata=WITH_ID, timeout=10)
    announced = dict(await call.initial_metadata())
    call.cancel()
    assert {name: announced.get(name) for name in ("x-request-id", "x-qwen-model")} == {
        "x-request-id": ID,
        "x-qwen-model": "qwen3.8-max",
    }


@pytest.mark.asyncio
async def test_a_call_without_an_id_is_given_one_and_it_is_the_same_everywhere(house: House) -> None:
    call = house.chat.CompleteChat(asking("Hello"), metadata=tuple(bearer().items()))
    await call
    first = dict(await call.initial_metadata())["x-request-id"]
    assert first.startswith("req_")
    assert dict(await call.trailing_metadata())["x-request-id"] == first


@pytest.mark.asyncio
async def test_a_passed_deadline_ends_the_call_and_the_work_upstream(house: House) -> None:
    call = house.chat.StreamChat(asking("Hello [[sim:silent]]"), metadata=WITH_ID, timeout=0.5)
    error = await failure(drained(call))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert await house.simulator.hang_ups(within=1.0) == 1


@pytest.mark.asyncio
async def test_a_cancelled_call_ends_the_work_upstream(house: House) -> None:
    call = house.chat.StreamChat(asking("Hello [[sim:silent]]"), metadata=WITH_ID)
    await call.read()
    call.cancel()
    assert await house.simulator.hang_ups(within=1.0) == 1


@dataclass(frozen=True)
class Failing:
    """A request that fails, and the whole of what its status says to machines."""

    code: str
    reason: str
    more: dict[str, Any] = field(default_factory=dict)
    request: CompleteChatRequest = field(default_factory=lambda: asking("Hello"))
    metadata: tuple[tuple[str, str], ...] = WITH_ID


FAILING = {
    "no credential": Failing("UNAUTHENTICATED", "TOKEN_MISSING", metadata=(("x-request-id", ID),)),
    "a malformed credential": Failing(
        "UNAUTHENTICATED",
        "TOKEN_MALFORMED",
        metadata=(("x-request-id", ID), ("authorization", "Bearer eyJhbGciOi.broken")),
    ),
    "no messages": Failing(
        "INVALID_ARGUMENT",
        "INVALID_PARAMETER",
        {"BadRequest": ["messages"]},
        request=CompleteChatRequest(model="qwen-max"),
    ),
    "a number out of range": Failing(
        "INVALID_ARGUMENT", "INVALID_PARAMETER", {"BadRequest": ["top_p"]}, request=asking("Hello", top_p=2)
    ),
    "several answers": Failing("UNIMPLEMENTED", "UNSUPPORTED", {"BadRequest": ["n"]}, request=asking("Hello", n=2)),
    "an unknown model": Failing("NOT_FOUND", "MODEL_NOT_FOUND", request=asking("Hello", "qwn-max")),
    "a used-up quota": Failing(
        "RESOURCE_EXHAUSTED",
        "QUOTA_EXHAUSTED",
        {"RetryInfo": 36000, "QuotaFailure": 1},
        request=asking("Hi [[sim:rate_limited]]"),
    ),
    "too many requests": Failing(
        "RESOURCE_EXHAUSTED", "RATE_LIMITED", {"RetryInfo": 7}, request=asking("Hi [[sim:http_429]]")
    ),
    "a challenge": Failing("FAILED_PRECONDITION", "UPSTREAM_CHALLENGE", request=asking("Hi [[sim:json_challenge]]")),
    "a long prompt": Failing("INVALID_ARGUMENT", "CONTEXT_LENGTH", request=asking("Hi [[sim:context_too_long]]")),
    "a stream without end": Failing("UNAVAILABLE", "UPSTREAM_TRUNCATED", request=asking("Hi [[sim:eof]]")),
    "a crash upstream": Failing("INTERNAL", "UPSTREAM_ERROR", request=asking("Hi [[sim:http_500]]")),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["StreamChat", "CompleteChat"])
@pytest.mark.parametrize("case", FAILING.values(), ids=list(FAILING))
async def test_a_failure_is_a_status_with_details_for_machines(house: House, case: Failing, method: str) -> None:
    call = getattr(house.chat, method)(case.request, metadata=case.metadata, timeout=10)
    error = await failure(drained(call) if method == "StreamChat" else call)
    assert error.code().name == case.code
    assert details(error) == {"ErrorInfo": (case.reason, "qwen.v1"), "RequestInfo": ID, **case.more}
    assert dict(error.trailing_metadata())["x-request-id"] == ID


@pytest.mark.asyncio
async def test_what_came_before_a_stream_broke_is_delivered_first(house: House) -> None:
    heard: list[Any] = []
    call = house.chat.StreamChat(asking("Hello [[sim:midstream_error]]"), metadata=WITH_ID, timeout=10)
    error = await failure(drained(call, heard))
    assert "".join(delta.content for message in heard for delta in message.deltas) == "Part 1. Part 2. "
    assert reason_of(error) == ("UNAVAILABLE", "UPSTREAM_ERROR")


@pytest.mark.asyncio
async def test_models_are_listed_page_by_page_without_a_credential(house: House) -> None:
    whole = [model.id for model in (await house.models.ListModels(ListModelsRequest())).models]
    pages, token = [], ""
    while True:
        found = await house.models.ListModels(ListModelsRequest(page_size=40, page_token=token))
        pages.append([model.id for model in found.models])
        if not (token := found.next_page_token):
            break
    assert [name for page in pages for name in page] == whole
    assert [len(page) for page in pages[:-1]] == [40] * (len(whole) // 40)


@pytest.mark.asyncio
async def test_an_unknown_model_fails_alike_in_models_and_in_chat(house: House) -> None:
    asked = await failure(house.models.GetModel(GetModelRequest(model_id="qwn-max"), metadata=WITH_ID))
    chatted = await failure(house.chat.CompleteChat(asking("Hello", "qwn-max"), metadata=WITH_ID))
    assert (asked.code(), asked.details()) == (chatted.code(), chatted.details())
    assert reason_of(asked) == ("NOT_FOUND", "MODEL_NOT_FOUND")
