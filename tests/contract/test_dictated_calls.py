"""The simulator calls what a question spells out, behind every upstream, so that agents come to their end."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from conversations import PLACES, WEATHER, all_places
from operated import Operated, operated
from support import bearer

ALARM = {"type": "function", "function": {"name": "alarm", "parameters": {"type": "object"}}}
DICTATED = 'What now? [[call:weather {"city": "Paris"}]]'
shared = pytest.mark.asyncio(loop_scope="module")
everywhere = pytest.mark.parametrize("name", PLACES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[Operated]:
    async with operated(all_places) as opened:
        yield opened


async def answer(house: Operated, name: str, *messages: Any, tools: Any) -> Any:
    """The message of a whole answer."""
    place = PLACES[name]
    body = {"model": place.model, "messages": messages, "tools": tools, "enable_thinking": False}
    reply = await house.http.post("/v1/chat/completions", json=body, headers=bearer(place.credential))
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["message"]


def said(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


@shared
@everywhere
async def test_a_call_that_is_spelt_out_is_made_once(house: Operated, name: str) -> None:
    asked = await answer(house, name, said(DICTATED), tools=[ALARM, WEATHER])
    (call,) = asked["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("weather", {"city": "Paris"})

    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    answered = await answer(house, name, said(DICTATED), asked, result, tools=[ALARM, WEATHER])
    assert ("tool_calls" in answered, "sunny" in answered["content"]) == (False, True)


@shared
@pytest.mark.parametrize("name", [name for name in PLACES if name != "chat_qwen_ai"])
async def test_a_function_that_is_not_offered_is_not_called(house: Operated, name: str) -> None:
    assert "tool_calls" not in await answer(house, name, said(DICTATED), tools=[ALARM])


@shared
async def test_the_site_calls_what_is_offered_instead(house: Operated) -> None:
    asked = await answer(house, "chat_qwen_ai", said(DICTATED), tools=[ALARM])
    assert [call["function"]["name"] for call in asked["tool_calls"]] == ["alarm"]


@shared
async def test_a_reminder_behind_the_question_does_not_hide_the_call(house: Operated) -> None:
    asked = await answer(house, "vllm", said(DICTATED), {"role": "system", "content": "Be brief."}, tools=[WEATHER])
    assert len(asked["tool_calls"]) == 1
