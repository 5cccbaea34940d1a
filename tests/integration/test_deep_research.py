"""Deep research as two turns of one conversation: the site asks back, then it works for minutes and reports."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from both_doors import COMPLETIONS, all_ways, metadata, open_doors, question, request_of, site
from http_wire import post, wire
from support import House, bearer, open_house, records, session
from upstream_record import NEW, calls, sent, until

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.simulator import Behaviour, running
from qwen_grpc.simulator import models as simulated
from qwen_grpc.upstreams.clocks import Clocks, Work
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, StreamChatResponse

MODEL = "qwen-max-deep-research"
ASKED_BACK = "Which period should the report cover, and for which readers?"
SEARCHED = "Searched the web for The last year: 2 pages."
REPORT = "# Report\n\nThe last year: echoes come back [[1]]."
SOURCE = {"url": "https://example.org/echo", "title": "How echoes work", "start_index": 42, "end_index": 47}
CITED = [{"type": "url_citation", "url_citation": SOURCE}]
COMMENT = ": keep-alive"
# One session for all turns: a conversation belongs to the session that it was held with.
ME = session()
FAST = {"thinking_enabled": False, "auto_thinking": False, "thinking_mode": "Fast"}


@dataclass(frozen=True)
class Told:
    """What a turn told, and the place in the site's chat that it named."""

    content: str
    reasoning: str | None
    annotations: list[Any]
    chat_id: str


def begin() -> dict[str, Any]:
    return question("Where do echoes come from?", model=MODEL)


def go_on(first: str = ASKED_BACK) -> dict[str, Any]:
    """The second turn, as clients send it: with the whole history."""
    answered = [{"role": "assistant", "content": first}, {"role": "user", "content": "The last year"}]
    return {**begin(), "messages": [*begin()["messages"], *answered]}


# -- the four ways --------------------------------------------------------------------------------------------------


async def rest_whole(doors: Any, body: dict[str, Any]) -> Told:
    reply = await doors.http.post(COMPLETIONS, json=body, headers=bearer(ME))
    assert reply.status_code == 200, reply.text
    (choice,) = reply.json()["choices"]
    assert choice["finish_reason"] == "stop"
    return told(choice["message"], reply.json()["conversation"]["chat_id"])


async def rest_stream(doors: Any, body: dict[str, Any]) -> Told:
    reply = await doors.http.post(COMPLETIONS, json={**body, "stream": True}, headers=bearer(ME))
    *chunks, done = records(reply.text)
    assert done == "[DONE]"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-1] == "stop"
    return joined([chunk["choices"][0]["delta"] for chunk in chunks], chunks[0]["conversation"]["chat_id"])


async def grpc_whole(doors: Any, body: dict[str, Any]) -> Told:
    whole = await doors.chat.CompleteChat(request_of(body), metadata=metadata(ME))
    assert whole.choices[0].finish_reason == FINISH_REASON_STOP
    return told(RESPONSES.write(whole.choices[0].message), whole.conversation.chat_id)


async def grpc_stream(doors: Any, body: dict[str, Any]) -> Told:
    messages = [message async for message in doors.chat.StreamChat(request_of(body), metadata=metadata(ME))]
    deltas = [RESPONSES.write(delta) for message in messages for delta in message.deltas]
    return joined(deltas, messages[0].start.conversation.chat_id)


def told(message: dict[str, Any], chat_id: str) -> Told:
    return Told(message["content"], message.get("reasoning_content"), message.get("annotations", []), chat_id)


def joined(deltas: list[dict[str, Any]], chat_id: str) -> Told:
    content, reasoning = (
        "".join(delta.get(name) or "" for delta in deltas) for name in ("content", "reasoning_content")
    )
    annotations = [note for delta in deltas for note in delta.get("annotations", ())]
    return Told(content, reasoning or None, annotations, chat_id)


WAYS: dict[str, Callable[[Any, dict[str, Any]], Awaitable[Told]]] = {
    "REST whole": rest_whole,
    "REST stream": rest_stream,
    "gRPC whole": grpc_whole,
    "gRPC stream": grpc_stream,
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


# -- the story ------------------------------------------------------------------------------------------------------


@each_way
@pytest.mark.asyncio
async def test_a_question_back_and_a_report_are_two_turns_of_one_chat(house: House, way: Any) -> None:
    first = await way(house, begin())
    second = await way(house, go_on())

    assert first == Told(ASKED_BACK, None, [], first.chat_id)
    assert second == Told(REPORT, SEARCHED, CITED, first.chat_id)


@pytest.mark.asyncio
async def test_the_site_is_asked_in_its_own_two_stages(house: House) -> None:
    conversation = (await house.complete("", credential=ME, **begin())).json()["conversation"]
    await house.complete("", credential=ME, **go_on())

    (new,) = calls(house.simulator, NEW)
    assert new.json["chat_type"] == "deep_research"
    bodies = sent(house.simulator)
    assert [body["parent_id"] for body in bodies] == [None, conversation["message_id"]]
    messages = [body["messages"][0] for body in bodies]
    assert [message["content"] for message in messages] == ["Where do echoes come from?", "The last year"]
    assert [message["chat_type"] for message in messages] == ["deep_research"] * 2
    assert [message["sub_chat_type"] for message in messages] == ["deep_thinking", "deep_research"]
    assert [message["extra"] for message in messages] == [
        {"meta": {"subChatType": "deep_thinking"}},
        {"meta": {"subChatType": "deep_research"}},
    ]
    config = {**FAST, "output_schema": "phase", "research_mode": "normal", "auto_search": False}
    assert [message["feature_config"] for message in messages] == [config, config]


@pytest.mark.asyncio
async def test_the_phases_come_in_the_order_of_the_work(house: House) -> None:
    await house.complete("", credential=ME, **begin())
    stream = house.chat.StreamChat(request_of(go_on()), metadata=metadata(ME))
    deltas = [delta async for message in stream for delta in message.deltas]

    assert [delta.phase for delta in deltas if delta.phase] == ["ResearchPlanning", "WebResearch", "ReportGeneration"]
    assert [bool(delta.annotations) for delta in deltas][-2:] == [True, False]
    assert deltas[-1].finish_reason == FINISH_REASON_STOP


@pytest.mark.asyncio
async def test_a_question_back_that_came_from_elsewhere_is_not_asked_again(house: House) -> None:
    found = await rest_whole(house, go_on("And for whom?"))

    (body,) = sent(house.simulator)
    assert body["messages"][0]["sub_chat_type"] == "deep_research"
    assert "Assistant:\nAnd for whom?\n\nUser:\nThe last year" in body["messages"][0]["content"]
    assert found.annotations[0]["url_citation"]["url"] == SOURCE["url"]


@pytest.mark.asyncio
async def test_a_named_chat_goes_on_with_the_research(house: House) -> None:
    place = (await house.complete("", credential=ME, **begin())).json()["conversation"]
    second = {**question("The last year", model=MODEL), "conversation": {"chat_id": place["chat_id"]}}

    assert await rest_whole(house, second) == Told(REPORT, SEARCHED, CITED, place["chat_id"])
    assert sent(house.simulator)[1]["messages"][0]["sub_chat_type"] == "deep_research"


@pytest.mark.asyncio
@pytest.mark.parametrize("system", [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}])
async def test_without_an_answer_in_the_history_the_site_asks_back(house: House, system: dict[str, Any]) -> None:
    body = {**begin(), "messages": [system, *begin()["messages"]]}

    assert (await rest_whole(house, body)).content == ASKED_BACK


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("effort", "mode"), [("low", "normal"), ("medium", "normal"), ("high", "advance"), ("xhigh", "advance")]
)
async def test_high_effort_is_the_sites_advanced_research(house: House, effort: str, mode: str) -> None:
    await house.complete("", credential=ME, **begin(), reasoning_effort=effort)

    (body,) = sent(house.simulator)
    config = {**FAST, "output_schema": "phase", "research_mode": mode, "auto_search": False}
    assert body["messages"][0]["feature_config"] == config


@pytest.mark.asyncio
async def test_the_short_name_means_the_family_max(house: House) -> None:
    reply = await house.complete("Hello", credential=ME, model="qwen-deep-research")

    assert (reply.json()["model"], reply.json()["choices"][0]["message"]["content"]) == ("qwen3.8-max", ASKED_BACK)


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_model_without_research_is_refused_and_lists_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(simulated.META, "qwen3.8-max", {"chat_type": ["t2t", "search"]})

    reply = await house.complete("", credential=ME, **begin())
    listed = (await house.http.get("/v1/models?refresh=1")).json()["data"]

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert [model["id"] for model in listed if model["id"] in (MODEL, "qwen-deep-research")] == []


@pytest.mark.asyncio
async def test_functions_are_refused_here_too(house: House) -> None:
    tool = {"type": "function", "function": {"name": "clock"}}
    reply = await house.complete("", credential=ME, **begin(), tools=[tool])

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "tools")


@pytest.mark.asyncio
async def test_used_up_research_is_a_limit_with_its_time() -> None:
    async with open_house(Behaviour(quota={"deep_research_deep_research": 0}, quota_wait_h=3)) as house:
        assert (await house.complete("", credential=ME, **begin())).status_code == 200
        reply = await house.complete("", credential=ME, **go_on())

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "quota_exhausted")
    assert reply.headers["retry-after"] == "10800"


# -- silence --------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_silence_in_a_research_is_filled_with_comments() -> None:
    behaviour, shim = Behaviour(research_silence_s=0.6), {"heartbeat": 0.1}
    async with open_house(behaviour, shim=shim) as house:
        await house.complete("", credential=ME, **begin())
        reply = await house.http.post(COMPLETIONS, json={**go_on(), "stream": True}, headers=bearer(ME))

    lines = [line for line in reply.text.split("\n") if line.startswith((":", "data"))]
    comments = [at for at, line in enumerate(lines) if line == COMMENT]
    searched = next(at for at, line in enumerate(lines) if "Searched the web" in line)
    assert len(comments) >= 3
    assert comments[-1] < searched
    assert lines[-1] == "data: [DONE]"


@pytest.mark.asyncio
async def test_a_research_may_be_silent_for_longer_than_an_answer() -> None:
    clocks = Clocks(idle_s=0.3, thinking_idle_s=0.3, silence_s=0.3, research_idle_s=20)
    async with (
        running(behaviour=Behaviour(research_silence_s=0.9)) as simulator,
        open_doors(site(simulator.url, clocks)) as doors,
    ):
        await rest_whole(doors, begin())
        report = await grpc_stream(doors, go_on())
        answers = await all_ways(doors, question("[[sim:silent]]"))

    assert (report.content, report.reasoning, report.annotations) == (REPORT, SEARCHED, CITED)
    assert {outcome.failure.code for outcome in answers.values() if outcome.failure} == {
        grpc.StatusCode.UNAVAILABLE,
        "stream_interrupted",
    }


@pytest.mark.asyncio
async def test_a_research_that_is_silent_for_too_long_fails_as_interrupted() -> None:
    clocks = Clocks(idle_s=20, thinking_idle_s=20, silence_s=20, research_idle_s=0.2)
    async with (
        running(behaviour=Behaviour(research_silence_s=30)) as simulator,
        open_doors(site(simulator.url, clocks)) as doors,
    ):
        await rest_whole(doors, begin())
        reply = await doors.http.post(COMPLETIONS, json=go_on(), headers=bearer(ME))
        await until(lambda: simulator.stops)

    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "stream_interrupted")


def test_the_clock_of_a_research_is_ten_minutes() -> None:
    assert Clocks().waits(Work.RESEARCHING).idle_s == 600


# -- leaving --------------------------------------------------------------------------------------------------------


async def leave_by_grpc(house: House) -> None:
    call = house.chat.StreamChat(request_of(go_on()), metadata=metadata(ME))
    first = await call.read()
    assert isinstance(first, StreamChatResponse)
    assert [delta.phase for delta in first.deltas] == ["ResearchPlanning"]
    call.cancel()


async def leave_by_rest(house: House) -> None:
    assert house.gateway.rest is not None
    async with wire(house.gateway.rest.port) as line:
        line.send(post(COMPLETIONS, {**go_on(), "stream": True}, **bearer(ME)))
        await line.head()
        assert b'"role":"assistant"' in await line.chunk()


@pytest.mark.asyncio
@pytest.mark.parametrize("leave", [leave_by_grpc, leave_by_rest])
async def test_who_leaves_in_the_silence_of_a_research_ends_it_upstream(
    leave: Callable[[House], Awaitable[None]],
) -> None:
    async with open_house(Behaviour(research_silence_s=30)) as house:
        await house.complete("", credential=ME, **begin())
        await asyncio.wait_for(leave(house), 10)

        assert await house.simulator.hang_ups(1, within=2.0) == 1
        await until(lambda: house.simulator.stops and not house.simulator.chats)
        (stop,) = house.simulator.stops
        assert (stop.response_id, stop.stopped) == (house.simulator.streams[-1].response_id, True)
