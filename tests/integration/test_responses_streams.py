"""`/v1/responses` on the wire: when headers come, how streams break, who is told what."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from both_doors import open_doors, site
from http_wire import post, wire
from qwen_wire import CREATED, GOODBYE, MODELS, NEW_CHAT, said
from raw_server import LAST_CHUNK, STREAM_HEAD, chunk, raw_server
from support import House, bearer, open_house
from upstream_record import until

from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1.responses_pb2 import GetResponseRequest
from qwen_grpc.v1.responses_pb2_grpc import ResponsesServiceStub

RESPONSES = "/v1/responses"
SILENCE = {"early_headers": 0.2, "heartbeat": 0.1}


def asking(content: str, **more: Any) -> dict[str, Any]:
    return {"model": "qwen-max", "input": content, "stream": True, **more}


async def streamed(http: httpx.AsyncClient, content: str, **more: Any) -> tuple[httpx.Response, list[str]]:
    """The reply and its records, comments included."""
    reply = await http.post(RESPONSES, json=asking(content, **more), headers=bearer())
    assert reply.text.endswith("\n\n")
    return reply, reply.text.removesuffix("\n\n").split("\n\n")


async def whole(http: httpx.AsyncClient, content: str, **more: Any) -> httpx.Response:
    return await http.post(RESPONSES, json={**asking(content), "stream": False, **more}, headers=bearer())


def event(record: str) -> dict[str, Any]:
    name, data = record.split("\n")
    found: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert name == f"event: {found['type']}"
    return found


@pytest.mark.asyncio
async def test_a_stream_says_who_answers_and_that_it_is_over(house: House) -> None:
    reply, records = await streamed(house.http, "Hello")
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["x-qwen-model"] == "qwen3.8-max"
    assert (event(records[0])["type"], event(records[-2])["type"]) == ("response.created", "response.completed")
    assert records[-1] == "data: [DONE]"


@pytest.mark.asyncio
async def test_a_whole_response_says_who_answers(house: House) -> None:
    reply = await whole(house.http, "Hello")
    assert (reply.headers["x-qwen-model"], reply.json()["model"]) == ("qwen3.8-max", "qwen3.8-max")


@pytest.mark.asyncio
async def test_a_refusal_before_the_answer_is_a_true_status_with_its_hints(house: House) -> None:
    reply = await house.http.post(RESPONSES, json=asking("[[sim:rate_limited]]"), headers=bearer())
    assert reply.status_code == 429
    assert reply.json()["error"]["code"] == "quota_exhausted"
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" in reply.headers


@pytest.mark.asyncio
async def test_a_broken_answer_ends_with_a_failure_and_nothing_after_it(house: House) -> None:
    reply, records = await streamed(house.http, "Hello [[sim:midstream_error]]")
    last = event(records[-1])
    assert reply.status_code == 200
    assert (last["type"], last["sequence_number"]) == ("response.failed", len(records) - 1)
    assert (last["response"]["status"], last["response"]["error"]["code"]) == ("failed", "upstream_error")
    assert last["response"]["output"][0]["content"][0]["text"] == "Part 1. Part 2. "
    assert "[DONE]" not in reply.text


@pytest.mark.asyncio
async def test_an_answer_without_a_finish_reason_is_no_answer() -> None:
    reply_of_qwen = [STREAM_HEAD, chunk(CREATED), chunk(said("Hel")), LAST_CHUNK]
    async with (
        raw_server([MODELS], [NEW_CHAT], reply_of_qwen, [GOODBYE]) as server,
        open_doors(site(server.url)) as doors,
    ):
        _, records = await streamed(doors.http, "Hello", store=False)
    last = event(records[-1])
    assert (last["type"], last["response"]["error"]["code"]) == ("response.failed", "stream_interrupted")


@pytest.mark.asyncio
async def test_a_failure_after_early_headers_is_one_event() -> None:
    async with open_house(Behaviour(stall_s=0.6), shim=SILENCE) as house:
        reply, [*comments, last] = await streamed(house.http, "[[sim:stall]]")
    found = event(last)
    assert (reply.status_code, set(comments)) == (200, {": keep-alive"})
    assert (found["type"], found["sequence_number"], found["code"]) == ("error", 0, "upstream_error")
    assert found["error"] == {**found["error"], "message": found["message"], "code": found["code"], "param": None}


@pytest.mark.asyncio
async def test_a_silent_answer_is_kept_alive_by_comments() -> None:
    async with open_house(Behaviour(pace_s=0.15), shim={"early_headers": 0.05, "heartbeat": 0.04}) as house:
        _, records = await streamed(house.http, "Hello")
    comments = [record for record in records if record == ": keep-alive"]
    assert len(comments) >= 2
    assert event(records[-2])["response"]["output"][0]["content"][0]["text"] == "You said: Hello"


@pytest.mark.asyncio
async def test_a_client_that_leaves_stops_the_upstream_and_nothing_is_kept() -> None:
    async with open_house(Behaviour(pace_s=0.01)) as house:
        assert house.gateway.rest is not None
        async with wire(house.gateway.rest.port) as line:
            line.send(post(RESPONSES, asking("[[sim:long:1000]]", store=True), **bearer()))
            await line.head()
            first = event((await line.chunk()).decode().split("\n\n")[0])
        await until(lambda: house.simulator.stops, within=1.0)
        await asyncio.sleep(0)
        kept = await house.http.get(f"{RESPONSES}/{first['response']['id']}", headers=bearer())
    assert kept.status_code == 404


@pytest.mark.asyncio
async def test_an_answer_that_cannot_be_kept_says_so() -> None:
    async with open_house(qwen_ledger="/dev/null/ledger") as broken:
        reply = await broken.http.post(
            RESPONSES, json={**asking("Hello", store=True), "stream": False}, headers=bearer()
        )
        _, records = await streamed(broken.http, "Hello", store=True)
        begun = await broken.http.post(
            RESPONSES, json={**asking("x", background=True), "stream": None}, headers=bearer()
        )
    assert (reply.json()["status"], reply.json()["store"]) == ("completed", False)
    assert event(records[-2])["response"]["store"] is False
    assert (begun.status_code, begun.json()["error"]["code"]) == (503, "state_unavailable")


@pytest.mark.asyncio
@pytest.mark.parametrize(("asked", "kept"), [({}, False), ({"store": True}, True), ({"store": False}, False)])
async def test_an_operator_may_have_nothing_kept_that_nobody_asked_for(asked: dict[str, Any], kept: bool) -> None:
    async with open_house(shim={"keep_responses": 0}) as house:
        made = (await whole(house.http, "Hello", **asked)).json()
        found = await house.http.get(f"{RESPONSES}/{made['id']}", headers=bearer())
    assert (made["store"], found.is_success) == (kept, kept)


@pytest.mark.asyncio
async def test_what_nobody_asked_for_is_kept_for_an_hour_and_the_rest_for_thirty_days(house: House) -> None:
    stub, days = ResponsesServiceStub(house.channel), []
    for asked in ({}, {"store": True}):
        made = (await whole(house.http, "Hello", **asked)).json()
        found = await stub.GetResponse(GetResponseRequest(response_id=made["id"]), metadata=tuple(bearer().items()))
        days.append((found.response.expire_time.seconds - found.response.create_time.seconds) / 86_400)
    assert days == [pytest.approx(1 / 24, abs=1e-4), pytest.approx(30, abs=1e-4)]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=msg_1", "after")],
)
async def test_a_page_that_cannot_be_is_refused(house: House, query: str, param: str) -> None:
    made = await whole(house.http, "Hello")
    reply = await house.http.get(f"{RESPONSES}/{made.json()['id']}/input_items?{query}", headers=bearer())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


@pytest.mark.asyncio
async def test_a_kept_response_is_not_streamed(house: House) -> None:
    made = await whole(house.http, "Hello")
    reply = await house.http.get(f"{RESPONSES}/{made.json()['id']}?stream=true", headers=bearer())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "stream")


@pytest.mark.asyncio
async def test_a_wrong_file_is_named_by_its_place_in_the_input(house: House) -> None:
    part = {"type": "input_image", "image_url": "data:image/png;base64,aGVsbG8gd29ybGQ=", "detail": "low"}
    second = {
        "role": "user",
        "content": [{"type": "input_text", "text": "b"}, {**part, "image_url": "http://127.0.0.1/"}],
    }
    body = {"model": "qwen-max", "instructions": "i", "input": [{"role": "user", "content": "a"}, second]}
    reply = await house.http.post(RESPONSES, json=body, headers=bearer())
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "input[1].content[1].image_url")
    assert "messages[" not in error["message"]
