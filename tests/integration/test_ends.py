"""Stop texts and token limits on chat.qwen.ai, which knows neither: where answers end, and that nobody goes on."""

from typing import Any

import pytest
from both_doors import all_ways, metadata, question, request_of
from support import House, open_house

from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_LENGTH, FINISH_REASON_STOP


async def ended(house: House, content: str, **more: Any) -> tuple[str, str, Any]:
    """The text of a whole answer, why it ended, and its usage."""
    reply = await house.complete(content, **more)
    assert reply.status_code == 200, reply.text
    (choice,) = reply.json()["choices"]
    return choice["message"]["content"] or "", choice["finish_reason"], reply.json().get("usage")


@pytest.mark.asyncio
@pytest.mark.parametrize("stop", ["STOP", ["never", "STOP"], "ST"])
async def test_an_answer_ends_before_the_stop_text(house: House, stop: Any) -> None:
    text, reason, usage = await ended(house, "one STOP two three", stop=stop)
    assert (text, reason) == ("You said: one ", "stop")
    assert usage["prompt_tokens"] > 800
    assert 0 < usage["completion_tokens"] < 10


@pytest.mark.asyncio
async def test_a_stop_text_is_found_however_the_site_cuts_it() -> None:
    async with open_house(Behaviour(scenario="slow", slow_s=0)) as house:
        outcomes = await all_ways(house, question("one </end> two", stop=["</end>"]))
    assert {outcome.text for outcome in outcomes.values()} == {"You said: one "}
    assert {outcome.failure for outcome in outcomes.values()} == {None}


@pytest.mark.asyncio
async def test_nothing_more_is_made_behind_a_stop_text(house: House) -> None:
    request = request_of(question("Hello [[sim:long:100000]]", stop=["word 20 "]))
    messages = [message async for message in house.chat.StreamChat(request, metadata=metadata(), timeout=20)]
    deltas = [delta for message in messages for delta in message.deltas]
    assert "".join(delta.content for delta in deltas).endswith("word 19 ")
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FINISH_REASON_STOP]
    assert messages[-1].usage.completion_tokens > 0
    await house.simulator.hang_ups(1, 5)
    (stream,) = house.simulator.streams
    assert stream.outcome == "client_gone"
    assert stream.events_sent < 10_000


@pytest.mark.asyncio
async def test_the_site_is_told_to_stop_and_the_chat_goes_with_what_nobody_saw() -> None:
    async with open_house(Behaviour(pace_s=0.02)) as house:
        await ended(house, "one STOP two [[sim:long:500]]", stop="word 3")
        chats = house.simulator.chats
    assert [call.stopped for call in house.simulator.stops] == [True]
    assert not chats


@pytest.mark.asyncio
async def test_an_answer_without_the_stop_text_is_what_it_was(house: House) -> None:
    text, reason, usage = await ended(house, "one two STO", stop="STOP")
    assert (text, reason) == ("You said: one two STO", "stop")
    assert (await ended(house, "one two STO"))[2] == usage
    assert house.simulator.stops == []


@pytest.mark.asyncio
async def test_stop_texts_are_looked_for_in_content_and_not_in_thoughts(house: House) -> None:
    reply = await house.complete("one person [[sim:think]]", stop="person")
    message = reply.json()["choices"][0]["message"]
    assert (message["content"], "person" in message["reasoning_content"]) == ("You said: one ", True)


@pytest.mark.asyncio
async def test_a_call_before_a_stop_text_is_still_a_call(house: House) -> None:
    tool = {"type": "function", "function": {"name": "clock"}}
    reply = await house.complete("Now? [[sim:tool_text]]", tools=[tool], stop="moment")
    (choice,) = reply.json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Let me look.\n\nOne "


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_has_no_more_tokens_than_asked_for(house: House, name: str) -> None:
    text, reason, usage = await ended(house, "one two three four five six seven", **{name: 9})
    assert (reason, "You said: one two three four five six seven".startswith(text)) == ("length", True)
    assert text
    assert len(text) // 4 <= 9 < usage["completion_tokens"] + 5
    assert (await ended(house, "one", **{name: 1000}))[:2] == ("You said: one", "stop")


@pytest.mark.asyncio
async def test_nothing_more_is_made_behind_a_limit(house: House) -> None:
    request = request_of(question("Hello [[sim:long:100000]]", max_tokens=60))
    messages = [message async for message in house.chat.StreamChat(request, metadata=metadata(), timeout=20)]
    deltas = [delta for message in messages for delta in message.deltas]
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FINISH_REASON_LENGTH]
    await house.simulator.hang_ups(1, 5)
    assert house.simulator.streams[0].events_sent < 10_000


@pytest.mark.asyncio
async def test_thoughts_count_for_max_completion_tokens_only(house: House) -> None:
    asked: dict[str, Any] = {"model": "qwen-max-thinking"}
    text, reason, _ = await ended(house, "one [[sim:think]]", max_tokens=8, **asked)
    assert (text, reason) == ("You said: one", "stop")
    text, reason, _ = await ended(house, "one [[sim:think]]", max_completion_tokens=8, **asked)
    assert (text, reason) == ("", "length")


@pytest.mark.asyncio
async def test_an_answer_that_was_cut_is_no_end_of_a_conversation_that_goes_on(house: House) -> None:
    text, _, _ = await ended(house, "one STOP two", stop="STOP")
    messages = [{"role": "user", "content": "one STOP two"}, {"role": "assistant", "content": text}]
    body = {"messages": [*messages, {"role": "user", "content": "more"}]}
    assert (await ended(house, "", **body))[0].endswith("more")
    assert len([one for one in house.simulator.requests if one.path == "/api/v2/chats/new"]) == 2


@pytest.mark.asyncio
async def test_anthropics_clients_are_told_which_stop_text_was_met(house: House) -> None:
    body = {"model": "qwen-max", "max_tokens": 500, "messages": [{"role": "user", "content": "one STOP two"}]}
    reply = await house.http.post("/v1/messages", json={**body, "stop_sequences": ["STOP"]}, headers=dict(metadata()))
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", "STOP")
    assert told["content"][0]["text"] == "You said: one "
    reply = await house.http.post("/v1/messages", json={**body, "max_tokens": 5}, headers=dict(metadata()))
    assert reply.json()["stop_reason"] == "max_tokens"
