"""Whoever leaves stops DashScope: before it answers, before its first words, and in the middle."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from both_doors import COMPLETIONS, request_of
from dashscope_house import KEY, DashScopeHouse, asking, open_dashscope
from support import bearer
from upstream_record import until

TIMES = 5
# Before the headers, before the first words, and in the middle of them.
PHASES = {"stall": 0, "headers_only": 0, "silent": 2}

Leave = Callable[[], Awaitable[Any]]
Ask = Callable[[DashScopeHouse, dict[str, Any]], Awaitable[Leave]]


async def by_grpc(house: DashScopeHouse, asked: dict[str, Any]) -> Leave:
    call = house.doors.chat.StreamChat(request_of(asked), metadata=tuple(bearer(KEY).items()))

    async def leave() -> None:
        call.cancel()
        assert await call.code() == grpc.StatusCode.CANCELLED

    return leave


async def by_rest(house: DashScopeHouse, asked: dict[str, Any]) -> Leave:
    body = json.dumps(asked).encode()
    headers = {"host": "localhost", "content-length": str(len(body)), **bearer(KEY)}
    head = "\r\n".join([f"POST {COMPLETIONS} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())])
    base = house.doors.http.base_url
    _, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(head.encode() + b"\r\n\r\n" + body)

    async def leave() -> None:
        writer.close()
        await writer.wait_closed()

    return leave


async def streamed_by_rest(house: DashScopeHouse, asked: dict[str, Any]) -> Leave:
    return await by_rest(house, asked | {"stream": True})


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ["qwen-plus", "qwen-plus-search"])
@pytest.mark.parametrize("ask", [by_grpc, by_rest, streamed_by_rest], ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("scenario", PHASES)
async def test_who_leaves_stops_the_answer(scenario: str, ask: Ask, model: str) -> None:
    async with open_dashscope() as house:
        streams, begun = house.simulator.streams, PHASES[scenario]
        callers = [await ask(house, asking(f"[[sim:{scenario}]]", model=model)) for _ in range(TIMES)]
        await until(lambda: len(streams) == TIMES and all(one.events_sent >= begun for one in streams))

        await asyncio.gather(*(leave() for leave in callers))

        assert await house.simulator.hang_ups(TIMES, within=1.0) == TIMES
        assert (await house.message("Again"))["content"] == "You said: Again"
