import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from both_doors import metadata, question, request_of
from support import House, bearer, open_house
from upstream_record import until

from qwen_grpc.simulator import Behaviour

TIMES = 10
DEADLINE_S = 0.7
# Slow enough that `long` goes on for ten seconds when nobody stops it.
BEHAVIOUR = Behaviour(pace_s=0.01, stall_s=60)

before_the_first_byte = pytest.mark.parametrize("scenario", ["headers_only", "stall"])
in_the_middle = pytest.mark.parametrize("scenario", ["silent", "long:1000"])


@dataclass(frozen=True)
class Caller:
    """Somebody who has asked: when the answer has begun, and how they leave."""

    begun: Awaitable[Any]
    leave: Callable[[], Awaitable[Any]]


Ask = Callable[[House, str], Awaitable[Caller]]


# -- REST -------------------------------------------------------------------------------------------------------------


def raw_request(content: str, **more: Any) -> bytes:
    body = json.dumps(question(content, **more)).encode()
    headers = {"host": "localhost", "content-length": str(len(body)), **bearer()}
    lines = ["POST /v1/chat/completions HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def by_socket(house: House, content: str, **more: Any) -> Caller:
    """A client that closes its socket."""
    assert house.gateway.rest is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.rest.port)
    writer.write(raw_request(content, **more))

    async def leave() -> None:
        writer.close()
        await writer.wait_closed()

    return Caller(reader.readuntil(b'"content":"'), leave)


async def streamed_by_socket(house: House, content: str) -> Caller:
    return await by_socket(house, content, stream=True)


async def by_httpx(house: House, content: str, *, stream: bool) -> Caller:
    """A client that leaves its `async with`, or drops the request as long as that has not begun."""
    begun, left = asyncio.Event(), asyncio.Event()

    async def visit() -> None:
        body = question(content, stream=stream)
        async with house.http.stream("POST", "/v1/chat/completions", json=body, headers=bearer()) as reply:
            await anext(reply.aiter_bytes())
            begun.set()
            await left.wait()

    visiting = asyncio.create_task(visit())

    async def leave() -> None:
        left.set()
        if not begun.is_set():
            visiting.cancel()
        await asyncio.gather(visiting, return_exceptions=True)

    return Caller(begun.wait(), leave)


async def streamed_by_httpx(house: House, content: str) -> Caller:
    return await by_httpx(house, content, stream=True)


async def whole_by_httpx(house: House, content: str) -> Caller:
    return await by_httpx(house, content, stream=False)


# -- gRPC -------------------------------------------------------------------------------------------------------------


async def streamed_call(house: House, content: str) -> Caller:
    call = house.chat.StreamChat(request_of(question(content)), metadata=metadata())
    return Caller(call.read(), lambda: cancelled(call))


async def whole_call(house: House, content: str) -> Caller:
    call = house.chat.CompleteChat(request_of(question(content)), metadata=metadata())
    return Caller(call.initial_metadata(), lambda: cancelled(call))


async def streamed_call_with_deadline(house: House, content: str) -> Caller:
    call = house.chat.StreamChat(request_of(question(content)), metadata=metadata(), timeout=DEADLINE_S)
    return Caller(call.read(), lambda: expired(call))


async def whole_call_with_deadline(house: House, content: str) -> Caller:
    call = house.chat.CompleteChat(request_of(question(content)), metadata=metadata(), timeout=DEADLINE_S)
    return Caller(call.initial_metadata(), lambda: expired(call))


async def cancelled(call: Any) -> None:
    assert call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED


async def expired(call: Any) -> None:
    assert await asyncio.wait_for(call.code(), DEADLINE_S + 1) == grpc.StatusCode.DEADLINE_EXCEEDED


STREAMED = (streamed_by_socket, streamed_by_httpx, streamed_call, streamed_call_with_deadline)
WHOLE = (by_socket, whole_by_httpx, whole_call, whole_call_with_deadline)
each_stream = pytest.mark.parametrize("ask", STREAMED, ids=lambda ask: ask.__name__)
each_whole = pytest.mark.parametrize("ask", WHOLE, ids=lambda ask: ask.__name__)


# -- what has to be true afterwards -----------------------------------------------------------------------------------


async def begun_upstream(house: House, events: int) -> None:
    """All callers' completions have reached the simulator, and each has sent so many events."""
    streams = house.simulator.streams
    await until(lambda: len(streams) == TIMES and all(record.events_sent >= events for record in streams))


def tasks() -> Counter[str]:
    """What runs. The tasks of connections are left out: a pool may keep those to the simulator open."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return Counter(name for name in names if not name.endswith("connection_task"))


def at_the_door(house: House) -> int:
    """Open connections of the REST door."""
    assert house.gateway.rest is not None
    return len(house.gateway.rest.server.connections)


async def nothing_is_left(house: House, before: tuple[Counter[str], int]) -> None:
    """Upstream each answer was stopped and its chat removed; here no task and no connection remains."""
    simulator = house.simulator
    await until(lambda: not simulator.chats)
    assert sorted(stop.chat_id for stop in simulator.stops) == sorted(record.chat_id for record in simulator.streams)
    await until(lambda: tasks() - before[0] == Counter() and at_the_door(house) <= before[1])


async def all_leave(house: House, ask: Ask, content: str, *, events: int, begun: bool) -> None:
    """Ten callers ask, all leave once the upstream is at work, and nothing of it goes on."""
    assert (await house.complete("Hello")).status_code == 200
    house.simulator.reset()
    before = tasks(), at_the_door(house)
    callers = [await ask(house, content) for _ in range(TIMES)]
    waiting = [asyncio.ensure_future(caller.begun) for caller in callers]
    await begun_upstream(house, events)
    if begun:
        await asyncio.wait_for(asyncio.gather(*waiting), 5)

    await asyncio.gather(*(caller.leave() for caller in callers))
    gone = await house.simulator.hang_ups(TIMES, within=1.0)
    for wait in waiting:
        wait.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert gone == TIMES
    await nothing_is_left(house, before)
    reply = await house.complete("Again")
    assert reply.json()["choices"][0]["message"]["content"] == "You said: Again"


@pytest.mark.asyncio
@each_stream
@before_the_first_byte
async def test_who_leaves_before_the_first_byte_stops_the_upstream(ask: Ask, scenario: str) -> None:
    async with open_house(BEHAVIOUR) as house:
        await all_leave(house, ask, f"[[sim:{scenario}]]", events=0, begun=False)


@pytest.mark.asyncio
@each_stream
@in_the_middle
async def test_who_leaves_in_the_middle_of_a_stream_stops_the_upstream(ask: Ask, scenario: str) -> None:
    async with open_house(BEHAVIOUR) as house:
        await all_leave(house, ask, f"[[sim:{scenario}]]", events=2, begun=True)

        stopped = sorted((stop.chat_id, stop.response_id, stop.stopped) for stop in house.simulator.stops)
        begun = house.simulator.streams[:TIMES]
        assert stopped == sorted((record.chat_id, record.response_id, True) for record in begun)


@pytest.mark.asyncio
@each_whole
@in_the_middle
async def test_who_leaves_while_a_whole_answer_is_made_stops_the_upstream(ask: Ask, scenario: str) -> None:
    async with open_house(BEHAVIOUR) as house:
        await all_leave(house, ask, f"[[sim:{scenario}]]", events=2, begun=False)


@pytest.mark.asyncio
@each_whole
@before_the_first_byte
async def test_who_leaves_before_a_whole_answer_has_begun_stops_the_upstream(ask: Ask, scenario: str) -> None:
    async with open_house(BEHAVIOUR) as house:
        await all_leave(house, ask, f"[[sim:{scenario}]]", events=0, begun=False)


@pytest.mark.asyncio
async def test_who_leaves_a_stream_that_has_only_had_comments_stops_the_upstream() -> None:
    async def heard_a_comment(house: House, content: str) -> Caller:
        caller = await by_httpx(house, content, stream=True)
        return Caller(caller.begun, caller.leave)

    async with open_house(BEHAVIOUR, shim={"early_headers": 0.05, "heartbeat": 0.05}) as house:
        await all_leave(house, heard_a_comment, "[[sim:headers_only]]", events=0, begun=True)


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [True, False])
async def test_a_deadline_that_a_rest_client_names_ends_its_call_with_504(stream: bool) -> None:
    headers = {**bearer(), "x-request-timeout-ms": "300"}
    async with open_house(BEHAVIOUR) as house:
        body = question("[[sim:headers_only]]", stream=stream)
        reply = await house.http.post("/v1/chat/completions", json=body, headers=headers)

        error = reply.json()["error"]
        assert (reply.status_code, error["type"], error["code"]) == (504, "server_error", "timeout")
        assert await house.simulator.hang_ups(1, within=1.0) == 1
        await until(lambda: house.simulator.stops and not house.simulator.chats)
