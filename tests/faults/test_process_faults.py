"""F-45 to F-48: a full disk, clocks that jump, no files left, and a loop that stands still."""

import asyncio
import json
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import uvloop
from both_doors import COMPLETIONS, WAYS, Doors, Outcome, metadata, question, request_of
from broken_upstream import BrokenUpstream, broken_upstream
from cases import SHORT
from faces import DONE, ENGINE, STOP, says
from gateway_process import Running, gateway_process
from http_wire import wire
from operated import KEY_SECRET, hash_of, sessions
from outcomes import CONNECT, Answered
from raw_server import LAST_CHUNK, chunk
from support import bearer, session
from trial import GOOD, trial_of
from upstream_record import failed, until
from video_calls import Videos

from qwen_grpc.simulator import Simulator, running

pytestmark = pytest.mark.slow
ALL_WELL = Answered("You said: Hello")
JUMPING = """
import pathlib, time
usual, file = time.time, pathlib.Path(__file__).parent / "jump"
time.time = lambda: usual() + float(file.read_text())
time.time_ns = lambda: int(time.time() * 1e9)
"""
POOL = """
[upstreams.web]
kind = "chat_qwen_ai"
credentials = [{ env = "WEB_1" }]

[keys.team]
hash = "HASH"
"""


async def all_ways_are_well(gateway: Running) -> None:
    """One question by each way."""
    async with (
        grpc.aio.insecure_channel(gateway.target) as channel,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http,
    ):
        doors = Doors(channel, http, gateway.ports["grpc"])
        for way, ask in WAYS.items():
            ALL_WELL.check(way, await ask(doors, question("Hello"), session()))


def limited(gateway: Running, what: int, most: int) -> tuple[int, int]:
    """Sets a limit of the running process; returns the one before."""
    before = resource.prlimit(gateway.process.pid, what)
    resource.prlimit(gateway.process.pid, what, (most, before[1]))
    return before


def orders(simulator: Simulator) -> list[Any]:
    """What may have been an order of a clip."""
    return [one for one in simulator.requests if one.path.endswith("/completions")]


# -- the disk -------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_full_disk_refuses_jobs_and_nothing_else_until_there_is_room(tmp_path: Path) -> None:
    ledger = str(tmp_path / "ledger.sqlite3")
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, QWEN_LEDGER=ledger, TMPDIR=str(tmp_path)) as gateway,
        grpc.aio.insecure_channel(gateway.target) as channel,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20, headers=bearer()) as http,
    ):
        videos, form = Videos(channel), {"prompt": "the sea"}
        assert (await http.post("/v1/videos", json=form)).status_code == 200
        before, ordered = limited(gateway, resource.RLIMIT_FSIZE, 0), len(orders(simulator))

        refused = await http.post("/v1/videos", json=form)
        told = (refused.status_code, refused.json()["error"]["code"], refused.headers["x-should-retry"])
        assert told == (503, "state_unavailable", "true")
        assert await failed(videos.create("the sea")) == (grpc.StatusCode.UNAVAILABLE, "STATE_STORE_UNAVAILABLE")
        assert len(orders(simulator)) == ordered
        await all_ways_are_well(gateway)

        limited(gateway, resource.RLIMIT_FSIZE, before[0])
        assert (await http.post("/v1/videos", json=form)).status_code == 200


# -- the clock ------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_clock_that_jumps_hangs_nothing_and_moves_no_wait(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(JUMPING, encoding="utf-8")
    set_clock = (tmp_path / "jump").write_text
    set_clock("0")
    config = POOL.replace("HASH", hash_of(KEY_SECRET.encode(), "qk-team"))
    (tmp_path / "qwen-grpc.toml").write_text(config, encoding="utf-8")
    env = {"QWEN_KEY_SECRET": KEY_SECRET, "WEB_1": sessions(1)[0]}
    env["PYTHONPATH"] = f"{tmp_path}:{Path(__file__).parents[2]}"
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, "--config", "qwen-grpc.toml", **env) as gateway,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http,
    ):
        waits = []
        begun = time.monotonic()
        for seconds, content in (0, "[[sim:http_429]]"), (600, "Hello"), (-600, "Hello"), (0, "Hello"):
            set_clock(str(seconds))
            reply = await http.post(COMPLETIONS, json=question(content), headers={"authorization": "Bearer qk-team"})
            waits.append((reply.status_code, int(reply.headers["retry-after"])))
        took = time.monotonic() - begun
        assert [status for status, _ in waits] == [429] * 4
        # The upstream asked for 7 seconds.
        assert all(7 - took - 1 <= wait <= 7 + 1 for _, wait in waits), (waits, took)
        await answered_after_a_jump(gateway, http, set_clock)


async def answered_after_a_jump(gateway: Running, http: httpx.AsyncClient, set_clock: Callable[[str], Any]) -> None:
    """Ten minutes later, and back again.

    The clock jumps for Python alone: gRPC's core tells deadlines by the real one, so there is none in this call.
    """
    set_clock("600")
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        doors = Doors(channel, http, gateway.ports["grpc"])
        for way in ("REST whole", "REST stream"):
            ALL_WELL.check(way, await WAYS[way](doors, question("Hello"), session()))
        answer = await doors.chat.CompleteChat(request_of(question("Hello")), metadata=metadata())
        assert answer.choices[0].message.content == ALL_WELL.text
    set_clock("0")
    await all_ways_are_well(gateway)


# -- files ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def engine_process(upstream: BrokenUpstream, folder: Path) -> AsyncIterator[Running]:
    """A gateway before an engine, behind which nothing goes on."""
    table = {"kind": "openai_engine", "base_url": f"{upstream.url}/v1", "caller_keys": ["*"], "dialect": "generic"}
    lines = ["[upstreams.gpu]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    (folder / "qwen-grpc.toml").write_text("\n".join(lines), encoding="utf-8")  # noqa: ASYNC240
    async with gateway_process(upstream.url, folder, "--config", "qwen-grpc.toml") as gateway:
        yield gateway


def files(gateway: Running) -> set[int]:
    """The numbers of its open files. The limit is about numbers: the next one is always the lowest that is free."""
    return set(map(int, os.listdir(f"/proc/{gateway.process.pid}/fd")))


@pytest.mark.asyncio
async def test_a_process_without_files_left_says_so_and_recovers_by_itself(tmp_path: Path) -> None:
    async with (
        broken_upstream(ENGINE) as upstream,
        engine_process(upstream, tmp_path) as gateway,
        grpc.aio.insecure_channel(gateway.target) as channel,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http,
        AsyncExitStack() as idle,
    ):
        doors = Doors(channel, http, gateway.ports["grpc"])
        for ask in WAYS.values():
            assert await ask(doors, ENGINE.asked(), ENGINE.credentials) == Outcome("Hi", None)
        await upstream.forget_connections()
        before = files(gateway)
        numbers = set(range(max(before) + 4))
        limited(gateway, resource.RLIMIT_NOFILE, len(numbers))
        for _ in numbers:
            await idle.enter_async_context(wire(gateway.ports["rest"]))
        await until(lambda: files(gateway) >= numbers)

        for way, ask in WAYS.items():
            CONNECT.check(way, await ask(doors, ENGINE.asked(), ENGINE.credentials))
        await idle.aclose()
        await until(lambda: len(files(gateway)) <= len(before) + 1)
        for ask in WAYS.values():
            assert await ask(doors, ENGINE.asked(), ENGINE.credentials) == Outcome("Hi", None)


# -- the loop -------------------------------------------------------------------------------------------------------

STOOD_S = 3.0
Run = Callable[[Coroutine[Any, Any, None]], None]


def standing_still(_: BrokenUpstream) -> Iterator[bytes]:
    """Sends all there is, and then nothing in this process moves for three seconds: the words lie there, unread."""
    yield ENGINE.begun
    yield chunk(says(" there") + STOP + DONE) + LAST_CHUNK
    time.sleep(STOOD_S)


async def ask_while_the_loop_stands_still(way: str) -> None:
    async with trial_of(ENGINE, SHORT) as trial:
        GOOD.check(way, await trial.ask(way))
        before = trial.levels()
        trial.upstream.play = standing_still
        Answered("Hi there").check(way, await trial.ask(way))
        await trial.is_well(before, way)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("way", WAYS)
def test_a_loop_that_stood_still_blames_nobody_for_it(run: Run, way: str) -> None:
    run(ask_while_the_loop_stands_still(way))


@pytest.mark.asyncio
async def test_a_process_that_stands_still_is_not_alive_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path) as gateway,
        httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http,
    ):
        simulator.behaviour.change({"pace_s": 0.05})
        body = question("[[sim:long:40]]", stream=True)
        async with http.stream("POST", COMPLETIONS, json=body, headers=bearer()) as reply:
            lines = reply.aiter_lines()
            await anext(lines)
            gateway.signal(signal.SIGSTOP)
            with pytest.raises(httpx.ReadTimeout):
                await http.get("/health", timeout=1.0)
            gateway.signal(signal.SIGCONT)
            heard = [line async for line in lines if line]
        assert heard[-1] == "data: [DONE]"
        assert (await http.get("/health", timeout=5.0)).status_code == 200
        await all_ways_are_well(gateway)
