"""Tool round trips on chat.qwen.ai by foreign clients: the openai package and LangChain."""

import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai_parts import client_of
from support import House, session

from qwen_grpc.credentials import pack

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
USER: Any = {"role": "user", "content": "Paris?"}


@pytest.mark.asyncio
async def test_the_openai_package_calls_a_tool_and_tells_its_result(house: House) -> None:
    async with client_of(house) as client:
        asked = await client.chat.completions.create(model="qwen-max", messages=[USER], tools=[WEATHER])
        message = asked.choices[0].message
        (call,) = message.tool_calls or []
        assert call.type == "function"
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Paris?"})
        assert asked.choices[0].finish_reason == "tool_calls"
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        history: Any = [USER, message, result]
        answered = await client.chat.completions.create(model="qwen-max", messages=history, tools=[WEATHER])
    assert (answered.choices[0].message.content, answered.choices[0].finish_reason) == ("It says: sunny", "stop")


@pytest.mark.asyncio
async def test_the_openai_package_puts_streamed_calls_together(house: House) -> None:
    question: Any = {"role": "user", "content": "Paris? [[sim:tool_text:2]]"}
    async with (
        client_of(house) as client,
        client.chat.completions.stream(model="qwen-max", messages=[question], tools=[WEATHER]) as stream,
    ):
        events = [event.type async for event in stream]
        whole = await stream.get_final_completion()
    (choice,) = whole.choices
    calls = [(call.id[:5], call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    assert calls == [("call_", "weather", '{"city": "Paris?"}')] * 2
    assert (choice.message.content, choice.finish_reason) == ("Let me look.\n\nOne moment.", "tool_calls")
    assert events.count("tool_calls.function.arguments.done") == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("streaming", [False, True])
async def test_langchain_binds_a_tool_and_goes_on_with_its_result(house: House, streaming: bool) -> None:
    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    model = ChatOpenAI(model="qwen-max", base_url=f"{house.rest}/v1", api_key=pack(session()), streaming=streaming)  # type: ignore[arg-type]
    bound = model.bind_tools([weather])
    question = HumanMessage("Paris?")
    asked: Any = await bound.ainvoke([question])
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Paris?"})
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    answered = await bound.ainvoke([question, asked, result])
    assert answered.content == "It says: sunny in Paris?"
