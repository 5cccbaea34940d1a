"""The same conversations with every upstream: what differs is written down, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from conversations import CONVERSATIONS, PLACES, Conversation, Told, all_places, beside, usage_details
from operated import Operated, operated
from support import bearer
from telling import COMPLETIONS, SUMS, WAYS, Way, of_json, over_rest, rest_whole

ANSWERED = [one for one in CONVERSATIONS if not one.told.reason]
# Callers with credentials of their own leave nothing behind, so one house serves all.
shared = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[Operated]:
    async with operated(all_places) as opened:
        yield opened


@shared
@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda one: one.name)
async def test_every_upstream_tells_the_same_by_every_way(house: Operated, conversation: Conversation) -> None:
    names = [name for name in PLACES if conversation.told_by(name)]
    found = await asyncio.gather(*(held(house, conversation, name) for name in names))

    told = {(name, way): one for name, by_way in zip(names, found, strict=True) for way, one in by_way.items()}
    wanted = {(name, way): one for name in names for way, one in expected(conversation, name).items()}
    assert {where: (told[where], one) for where, one in wanted.items() if told[where] != one} == {}


async def held(house: Operated, conversation: Conversation, name: str) -> dict[str, Told]:
    """What each way tells."""
    return {way: await talk(house, conversation, name, ask) for way, ask in WAYS.items()}


async def talk(house: Operated, conversation: Conversation, name: str, ask: Way) -> Told:
    """What the last turn tells."""
    credential, answers, told = PLACES[name].credential, list[str](), Told()
    for number in range(len(conversation.turns)):
        told = await ask(house, conversation.asks(name, number, answers), credential)
        answers.append(told.content)
    return told


def expected(conversation: Conversation, name: str) -> dict[str, Told]:
    """What each way has to tell."""
    told = conversation.told_by(name)
    assert told is not None
    ways = {way: told if way.endswith("stream") else told.whole for way in WAYS}
    return {way: one if way.startswith("gRPC") or not one.reason else _over_rest(one) for way, one in ways.items()}


def _over_rest(told: Told) -> Told:
    return replace(told, code="", reason=over_rest(told.reason))


@shared
@pytest.mark.parametrize("conversation", ANSWERED, ids=lambda one: one.name)
async def test_the_json_of_an_answer_has_the_same_members(house: Operated, conversation: Conversation) -> None:
    answers = {name: await json_of(house, conversation, name) for name in PLACES if answered(conversation, name)}

    shapes = {
        name: (shape_of(answer), shape_for(name, conversation, of_json(answer))) for name, answer in answers.items()
    }
    assert {name: pair for name, pair in shapes.items() if pair[0] != pair[1]} == {}


def answered(conversation: Conversation, name: str) -> bool:
    told = conversation.told_by(name)
    return told is not None and not told.reason


async def json_of(house: Operated, conversation: Conversation, name: str) -> dict[str, Any]:
    body = conversation.asks(name, 0, [])
    reply = await house.http.post(COMPLETIONS, json=body, headers=bearer(PLACES[name].credential))
    assert reply.headers["x-qwen-upstream"] == name
    assert reply.json()["model"] == reply.headers["x-qwen-model"] == body["model"]
    answer: dict[str, Any] = reply.json()
    return answer


def shape_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The members of an answer, by where they stand."""
    usage = answer["usage"]
    details = [one for name, one in usage.items() if name.endswith("_details")]
    return {
        "answer": set(answer),
        "choices": [set(choice) for choice in answer["choices"]],
        "messages": [set(choice["message"]) for choice in answer["choices"]],
        "sums": {name for name in usage if not name.endswith("_details")},
        "details": {member for one in details for member in one},
    }


def shape_for(name: str, conversation: Conversation, told: Told) -> dict[str, Any]:
    """The members that an answer of this upstream has to have."""
    message = {"role", "content", "refusal"} | beside(name, "message")
    message |= ({"reasoning_content"} if told.reasoning else set()) | ({"tool_calls"} if told.calls else set())
    if told.finish == "length":
        message -= {"matched_stop"}
    if "stop" not in conversation.body:
        message -= {"stop_reason"}
    return {
        "answer": {"id", "object", "created", "model", "choices", "usage"} | beside(name, "answer"),
        "choices": [{"index", "logprobs", "finish_reason", "message"}] * told.answers,
        "messages": [message] * told.answers,
        "sums": SUMS,
        "details": usage_details(name, thought=bool(told.reasoning)),
    }


@shared
async def test_conversations_with_all_upstreams_at_once_do_not_mix(house: Operated) -> None:
    asked = [(one, name) for one in ANSWERED for name in PLACES if answered(one, name)]
    found = await asyncio.gather(*(talk(house, one, name, rest_whole) for one, name in asked))

    assert found == [one.told_by(name) for one, name in asked]
