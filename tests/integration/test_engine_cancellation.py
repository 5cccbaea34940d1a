"""Whoever leaves stops the engine: before it answers, before its first words, and in the middle."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from both_doors import COMPLETIONS, request_of
from engine_house import DIALECTS, HEADERS, EngineHouse, open_engine
from upstream_record import until

TIMES = 5
# Before the headers, before the first words, and in the middle of them.
PHASES = {"stall": 0, "headers_only": 0, "silent": 2}


@dataclass(frozen=True)
class Caller:
    leave: Callable[[], Awaitable[Any]]


Ask = Callable[[EngineHouse, str], Awaitable[Caller]]


async def by_grpc(engine: EngineHouse, content: str) -> Caller:
    request = request_of(engine.question(content))
    call = engine.doors.chat.StreamChat(request, metadata=tuple(HEADERS.items()))

    async def leave() -> None:
        call.cancel()
        assert await call.code() == grpc.StatusCode.CANCELLED

    return Caller(leave)


async def by_rest(engine: EngineHouse, content: str, *, stream: bool = True) -> Caller:
    body = json.dumps(engine.question(content, stream=stream)).encode()
    headers = {"host": "localhost", "content-length": str(len(body)), **HEADERS}
    head = "\r\n".join([f"POST {COMPLETIONS} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())])
    base = engine.doors.http.base_url
    _, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(head.encode() + b"\r\n\r\n" + body)

    async def leave() -> None:
        writer.close()
        await writer.wait_closed()

    return Caller(leave)


async def whole_by_rest(engine: EngineHouse, content: str) -> Caller:
    return await by_rest(engine, content, stream=False)


@pytest.mark.asyncio
@pytest.mark.parametrize("ask", [by_grpc, by_rest, whole_by_rest], ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("scenario", PHASES)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_who_leaves_stops_the_engine(dialect: str, scenario: str, ask: Ask) -> None:
    async with open_engine(dialect) as engine:
        await engine.message("Hello")
        streams = engine.simulator.streams
        streams.clear()
        callers = [await ask(engine, f"[[sim:{scenario}]]") for _ in range(TIMES)]
        begun = PHASES[scenario]
        await until(lambda: len(streams) == TIMES and all(one.events_sent >= begun for one in streams))

        await asyncio.gather(*(caller.leave() for caller in callers))

        assert await engine.simulator.hang_ups(TIMES, within=1.0) == TIMES
        assert (await engine.message("Again"))["content"] == "You said: Again"
