"""Responses in the background: stopped, lost with their process, shared by several, and bounded."""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from both_doors import metadata, question, request_of
from gateway_process import gateway_process
from support import House, bearer, open_house, session, settings_for, shim_settings
from upstream_record import failed, until

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.ledger.responses import LEASE_S, LOST
from qwen_grpc.services import background
from qwen_grpc.simulator import Simulator, running
from qwen_grpc.v1 import responses_pb2 as pb
from qwen_grpc.v1.responses_pb2_grpc import ResponsesServiceStub

SILENT = {"model": "qwen-max", "input": "[[sim:silent]]", "background": True}
LOST_ERROR = {"code": "shutting_down", "message": LOST}


async def begun(http: httpx.AsyncClient, simulator: Simulator, **more: Any) -> str:
    """The id of a response that the upstream makes and does not end."""
    reply = await http.post("/v1/responses", json={**SILENT, **more}, headers=bearer())
    assert (reply.status_code, reply.json()["status"]) == (200, "queued")
    await until(lambda: simulator.streams and simulator.streams[-1].events_sent)
    return str(reply.json()["id"])


async def got(http: httpx.AsyncClient, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = (await http.get(f"/v1/responses/{id_}", headers=bearer())).json()
    return found


async def in_progress(http: httpx.AsyncClient, id_: str) -> None:
    found = await got(http, id_)
    while found["status"] != "in_progress":
        await asyncio.sleep(0.01)
        found = await got(http, id_)


@asynccontextmanager
async def door(simulator: Simulator, ledger: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The REST door of one of several gateways with the same ledger."""
    async with open_gateway(settings_for(simulator, qwen_ledger=str(ledger)), shim_settings()) as gateway:
        assert gateway.rest is not None
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest.port}", timeout=30) as http:
            yield http


# -- stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["cancel", "delete"])
async def test_the_upstream_is_stopped_within_a_second(way: str) -> None:
    async with open_house() as house:
        id_ = await begun(house.http, house.simulator)
        await in_progress(house.http, id_)
        if way == "cancel":
            await house.http.post(f"/v1/responses/{id_}/cancel", headers=bearer())
        else:
            await house.http.delete(f"/v1/responses/{id_}", headers=bearer())
        await until(lambda: house.simulator.stops, within=1.0)
        found = await got(house.http, id_)
    assert ("cancelled" if way == "cancel" else None) == found.get("status")


@pytest.mark.asyncio
async def test_another_process_may_stop_it(tmp_path: Path) -> None:
    async with running() as simulator, door(simulator, tmp_path / "l") as one, door(simulator, tmp_path / "l") as other:
        id_ = await begun(one, simulator)
        await in_progress(other, id_)
        reply = await other.post(f"/v1/responses/{id_}/cancel", headers=bearer())
        await until(lambda: simulator.stops, within=1.0 + background.LOOK_S)
        assert reply.json()["status"] == (await got(one, id_))["status"] == "cancelled"


@pytest.mark.asyncio
async def test_a_client_that_leaves_stops_nothing() -> None:
    async with open_house() as house:
        async with httpx.AsyncClient(base_url=house.rest) as leaving:
            id_ = await begun(leaving, house.simulator)
        await in_progress(house.http, id_)
        assert house.simulator.stops == []


# -- the end of a process ---------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_what_ran_when_the_gateway_ended_has_failed(tmp_path: Path) -> None:
    async with running() as simulator:
        async with door(simulator, tmp_path / "ledger") as http:
            id_ = await begun(http, simulator)
        await until(lambda: simulator.stops)
        async with door(simulator, tmp_path / "ledger") as http:
            found = await got(http, id_)
    assert (found["status"], found["error"], found["output"]) == ("failed", LOST_ERROR, [])


@pytest.mark.slow
@pytest.mark.asyncio
async def test_what_ran_when_the_gateway_was_killed_has_failed_once_it_is_silent_for_long(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite3"
    async with running() as simulator:
        async with gateway_process(simulator.url, tmp_path, QWEN_LEDGER=str(ledger)) as server:
            async with httpx.AsyncClient(base_url=server.rest) as http:
                id_ = await begun(http, simulator)
                await in_progress(http, id_)
            server.signal(signal.SIGKILL)
            await server.ended()
        with closing(sqlite3.connect(ledger)) as database, database:
            database.execute("UPDATE responses SET alive_until = alive_until - ?", (LEASE_S,))
        async with (
            gateway_process(simulator.url, tmp_path, QWEN_LEDGER=str(ledger)) as server,
            httpx.AsyncClient(base_url=server.rest) as http,
        ):
            found = await got(http, id_)
    assert (found["status"], found["error"], found["output"]) == ("failed", LOST_ERROR, [])


# -- by gRPC ----------------------------------------------------------------------------------------------------------


def stub(house: House) -> Any:
    return ResponsesServiceStub(house.channel)


@pytest.mark.asyncio
async def test_a_response_is_begun_watched_and_forgotten_by_grpc() -> None:
    async with open_house() as house:
        asked = request_of(question("Hello"))
        made = (await stub(house).BeginResponse(pb.BeginResponseRequest(request=asked), metadata=metadata())).response
        wanted = pb.GetResponseRequest(response_id=made.id)
        found = (await stub(house).GetResponse(wanted, metadata=metadata())).response
        while found.state in (pb.RESPONSE_STATE_QUEUED, pb.RESPONSE_STATE_RUNNING):
            await asyncio.sleep(0.01)
            found = (await stub(house).GetResponse(wanted, metadata=metadata())).response
        shown = await got(house.http, made.id)
        forget = pb.DeleteResponseRequest(response_id=made.id)
        await stub(house).DeleteResponse(forget, metadata=metadata())
        again = await failed(stub(house).DeleteResponse(forget, metadata=metadata()))
        forget.allow_missing = True
        await stub(house).DeleteResponse(forget, metadata=metadata())

    assert (found.state, found.request, found.background) == (pb.RESPONSE_STATE_SUCCEEDED, asked, True)
    assert found.answer.choices[0].message.content == "You said: Hello"
    assert (shown["status"], shown["output"][0]["content"][0]["text"]) == ("completed", "You said: Hello")
    assert again[1] == "NOT_FOUND"


@pytest.mark.asyncio
async def test_the_same_id_makes_one_answer() -> None:
    async with open_house() as house:
        wanted = pb.BeginResponseRequest(id="resp_0123456789abcdef", request=request_of(question("Hello")))
        await stub(house).BeginResponse(wanted, metadata=metadata())
        _, reason = await failed(stub(house).BeginResponse(wanted, metadata=metadata()))
        await until(lambda: house.simulator.streams)
    assert (reason, len(house.simulator.streams)) == ("IDEMPOTENCY_KEY_REUSED", 1)


SAVED = pb.SaveResponseRequest(id="resp_0123456789abcdef")
SAVED.answer.choices.add()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "resp_1"}, "id"),
        ({"answer": None}, "answer"),
        ({"keep_for": {"seconds": 31 * 86_400}}, "keep_for"),
        ({"keep_for": {"seconds": 0}}, "keep_for"),
    ],
)
async def test_what_cannot_be_kept_is_refused(house: House, change: dict[str, Any], field: str) -> None:
    wanted = pb.SaveResponseRequest()
    wanted.CopyFrom(SAVED)
    for name in change:
        wanted.ClearField(name)
    wanted.MergeFrom(pb.SaveResponseRequest(**{name: value for name, value in change.items() if value}))
    _, reason = await failed(stub(house).SaveResponse(wanted, metadata=metadata()))
    assert reason == "INVALID_PARAMETER", field


@pytest.mark.asyncio
async def test_a_request_is_checked_before_it_is_begun(house: House) -> None:
    asked = request_of({**question("Hello"), "temperature": 7})
    _, reason = await failed(stub(house).BeginResponse(pb.BeginResponseRequest(request=asked), metadata=metadata()))
    assert reason == "INVALID_PARAMETER"
    assert (await failed(stub(house).BeginResponse(pb.BeginResponseRequest(request=asked))))[1] == "TOKEN_MISSING"


@pytest.mark.asyncio
async def test_no_more_are_made_at_once_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MAX_AT_ONCE", 2)
    async with open_house() as house:
        for _ in range(2):
            await begun(house.http, house.simulator)
        reply = await house.http.post("/v1/responses", json=SILENT, headers=bearer())
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "server_is_overloaded")


@pytest.mark.asyncio
async def test_who_brings_no_credential_keeps_nothing(house: House) -> None:
    reply = await house.http.get("/v1/responses/resp_0123456789abcdef")
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await got(house.http, "resp_0123456789abcdef"))["error"]["code"] == "not_found"
    stranger = bearer(session("00000000-0000-4000-8000-000000000009"))
    assert (await house.http.get("/v1/responses/resp_0123456789abcdef", headers=stranger)).status_code == 404
