"""The official anthropic package, unchanged, against the shim."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from dashscope_house import KEY, DashScopeHouse, open_dashscope
from support import House, bearer, open_house

from qwen_grpc.simulator import Behaviour

HELLO: dict[str, Any] = {
    "model": "qwen-max",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "Hello"}],
}
THINKING = {"type": "enabled", "budget_tokens": 1024}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
WEATHER = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@asynccontextmanager
async def client_of(house: House, **options: Any) -> AsyncIterator[AsyncAnthropic]:
    token = bearer()["authorization"].removeprefix("Bearer ")
    given = options or {"api_key": token}
    async with AsyncAnthropic(base_url=house.rest, max_retries=0, **given) as client:
        yield client


@asynccontextmanager
async def official() -> AsyncIterator[tuple[AsyncAnthropic, DashScopeHouse]]:
    """A client in front of the official API, which knows tools."""
    async with open_dashscope() as house:
        url = str(house.doors.http.base_url)
        async with AsyncAnthropic(base_url=url, api_key=KEY.value, max_retries=0) as client:
            yield client, house


# -- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["api_key", "auth_token"])
async def test_a_message_is_answered_whichever_header_has_the_credential(house: House, name: str) -> None:
    token = bearer()["authorization"].removeprefix("Bearer ")
    async with client_of(house, **{name: token}) as client:
        message = await client.messages.create(**HELLO)

    assert [(block.type, block.text) for block in message.content] == [("text", "You said: Hello")]
    assert (message.stop_reason, message.type, message.role) == ("end_turn", "message", "assistant")
    assert message.id.startswith("msg_")
    assert (message._request_id or "").startswith("req_")
    assert message.usage.input_tokens > 0 < message.usage.output_tokens


@pytest.mark.asyncio
async def test_a_stream_is_the_message_in_pieces(house: House) -> None:
    async with client_of(house) as client:
        whole = await client.messages.create(**HELLO)
        async with client.messages.stream(**HELLO) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            final = await stream.get_final_message()

    assert text == "You said: Hello"
    assert _said(whole) == _said(final)


def _said(message: Any) -> dict[str, Any]:
    said: dict[str, Any] = message.model_copy(update={"id": ""}).to_dict(exclude_none=True)
    return said


@pytest.mark.asyncio
async def test_thinking_comes_first_when_it_was_asked_for(house: House) -> None:
    async with client_of(house) as client:
        shown = await client.messages.create(**HELLO, thinking=THINKING)
        async with client.messages.stream(**HELLO, thinking=THINKING) as stream:
            kinds = [event.type async for event in stream if event.type in ("thinking", "text")]
        hidden = await client.messages.create(**{**HELLO, "model": "qwen-max-thinking"})

    assert [block.type for block in shown.content] == ["thinking", "text"]
    assert sorted(set(kinds), reverse=True) == ["thinking", "text"]
    assert [block.type for block in hidden.content] == ["text"]


@pytest.mark.asyncio
async def test_pages_of_a_search_are_citations(house: House) -> None:
    async with client_of(house) as client:
        message = await client.messages.create(**HELLO, tools=[SEARCH])

    assert [page.url for page in message.content[0].citations] == ["https://example.org/echo"]


@pytest.mark.asyncio
async def test_any_version_and_beta_is_taken(house: House) -> None:
    async with client_of(house, api_key="x") as client:
        message = await client.beta.messages.create(
            **HELLO,
            betas=["context-management-2025-06-27"],
            context_management={"edits": []},
            extra_headers={**bearer(), "anthropic-version": "2030-01-01"},
        )

    assert message.content[0].text == "You said: Hello"


# -- tools ------------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_is_called_and_its_result_answered(streamed: bool) -> None:
    ask: dict[str, Any] = {"model": "qwen-plus", "max_tokens": 1000, "tools": [WEATHER]}
    turns: list[Any] = [{"role": "user", "content": "Oslo"}]
    async with official() as (client, house):
        create = _streaming(client) if streamed else client.messages.create
        called = await create(**ask, messages=turns, tool_choice={"type": "any"})
        call = called.content[0]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
        turns += [{"role": "assistant", "content": called.to_param()["content"]}, {"role": "user", "content": [result]}]
        answered = await create(**ask, messages=turns)
        sent = house.sent()["messages"]

    assert (call.type, call.name, called.stop_reason) == ("tool_use", "weather", "tool_use")
    assert call.input == {"city": "Oslo"}
    assert (answered.content[0].text, answered.stop_reason) == ("The tool said: sunny", "end_turn")
    assert [call.id, call.id] == [sent[1]["tool_calls"][0]["id"], sent[2]["tool_call_id"]]


def _streaming(client: AsyncAnthropic) -> Callable[..., Any]:
    async def create(**asked: Any) -> Any:
        async with client.messages.stream(**asked) as stream:
            return await stream.get_final_message()

    return create


# -- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("more", "kind", "word"),
    [
        ({"model": "qwn-max"}, anthropic.NotFoundError, "not_found_error"),
        ({"extra_body": {"temperature": 9}}, anthropic.BadRequestError, "invalid_request_error"),
        ({"extra_headers": {"authorization": "Bearer garbage"}}, anthropic.AuthenticationError, "authentication_error"),
    ],
    ids=["model", "range", "key"],
)
async def test_a_refusal_is_the_exception_of_its_kind(
    house: House, more: dict[str, Any], kind: type[anthropic.APIStatusError], word: str, stream: bool
) -> None:
    async with client_of(house) as client:
        with pytest.raises(kind) as failure:
            await client.messages.create(**{**HELLO, **more}, stream=stream)

    body: Any = failure.value.body
    assert (["type", "error", "request_id"], word) == (list(body), body["error"]["type"])
    assert failure.value.request_id == body["request_id"]


@pytest.mark.asyncio
async def test_a_busy_upstream_is_an_overloaded_service() -> None:
    async with open_house(qwen_max_calls=0) as house, client_of(house) as client:
        with pytest.raises(anthropic.APIStatusError) as failure:
            await client.messages.create(**HELLO)

    assert (failure.value.status_code, failure.value.body["error"]["type"]) == (529, "overloaded_error")  # type: ignore[index]


@pytest.mark.asyncio
async def test_a_stream_that_breaks_ends_with_an_error() -> None:
    asked = {**HELLO, "messages": [{"role": "user", "content": "[[sim:truncate]]"}]}
    pieces: list[str] = []
    async with open_house(Behaviour()) as house, client_of(house) as client:
        with pytest.raises(anthropic.APIStatusError) as failure:
            await _read(client.messages.stream(**asked), pieces)

    assert pieces
    assert failure.value.body["error"]["type"] == "api_error"  # type: ignore[index]


async def _read(opening: Any, pieces: list[str]) -> None:
    async with opening as stream:
        async for piece in stream.text_stream:
            pieces.append(piece)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "content", "status", "word"),
    [
        ("GET", "/v1/messages", "", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", "{}", 404, "not_found_error"),
        ("POST", "/v1/messages", "{", 400, "invalid_request_error"),
        ("POST", "/v1/messages/count_tokens", "[]", 400, "invalid_request_error"),
        ("POST", "/v1/messages", "x" * (4 << 20 | 1), 413, "request_too_large"),
    ],
    ids=["method", "path", "json", "type", "size"],
)
async def test_every_failure_of_the_path_has_its_form(
    house: House, method: str, path: str, content: str, status: int, word: str
) -> None:
    reply = await house.http.request(method, path, content=content, headers=bearer())
    told = reply.json()
    assert (status, ["type", "error", "request_id"]) == (reply.status_code, list(told))
    assert (word, ["type", "message"]) == (told["error"]["type"], list(told["error"]))
    assert told["request_id"] == reply.headers["request-id"] == reply.headers["x-request-id"]


# -- counting ---------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_tokens_are_counted(house: House) -> None:
    asked = {"model": "qwen-max", "messages": HELLO["messages"]}
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    async with client_of(house) as client:
        plain = await client.messages.with_raw_response.count_tokens(**asked)
        looked = await client.messages.with_raw_response.count_tokens(
            model="qwen-max", messages=[{"role": "user", "content": [picture]}]
        )

    # One token of text, the frame of a message, and the beginning of the answer.
    assert ((await plain.parse()).input_tokens, plain.headers.get("x-qwen-notice")) == (9, None)
    assert looked.headers["x-qwen-notice"] == "estimated"


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
async def test_half_an_emoji_is_no_failure(house: House, path: str) -> None:
    content = '{"model":"qwen-max","max_tokens":9,"messages":[{"role":"user","content":"Hello \\ud83d"}]}'
    reply = await house.http.post(path, content=content, headers=bearer())
    assert reply.status_code == 200, reply.text


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"stop_sequences": ["x"] * 17}, "stop_sequences"),
        ({"tools": [SEARCH, {"name": "f", "input_schema": {"type": "objekt"}}]}, "tools[1].input_schema.type"),
        ({"tools": [WEATHER, WEATHER]}, "tools[1].name"),
        (
            {
                "system": "Be brief.",
                "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "nobody"}]}],
            },
            "messages[0].content[0].tool_use_id",
        ),
    ],
    ids=["stops", "schema", "twice", "result"],
)
async def test_what_is_wrong_is_named_as_it_was_sent(house: House, more: dict[str, Any], path: str) -> None:
    for stream in (False, True):
        reply = await house.http.post("/v1/messages", json={**HELLO, **more, "stream": stream}, headers=bearer())
        assert (reply.status_code, path in reply.json()["error"]["message"]) == (400, True), reply.text
