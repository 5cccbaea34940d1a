"""The official openai package, on `/v1/responses`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai_parts import THOUGHTS, client_of
from support import House, open_house, session

from qwen_grpc.credentials import pack

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}
TEXT = "You said: Hello there [[1]]."
SOURCE = {
    "type": "url_citation",
    "url": "https://example.org/echo",
    "title": "How echoes work",
    "start_index": 22,
    "end_index": 27,
}
ENDED = ("completed", "failed", "cancelled", "incomplete")


@asynccontextmanager
async def guest(house: House) -> AsyncIterator[AsyncOpenAI]:
    """Somebody else, with an account of their own."""
    stranger = session("00000000-0000-4000-8000-000000000002")
    async with client_of(house, api_key=pack(stranger)) as client:
        yield client


async def ended(client: AsyncOpenAI, response: Any) -> Any:
    """A response in the background, once nothing more happens to it."""
    while response.status not in ENDED:
        await asyncio.sleep(0.02)
        response = await client.responses.retrieve(response.id)
    return response


# -- one answer -------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_whole_response_has_thinking_text_sources_and_usage(house: House) -> None:
    async with client_of(house) as client:
        found = await client.responses.create(model="qwen-max-thinking-search", input="Hello there")
    thinking, message = (item.model_dump(exclude_unset=True) for item in found.output)
    assert (found.status, found.model, found.output_text) == ("completed", "qwen3.8-max", TEXT)
    assert thinking["content"] == [{"type": "reasoning_text", "text": THOUGHTS}]
    assert message["content"][0]["annotations"] == [SOURCE]
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens, found.usage.total_tokens) == (802, 24, 826)
    assert found.usage.output_tokens_details.reasoning_tokens == 16


@pytest.mark.asyncio
async def test_the_stream_helper_ends_with_what_the_whole_response_is(house: House) -> None:
    async with client_of(house) as client:
        asked = {"model": "qwen-max-thinking-search", "input": "Hello there"}
        whole = await client.responses.create(**asked)
        async with client.responses.stream(**asked) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    thoughts = [event.delta for event in events if event.type == "response.reasoning_text.delta"]
    assert ("".join(pieces), "".join(thoughts)) == (TEXT, THOUGHTS)
    assert [event.sequence_number for event in events] == sorted({event.sequence_number for event in events})
    assert final.output_text == TEXT
    assert [shape(item) for item in final.output] == [shape(item) for item in whole.output]


def shape(item: Any) -> dict[str, Any]:
    """An item without its name."""
    said: dict[str, Any] = item.model_dump(exclude={"id"}, exclude_none=True)
    for part in said.get("content", ()):
        part.pop("parsed", None)
    return said


@pytest.mark.asyncio
async def test_events_come_in_openais_order(house: House) -> None:
    async with client_of(house) as client:
        stream = await client.responses.create(model="qwen-max", input="Hello", stream=True)
        kinds = [event.type.removeprefix("response.") async for event in stream]
    assert list(dict.fromkeys(kinds)) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


@pytest.mark.asyncio
async def test_a_summary_is_streamed_to_who_asks_for_one(house: House) -> None:
    async with client_of(house) as client:
        asked: Any = {"model": "qwen-max", "input": "Hello", "reasoning": {"effort": "high", "summary": "auto"}}
        stream = await client.responses.create(**asked, stream=True)
        events = [event async for event in stream]
    thoughts = [event.delta for event in events if event.type == "response.reasoning_summary_text.delta"]
    assert "".join(thoughts) == THOUGHTS


@pytest.mark.asyncio
async def test_a_failure_before_the_answer_is_a_status(house: House) -> None:
    async with client_of(house, max_retries=0) as client:
        for streamed in (False, True):
            with pytest.raises(openai.NotFoundError) as failure:
                await client.responses.create(model="nobody-knows", input="Hello", stream=streamed)
            assert failure.value.code == "model_not_found"


@pytest.mark.asyncio
async def test_a_failure_in_the_middle_is_the_last_event(house: House) -> None:
    async with client_of(house, max_retries=0) as client:
        stream = await client.responses.create(model="qwen-max", input="Hello [[sim:midstream_error]]", stream=True)
        *_, last = [event async for event in stream]
        assert last.type == "response.failed"
        assert last.response.error is not None
        assert (last.response.status, last.response.error.code) == ("failed", "upstream_error")
        with pytest.raises(openai.InternalServerError):
            await client.responses.create(model="qwen-max", input="Hello [[sim:midstream_error]]")


# -- tools ------------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_is_called_and_its_result_answered(house: House, streamed: bool) -> None:
    async with client_of(house) as client:
        said: list[Any] = [{"role": "user", "content": "The weather in Paris?"}]
        asked: Any = {"model": "qwen-max", "tools": [WEATHER], "tool_choice": "required"}
        first = await answered(client, streamed, input=said, **asked)
        [call] = first.output
        assert (call.type, call.name, call.status) == ("function_call", "get_weather", "completed")
        said += [call.model_dump(exclude_none=True), result_of(call)]
        second = await answered(client, streamed, input=said, model="qwen-max", tools=[WEATHER])
    assert second.output_text == "It says: sunny"


@pytest.mark.asyncio
@pytest.mark.parametrize("streamed", [False, True])
async def test_tools_of_the_official_api_are_called_too(house: House, streamed: bool) -> None:
    async with client_of(house, api_key="sk-somebody-s-own") as client:
        asked: Any = {"model": "qwen-plus", "tools": [WEATHER]}
        choice = {"type": "function", "name": "get_weather"}
        first = await answered(client, streamed, input="In Paris?", store=True, tool_choice=choice, **asked)
        call = first.output[-1]
        assert (call.type, call.name, first.store) == ("function_call", "get_weather", True)
        more: Any = {"input": [result_of(call)], "previous_response_id": first.id}
        second = await answered(client, streamed, **more, **asked)
        listed = [item.type async for item in client.responses.input_items.list(second.id, order="asc")]
    assert "sunny" in second.output_text
    assert listed == ["message", "function_call", "function_call_output"]


@pytest.mark.asyncio
async def test_a_call_may_be_named_instead_of_repeated(house: House) -> None:
    async with client_of(house) as client:
        said: list[Any] = [{"role": "user", "content": "The weather in Paris?"}]
        asked: Any = {"model": "qwen-max", "tools": [WEATHER]}
        first = await client.responses.create(input=said, tool_choice="required", **asked)
        [call] = first.output
        said += [{"type": "item_reference", "id": call.id}, result_of(call)]
        second = await client.responses.create(input=said, **asked)
        said[1]["id"] = "fc_ffffffffffffffffffffffffffffffff_0"
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(input=said, **asked)
    assert second.output_text == "It says: sunny"
    assert refused.value.param == "input[1].id"


async def answered(client: AsyncOpenAI, streamed: bool, **asked: Any) -> Any:
    if not streamed:
        return await client.responses.create(**asked)
    async with client.responses.stream(**asked) as stream:
        return await stream.get_final_response()


def result_of(call: Any) -> dict[str, str]:
    return {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}


# -- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_response_is_kept_as_it_was(house: House, streamed: bool) -> None:
    async with client_of(house) as client:
        made = await answered(client, streamed, model="qwen-max-thinking-search", input="Hello there", store=True)
        found = await client.responses.retrieve(made.id)
    assert found.store is made.store is True
    assert found.to_dict() == {**made.to_dict(), "output": found.to_dict()["output"]}
    assert [shape(item) for item in found.output] == [shape(item) for item in made.output]
    assert [item.id for item in found.output] == [item.id for item in made.output]


@pytest.mark.asyncio
async def test_nothing_is_kept_of_what_is_not_to_be_stored(house: House) -> None:
    async with client_of(house) as client:
        made = await client.responses.create(model="qwen-max", input="Hello", store=False)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(made.id)
    assert made.store is False


@pytest.mark.asyncio
async def test_a_conversation_goes_on_from_a_response(house: House) -> None:
    async with client_of(house) as client:
        first = await client.responses.create(model="qwen-max", input="My name is Ada.", instructions="Be brief.")
        second = await client.responses.create(model="qwen-max", input="And now?", previous_response_id=first.id)
        listed = [item async for item in client.responses.input_items.list(second.id, order="asc")]
    texts = [(item.role, item.content[0].text) for item in listed if item.type == "message"]
    assert second.previous_response_id == first.id
    assert texts == [("user", "My name is Ada."), ("assistant", first.output_text), ("user", "And now?")]


@pytest.mark.asyncio
async def test_a_response_that_is_not_kept_cannot_be_continued(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(model="qwen-max", input="x", previous_response_id="resp_0123456789abcdef")
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")


@pytest.mark.asyncio
async def test_input_items_come_in_pages(house: House) -> None:
    async with client_of(house) as client:
        said: Any = [{"role": "user", "content": f"Line {number}"} for number in range(5)]
        made = await client.responses.create(model="qwen-max", input=said)
        page = await client.responses.input_items.list(made.id, limit=2)
        pages = [[item.id for item in page.data]]
        while page.has_more:
            page = await client.responses.input_items.list(made.id, limit=2, after=page.data[-1].id)
            pages.append([item.id for item in page.data])
        rising = [item.id async for item in client.responses.input_items.list(made.id, limit=2, order="asc")]
    assert [len(ids) for ids in pages] == [2, 2, 1]
    assert [id_ for ids in pages for id_ in ids] == rising[::-1]


@pytest.mark.asyncio
async def test_a_response_is_its_owners_alone(house: House) -> None:
    async with client_of(house) as client, guest(house) as other:
        made = await client.responses.create(model="qwen-max", input="Hello", store=True)
        for work in (
            other.responses.retrieve(made.id),
            other.responses.delete(made.id),
            other.responses.cancel(made.id),
            other.responses.input_items.list(made.id),
        ):
            with pytest.raises(openai.NotFoundError):
                await work
        with pytest.raises(openai.BadRequestError):
            await other.responses.create(model="qwen-max", input="x", previous_response_id=made.id)
        assert (await client.responses.retrieve(made.id)).id == made.id


@pytest.mark.asyncio
async def test_what_is_deleted_is_gone(house: House) -> None:
    async with client_of(house) as client:
        made = await client.responses.create(model="qwen-max", input="Hello")
        await client.responses.delete(made.id)
        for work in (client.responses.retrieve(made.id), client.responses.delete(made.id)):
            with pytest.raises(openai.NotFoundError):
                await work


# -- in the background ------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_response_in_the_background_is_asked_for_until_it_is_complete(house: House) -> None:
    async with client_of(house) as client:
        begun = await client.responses.create(model="qwen-max-thinking", input="Hello", background=True)
        assert (begun.status, begun.background, begun.output) == ("queued", True, [])
        found = await ended(client, begun)
        after = await client.responses.create(model="qwen-max", input="And?", previous_response_id=found.id)
    assert (found.status, found.output_text, found.store) == ("completed", "You said: Hello", True)
    assert after.status == "completed"


@pytest.mark.asyncio
async def test_a_failure_in_the_background_is_told_by_the_response(house: House) -> None:
    async with client_of(house) as client:
        begun = await client.responses.create(model="nobody-knows", input="Hello", background=True)
        found = await ended(client, begun)
    assert found.error is not None
    assert (found.status, found.error.code) == ("failed", "model_not_found")


@pytest.mark.asyncio
async def test_a_response_in_the_background_can_be_cancelled() -> None:
    async with open_house() as house, client_of(house) as client:
        begun = await client.responses.create(model="qwen-max", input="[[sim:silent]]", background=True)
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model="qwen-max", input="x", previous_response_id=begun.id)
        cancelled = await client.responses.cancel(begun.id)
        again = await client.responses.cancel(begun.id)
    assert (cancelled.status, again.status) == ("cancelled", "cancelled")


@pytest.mark.asyncio
async def test_what_has_ended_is_not_cancelled(house: House) -> None:
    async with client_of(house) as client:
        begun = await client.responses.create(model="qwen-max", input="Hello", background=True)
        found = await ended(client, begun)
        assert (await client.responses.cancel(found.id)).status == "completed"
        whole = await client.responses.create(model="qwen-max", input="Hello", store=True)
        with pytest.raises(openai.BadRequestError):
            await client.responses.cancel(whole.id)


@pytest.mark.asyncio
@pytest.mark.parametrize(("more", "param"), [({"stream": True}, "stream"), ({"store": False}, "store")])
async def test_what_the_background_cannot_do_is_refused(house: House, more: dict[str, Any], param: str) -> None:
    async with client_of(house) as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(model="qwen-max", input="Hello", background=True, **more)
    assert refused.value.param == param
