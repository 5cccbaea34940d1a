"""Tools on chat.qwen.ai, which has none: what the site is told, and what callers see."""

from typing import Any

import grpc
import pytest
from both_doors import all_ways, grpc_failure, http_failure, metadata, question, request_of
from support import House

from qwen_grpc.simulator import Simulator
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_TOOL_CALLS

COMPLETION = "/api/v2/chat/completions"
NEW = "/api/v2/chats/new"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CLOCK: dict[str, Any] = {"type": "function", "function": {"name": "clock"}}
CALLED = ("weather", '{"city": "Paris?"}')


def told(simulator: Simulator) -> list[str]:
    """The words that the site was told, turn by turn."""
    return [one.json["messages"][0]["content"] for one in simulator.requests if one.path == COMPLETION]


async def answer(house: House, content: str, **more: Any) -> dict[str, Any]:
    """The choice of a whole answer."""
    reply = await house.complete(content, **{"tools": [WEATHER, CLOCK], **more})
    assert reply.status_code == 200, reply.text
    (choice,) = reply.json()["choices"]
    return dict(choice)


def called(choice: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and arguments of the calls."""
    calls = choice["message"].get("tool_calls", [])
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


@pytest.mark.asyncio
async def test_a_call_is_all_that_an_answer_may_hold(house: House) -> None:
    choice = await answer(house, "Paris?")
    assert (choice["finish_reason"], choice["message"]["content"], called(choice)) == ("tool_calls", None, [CALLED])
    assert "<tools>\n" in told(house.simulator)[0]


@pytest.mark.asyncio
async def test_several_calls_with_words_around_them(house: House) -> None:
    choice = await answer(house, "Paris? [[sim:tool_text:2]]")
    assert called(choice) == [CALLED, ("clock", "{}")]
    assert choice["message"]["content"] == "Let me look.\n\nOne moment."
    assert len({call["id"] for call in choice["message"]["tool_calls"]}) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ["qwen-max-thinking", "qwen-max"])
async def test_thoughts_come_before_calls(house: House, model: str) -> None:
    choice = await answer(house, "Paris?", model=model, enable_thinking=True)
    assert choice["message"]["reasoning_content"].startswith("The person wants")
    assert (called(choice), choice["message"]["content"]) == ([CALLED], None)


@pytest.mark.asyncio
async def test_one_call_at_most_is_one_call(house: House) -> None:
    choice = await answer(house, "Paris? [[sim:tool_call:3]]", parallel_tool_calls=False)
    assert called(choice) == [CALLED]
    assert "one call at most" in told(house.simulator)[0]


@pytest.mark.asyncio
async def test_a_named_function_is_asked_for(house: House) -> None:
    choice = await answer(house, "Now?", tool_choice={"type": "function", "function": {"name": "clock"}})
    assert called(choice) == [("clock", "{}")]


@pytest.mark.asyncio
async def test_a_choice_of_none_is_an_ordinary_turn(house: House) -> None:
    choice = await answer(house, "Paris?", tool_choice="none")
    assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", "You said: Paris?")
    assert told(house.simulator) == ["Paris?"]


@pytest.mark.asyncio
async def test_what_was_only_shown_is_not_called(house: House) -> None:
    choice = await answer(house, "Paris? [[sim:tool_shown]]")
    assert (choice["finish_reason"], called(choice)) == ("stop", [])
    assert "```\n<tool_call>" in choice["message"]["content"]


@pytest.mark.asyncio
async def test_a_broken_call_is_content_without_its_tags(house: House) -> None:
    choice = await answer(house, "Paris? [[sim:tool_broken]]")
    assert (choice["finish_reason"], called(choice)) == ("stop", [])
    assert choice["message"]["content"].strip() == "{'name': 'weather', 'arguments': {'city': 'Paris?'}}"


@pytest.mark.asyncio
async def test_an_answer_that_ends_in_a_call_is_a_failure_and_no_call(house: House) -> None:
    asked = question("Paris? [[sim:tool_cut]]", tools=[WEATHER])
    outcomes = await all_ways(house, asked)
    for way, outcome in outcomes.items():
        assert outcome.failure is not None, way
        assert outcome.text == ('{"name": "weather", "argum' if way.endswith("stream") else ""), way


@pytest.mark.asyncio
async def test_a_search_goes_along_with_functions(house: House) -> None:
    await answer(house, "Paris?", tools=[{"type": "web_search"}, WEATHER])
    (turn,) = [one.json for one in house.simulator.requests if one.path == COMPLETION]
    assert turn["messages"][0]["chat_type"] == "search"
    assert '"name":"weather"' in turn["messages"][0]["content"]


@pytest.mark.asyncio
async def test_results_go_to_the_chat_that_made_the_calls(house: House) -> None:
    choice = await answer(house, "Paris?")
    call = choice["message"]["tool_calls"][0]
    messages = [
        {"role": "user", "content": "Paris?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": [{"type": "text", "text": "sunny"}]},
    ]
    second = await answer(house, "", messages=messages)
    assert second["message"]["content"] == "It says: sunny"
    third = await answer(
        house, "", messages=[*messages, {"role": "assistant", "content": "It says: sunny"}, messages[0]]
    )
    assert third["message"]["content"] == "You said: Paris?"
    assert told(house.simulator)[1:] == ["<tool_response>\nsunny\n</tool_response>", "Paris?"]
    assert len([one for one in house.simulator.requests if one.path == NEW]) == 1


@pytest.mark.asyncio
async def test_a_history_that_no_chat_knows_is_told_in_words(house: House) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
    messages = [
        {"role": "user", "content": "Rome?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    choice = await answer(house, "", messages=messages)
    assert choice["message"]["content"] == "It says: rain"
    (text,) = told(house.simulator)
    assert text.startswith("System:\n# Tools\n")
    assert text.endswith(
        'User:\nRome?\n\nAssistant:\n<tool_call>\n{"name": "weather", "arguments": {"city":"Rome"}}\n</tool_call>\n\n'
        "User:\n<tool_response>\nrain\n</tool_response>"
    )


@pytest.mark.asyncio
async def test_in_a_chat_that_the_caller_names_the_last_message_brings_the_functions(house: House) -> None:
    chat_id = (await house.complete("Hello")).json()["conversation"]["chat_id"]
    choice = await answer(house, "Paris?", conversation={"chat_id": chat_id})
    assert called(choice) == [CALLED]
    assert told(house.simulator)[1].startswith("# Tools\n")
    assert told(house.simulator)[1].endswith("\n\nParis?")


@pytest.mark.asyncio
async def test_the_grpc_door_streams_a_call_as_one_step(house: House) -> None:
    request = request_of(question("Paris? [[sim:tool_text]]", tools=[WEATHER]))
    messages = [message async for message in house.chat.StreamChat(request, metadata=metadata(), timeout=20)]
    deltas = [delta for message in messages for delta in message.deltas]
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert [(call.index, call.type, call.name, call.arguments) for call in calls] == [(0, "function", *CALLED)]
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FINISH_REASON_TOOL_CALLS]
    assert "<tool" not in "".join(delta.content for delta in deltas)
    assert messages[0].HasField("start")


BAD: list[tuple[dict[str, Any], str]] = [
    ({"tools": [WEATHER, WEATHER]}, "tools[1].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": 5}}}]},
     "tools[0].function.parameters.type"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "clock"}}},
     "tool_choice.function.name"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"messages": [{"role": "tool", "tool_call_id": "c1", "content": "x"}]}, "messages[0].tool_call_id"),
]  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize(("fields", "path"), BAD)
async def test_bad_tools_are_refused_at_both_doors_with_their_place(
    house: House, fields: dict[str, Any], path: str
) -> None:
    failure = http_failure(await house.complete("Hello", **fields))
    assert (failure.status, failure.code, failure.param) == (400, "invalid_parameter", path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await house.chat.CompleteChat(request_of(question("Hello", **fields)), metadata=metadata(), timeout=20)
    refused = grpc_failure(caught.value)
    assert (refused.code, refused.reason, refused.field) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_PARAMETER",
        path,
    )
    assert told(house.simulator) == []
