import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import uvloop
from simulator_caller import Caller, calling, numbered, until

from qwen_grpc.simulator import Behaviour, make_token, running
from qwen_grpc.simulator.models import CURRENT, OLDER


async def hanging_streams_at_the_end() -> tuple[float, list[str]]:
    names = ("silent", "slow", "stall", "silent")
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {make_token('user-1')}", "version": "1"}) as http:
        async with running(behaviour=Behaviour(slow_s=60)) as simulator:
            http.base_url = httpx.URL(simulator.url)
            asking = [asyncio.create_task(Caller(simulator, http).ask(f"[[sim:{name}]]")) for name in names]
            await until(lambda: len(simulator.streams) == len(names))
            began = time.monotonic()
        took = time.monotonic() - began
        await asyncio.gather(*asking, return_exceptions=True)
    return took, [record.outcome for record in simulator.streams]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_stopping_breaks_hanging_streams_within_a_second(run: Callable[[Any], tuple[float, list[str]]]) -> None:
    took, outcomes = run(hanging_streams_at_the_end())

    assert took < 1.0
    assert outcomes == ["reset"] * 4


@pytest.mark.asyncio
async def test_two_simulators_in_one_process_know_nothing_of_each_other() -> None:
    async with calling() as first, calling() as second:
        await first.ask("hi")

        assert first.simulator.url != second.simulator.url
        assert (len(first.simulator.chats), len(second.simulator.chats)) == (1, 0)


@pytest.mark.asyncio
async def test_the_record_keeps_requests_as_they_came() -> None:
    async with calling(new_id=numbered()) as caller:
        await caller.ask("hi")

        [created, asked] = caller.simulator.requests
        assert (created.method, created.path, created.json) == (
            "POST",
            "/api/v2/chats/new",
            {"models": ["qwen3.7-plus"], "chat_type": "t2t"},
        )
        assert (asked.query, asked.headers["version"], asked.json["messages"]) == (
            "chat_id=id-1",
            "0.3.12",
            [{"content": "hi"}],
        )
        assert asked.at >= created.at
        caller.simulator.reset()
        assert (caller.simulator.requests, caller.simulator.streams, caller.simulator.chats) == ([], [], {})


@pytest.mark.asyncio
async def test_the_record_can_be_read_over_http_with_credentials_masked() -> None:
    async with calling(new_id=numbered()) as caller:
        await caller.ask("hi")
        text = (await caller.http.get("/_sim/record")).text
        reset = (await caller.http.post("/_sim/reset")).json()
        after = (await caller.http.get("/_sim/record")).json()

    record = json.loads(text)
    [stream] = record["streams"]
    assert caller.http.headers["authorization"] not in text
    assert [request["headers"]["authorization"] for request in record["requests"]] == ["***", "***"]
    assert (stream["chat_id"], stream["response_id"], stream["scenario"], stream["outcome"], stream["events_sent"]) == (
        "id-1",
        "id-3",
        "plain",
        "finished",
        5,
    )
    assert reset == {"reset": True}
    assert after == {"requests": [], "streams": [], "stops": [], "refreshes": 0, "chats": [], "tasks": [], "files": []}


@pytest.mark.asyncio
async def test_hang_ups_can_be_awaited_over_http() -> None:
    async with calling() as caller:
        early = (await caller.http.get("/_sim/hang_ups?count=1&within=0.05")).json()
        async with caller.reading(await caller.new_chat(), "[[sim:silent]]"):
            waiting = asyncio.create_task(caller.http.get("/_sim/hang_ups?count=1&within=5"))
        late = (await waiting).json()
        wrong = await caller.http.get("/_sim/hang_ups?count=many")

    assert (early, late) == ({"hang_ups": 0}, {"hang_ups": 1})
    assert wrong.status_code == 400
    assert wrong.json()["error"].startswith("count is an integer and within a number of seconds")


@pytest.mark.asyncio
async def test_the_behaviour_can_be_changed_over_http_but_not_to_nonsense() -> None:
    async with calling() as caller:
        changed = await caller.http.post("/_sim/behaviour", json={"scenario": "think", "quota": {"search": 2}})
        unknown = await caller.http.post("/_sim/behaviour", json={"mood": "bad"})
        wrong = await caller.http.post("/_sim/behaviour", json={"pace_s": 1, "challenge": "riddle"})
        reply = await caller.ask("hi")

    assert (changed.json()["scenario"], caller.simulator.behaviour.quota) == ("think", {"search": 2})
    assert unknown.json()["error"].startswith("unknown behaviour 'mood': expected one of challenge, ")
    assert wrong.json()["error"] == "Invalid enum value 'riddle' - at `$.challenge`"
    assert caller.simulator.behaviour.pace_s == 0.0
    assert b'"phase": "think"' in reply.content


@pytest.mark.asyncio
async def test_the_pace_is_the_time_between_events() -> None:
    async with calling(Behaviour(pace_s=0.05)) as caller:
        began = time.monotonic()
        await caller.ask("hi")

    assert time.monotonic() - began >= 5 * 0.05


@pytest.mark.asyncio
async def test_models_come_in_two_envelopes_to_anybody() -> None:
    async with calling() as caller:
        del caller.http.headers["authorization"]
        bare = (await caller.http.get("/api/models")).json()
        wrapped = (await caller.http.get("/api/v2/models/")).json()
        caller.simulator.behaviour.models = ("qwen-mini",)
        own = (await caller.http.get("/api/models")).json()

    assert [model["id"] for model in bare["data"]] == [*CURRENT, *OLDER]
    assert (wrapped["success"], [model["id"] for model in wrapped["data"]["data"]]) == (True, [*CURRENT])
    assert [model["id"] for model in own["data"]] == ["qwen-mini"]
    assert [model["name"] for model in bare["data"][:2]] == ["Qwen3.7-Plus", "Qwen3.8-Max"]
    limits = {model["id"]: model["info"]["meta"]["max_generation_length"] for model in bare["data"][:2]}
    assert limits == {"qwen3.7-plus": 65_536, "qwen3.8-max": 131_072}


@pytest.mark.asyncio
async def test_the_front_page_names_the_version_and_a_strange_path_is_not_found() -> None:
    async with calling() as caller:
        page = await caller.http.get("/")
        strange = await caller.http.get("/api/v3/nothing", headers={"x-request-id": "req-1"})

    assert "/qwenweb/qwen-chat-fe/0.3.12/main.js" in page.text
    assert (strange.status_code, strange.json(), strange.headers["x-request-id"]) == (
        404,
        {"detail": "Not Found"},
        "req-1",
    )
    assert [request.path for request in caller.simulator.requests] == ["/", "/api/v3/nothing"]


@pytest.mark.asyncio
async def test_a_chosen_port_is_taken() -> None:
    async with running() as first:
        port = int(first.url.rpartition(":")[2])
    async with running(port=port) as second:
        assert second.url == f"http://127.0.0.1:{port}"
