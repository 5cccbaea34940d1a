"""Failures arrive as the exceptions of the official openai package, and it retries only what is worth it."""

from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from openai_parts import asking, client_of, completions
from rich_errors import drained
from support import House, open_house

from qwen_grpc.simulator import Behaviour


async def error_of(house: House, content: str = "Hello", *, stream: bool = False, **more: Any) -> openai.APIError:
    """What the client raises before it gives anything."""
    options = more.pop("options", {})
    async with client_of(house, **options) as client:
        try:
            await client.chat.completions.create(**{**asking(content), **more}, stream=stream)
        except openai.APIError as error:
            return error
    raise AssertionError("nothing was raised")


@dataclass(frozen=True)
class Refused:
    """A request of the caller's own making that fails, and how."""

    kind: type[openai.APIStatusError]
    code: str
    param: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)


REFUSED = {
    "no key": Refused(
        openai.AuthenticationError, "invalid_api_key", asked={"extra_headers": {"Authorization": openai.Omit()}}
    ),
    "a key that cannot be read": Refused(openai.AuthenticationError, "invalid_api_key", options={"api_key": "garbage"}),
    "an unknown model": Refused(openai.NotFoundError, "model_not_found", asked={"model": "qwn-max"}),
    "a wrong type": Refused(openai.BadRequestError, "invalid_type", "temperature", asked={"temperature": "hot"}),
    "a number out of range": Refused(
        openai.BadRequestError, "invalid_parameter", "temperature", asked={"temperature": 9}
    ),
    "a wrong role": Refused(
        openai.BadRequestError, "invalid_value", "messages[0].role", asked={"messages": [{"role": "boss"}]}
    ),
    "a schema that is none": Refused(
        openai.BadRequestError,
        "invalid_parameter",
        "tools[0].function.parameters.type",
        asked={"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "objekt"}}}]},
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
async def test_a_wrong_request_fails_at_once_and_the_upstream_never_hears_of_it(
    house: House, case: Refused, stream: bool
) -> None:
    error = await error_of(house, stream=stream, options=case.options, **case.asked)
    assert (type(error), error.code, error.param) == (case.kind, case.code, case.param)
    assert completions(house.simulator) == 0


@pytest.mark.asyncio
async def test_an_unknown_model_is_answered_with_near_names(house: House) -> None:
    error = await error_of(house, model="qwn-max")
    async with client_of(house) as client:
        with pytest.raises(openai.NotFoundError) as retrieved:
            await client.models.retrieve("qwn-max")
    said = (
        "unknown model 'qwn-max'; did you mean 'qwen-max' or 'qwen3.8-max' or 'qwen3.7-max'? "
        "GET /v1/models (ListModels) lists all"
    )
    assert error.body == retrieved.value.body
    assert error.body == {"message": said, "type": "invalid_request_error", "param": None, "code": "model_not_found"}


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [False, True])
async def test_a_used_up_quota_is_told_with_its_hours_and_not_tried_again(house: House, stream: bool) -> None:
    error = await error_of(house, "Hello [[sim:rate_limited]]", stream=stream)
    assert isinstance(error, openai.RateLimitError)
    told = {name: error.response.headers.get(name) for name in ("x-should-retry", "retry-after")}
    assert (error.code, error.type) == ("quota_exhausted", "insufficient_quota")
    assert told == {"x-should-retry": "false", "retry-after": "36000"}
    assert completions(house.simulator) == 1


@pytest.mark.asyncio
async def test_a_busy_upstream_is_asked_again_by_the_client_as_often_as_it_is_told_to(house: House) -> None:
    error = await error_of(house, "Hello [[sim:http_500]]", options={"max_retries": 1})
    assert isinstance(error, openai.InternalServerError)
    assert (error.code, error.response.headers["x-should-retry"]) == ("upstream_error", "true")
    assert completions(house.simulator) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("challenge", ["json_challenge", "html_challenge"])
async def test_a_challenge_is_for_a_person_and_asked_for_once(house: House, challenge: str, stream: bool) -> None:
    error = await error_of(house, f"Hello [[sim:{challenge}]]", stream=stream)
    assert isinstance(error, openai.PermissionDeniedError)
    assert (error.code, error.type) == ("upstream_challenge", "permission_error")
    assert completions(house.simulator) == 1


@pytest.mark.asyncio
async def test_a_challenge_before_the_chat_is_made_costs_one_request_too() -> None:
    async with open_house(Behaviour(challenge="json")) as house:
        error = await error_of(house)
        assert isinstance(error, openai.PermissionDeniedError)
        assert [request.path for request in house.simulator.requests if request.method == "POST"] == [
            "/api/v2/chats/new"
        ]


@dataclass(frozen=True)
class Broken:
    """A stream that breaks after it began."""

    scenario: str
    text: str
    code: str


BROKEN = (
    Broken("midstream_error", "Part 1. Part 2. ", "upstream_error"),
    Broken("delta_error", "Part 1. Part 2. ", "upstream_error"),
    Broken("eof", "Part 1. Part 2. ", "stream_interrupted"),
    Broken("truncate", "Part 1. Part 2. ", "stream_interrupted"),
    Broken("garbage", "Part 1. ", "upstream_protocol"),
)


@pytest.mark.asyncio
@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.scenario)
async def test_a_stream_that_breaks_gives_what_came_and_then_raises(house: House, case: Broken) -> None:
    heard: list[Any] = []
    async with client_of(house) as client:
        stream = await client.chat.completions.create(**asking(f"Hello [[sim:{case.scenario}]]"), stream=True)
        with pytest.raises(openai.APIError) as raised:
            await drained(stream, heard)
    choices = [choice for chunk in heard for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == case.text
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == []
    assert (raised.value.code, raised.value.type) == (case.code, "server_error")
    assert completions(house.simulator) == 1


@pytest.mark.asyncio
async def test_the_stream_helper_raises_too(house: House) -> None:
    heard: list[Any] = []
    async with client_of(house) as client, client.chat.completions.stream(**asking("Hi [[sim:eof]]")) as stream:
        with pytest.raises(openai.APIError, match="without a finish reason"):
            await drained(stream, heard)
    assert "".join(event.delta for event in heard if event.type == "content.delta") == "Part 1. Part 2. "
    assert [event.type for event in heard if event.type == "content.done"] == []


@pytest.mark.asyncio
async def test_a_whole_completion_whose_stream_breaks_is_never_half_an_answer(house: House) -> None:
    error = await error_of(house, "Hello [[sim:eof]]")
    assert isinstance(error, openai.InternalServerError)
    assert (error.code, error.response.headers["x-should-retry"]) == ("stream_interrupted", "false")
    assert completions(house.simulator) == 1
