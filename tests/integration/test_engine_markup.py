"""Calls that an engine left in the text, because it was started without a parser."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from engine_house import DIALECTS, EngineHouse, open_engine

from qwen_grpc.v1.chat_pb2 import FINISH_REASON_TOOL_CALLS

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
ASKED = "Paris [[sim:raw_tool_markup]]"


@pytest_asyncio.fixture(params=DIALECTS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[EngineHouse]:
    async with open_engine(request.param) as opened:
        yield opened


@pytest.mark.asyncio
async def test_a_call_in_the_text_is_a_call(engine: EngineHouse) -> None:
    (choice,) = (await engine.whole(ASKED, tools=[WEATHER]))["choices"]
    (call,) = choice["message"]["tool_calls"]

    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("weather", {"city": "Paris"})


@pytest.mark.asyncio
async def test_a_streamed_call_in_the_text_leaks_no_tag(engine: EngineHouse) -> None:
    messages = await engine.streamed(ASKED, tools=[WEATHER])
    deltas = [delta for message in messages for delta in message.deltas]

    assert "".join(delta.content for delta in deltas) == ""
    assert [call.name for delta in deltas for call in delta.tool_calls] == ["weather"]
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FINISH_REASON_TOOL_CALLS]


@pytest.mark.asyncio
async def test_without_functions_tags_are_text(engine: EngineHouse) -> None:
    (choice,) = (await engine.whole('Say <tool_call>{"name": "f"}</tool_call>'))["choices"]

    assert choice["message"]["content"] == 'You said: Say <tool_call>{"name": "f"}</tool_call>'
