"""Silence in a stream of `/v1/messages` is broken by events that its clients know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from http_wire import Wire, post, wire
from support import House, bearer, open_house

from qwen_grpc.simulator import Behaviour

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
SILENCE = {"early_headers": 0.2, "heartbeat": 0.1}


def question(content: str) -> dict[str, Any]:
    message = {"role": "user", "content": content}
    return {"model": "qwen-max", "max_tokens": 100, "messages": [message], "stream": True}


@asynccontextmanager
async def streaming(house: House, content: str) -> AsyncIterator[Wire]:
    assert house.gateway.rest is not None
    async with wire(house.gateway.rest.port) as line:
        line.send(post("/v1/messages", question(content), **bearer()))
        yield line


@pytest.mark.asyncio
async def test_an_upstream_that_has_not_begun_is_waited_for_with_pings() -> None:
    async with open_house(shim=SILENCE) as house, streaming(house, "[[sim:headers_only]]") as line:
        status, headers = await line.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert [await line.chunk() for _ in range(3)] == [PING] * 3


@pytest.mark.asyncio
async def test_a_pause_in_an_answer_is_filled_with_pings() -> None:
    async with open_house(shim=SILENCE) as house, streaming(house, "[[sim:silent]]") as line:
        await line.head()
        begun = await line.chunk()
        assert begun.startswith(b"event: message_start\n")
        assert b"Part 1." in begun
        assert [await line.chunk() for _ in range(3)] == [PING] * 3


@pytest.mark.asyncio
async def test_a_failure_after_early_headers_is_one_event() -> None:
    async with open_house(Behaviour(stall_s=0.6), shim=SILENCE) as house:
        reply = await house.http.post("/v1/messages", json=question("[[sim:stall]]"), headers=bearer())

    *pings, error, end = reply.text.split("\n\n")
    assert reply.status_code == 200
    assert {f"{ping}\n\n".encode() for ping in pings} == {PING}
    assert (error.split("\n")[0], end) == ("event: error", "")
    assert reply.headers["request-id"] in error
