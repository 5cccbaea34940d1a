"""Another configuration while calls run: they end as they began, and the next call follows the new one."""

import asyncio
from typing import Any

import pytest
from both_doors import COMPLETIONS, request_of
from drilling import GPU, GPU_KEY, ONE, asking, by_grpc, by_rest, metadata, one_credential
from operated import TEAM_A, TEAM_B, Operated, bearing, configured, engine, operated
from support import records

from qwen_grpc.configuration import Configuration
from qwen_grpc.simulator import Simulator

STREAMS, DELTAS = 20, 50
LONG = f"Go on [[sim:long:{DELTAS}]]"
WORDS = "".join(f"word {number} " for number in range(DELTAS))


def only_gpu(simulator: Simulator, keys: tuple[str, ...] = (TEAM_A,)) -> Configuration:
    """DashScope is gone; its alias leads to the engine."""
    return configured(
        {"gpu": engine(simulator, "vllm")},
        {"gpu": [GPU_KEY]},
        aliases={"qwen-max": [f"gpu/{GPU}"]},
        keys={key: {} for key in keys},
    )


async def over_grpc(house: Operated, begun: asyncio.Queue[None]) -> tuple[str, str]:
    """A stream to its end: who answers, and all that was said."""
    call, text = house.chat.StreamChat(request_of(asking(LONG)), metadata=metadata(TEAM_A), timeout=30), ""
    async for message in call:
        if not text:
            begun.put_nowait(None)
        text += "".join(delta.content for delta in message.deltas)
    return dict(await call.initial_metadata() or ())["x-qwen-upstream"], text


async def over_sse(house: Operated, begun: asyncio.Queue[None]) -> tuple[str, str]:
    """The same over REST."""
    body, raw = asking(LONG, stream=True), ""
    async with house.http.stream("POST", COMPLETIONS, json=body, headers=bearing(TEAM_A)) as reply:
        async for piece in reply.aiter_text():
            if not raw:
                begun.put_nowait(None)
            raw += piece
    *chunks, last = records(raw)
    assert last == "[DONE]"
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    return reply.headers["x-qwen-upstream"], text


@pytest.mark.asyncio
async def test_streams_end_as_they_began_and_new_calls_follow_the_new_file() -> None:
    async with operated(one_credential) as house:
        house.simulator.dashscope.behaviour.change({"pace_s": 0.01})
        begun = asyncio.Queue[None]()
        running = [asyncio.create_task(way(house, begun)) for _ in range(STREAMS) for way in (over_grpc, over_sse)]
        for _ in running:
            await begun.get()
        await house.gateway.swap(only_gpu(house.simulator))

        assert not any(task.done() for task in running)
        assert [(await by(house, "Hello")).upstream for by in (by_grpc, by_rest)] == ["gpu", "gpu"]
        assert list(await house.pool()) == ["gpu/1"]
        assert await asyncio.gather(*running) == [("official", WORDS)] * len(running)
        assert house.simulator.dashscope.completions == {ONE: len(running)}
        # What the old configuration had beside the new one is closed with the last of its calls.
        await asyncio.wait_for(asyncio.gather(*house.gateway.server._fleet._closing), 5)


@pytest.mark.asyncio
async def test_no_call_fails_while_configurations_come_and_go() -> None:
    async with operated(one_credential) as house:
        done = asyncio.Event()

        async def calls(by: Any) -> set[str]:
            upstreams = set[str]()
            while not done.is_set():
                seen = await by(house, "Hello")
                assert (seen.text, seen.attempts, seen.reason) == ("You said: Hello", "", "")
                upstreams.add(seen.upstream)
            return upstreams

        running = [asyncio.create_task(calls(by)) for by in (by_grpc, by_rest) for _ in range(5)]
        for number in range(8):
            served = "gpu" if number % 2 == 0 else "official"
            await house.gateway.swap((only_gpu if served == "gpu" else one_credential)(house.simulator))
            assert (await by_grpc(house, "Hello")).upstream == served
        done.set()
        assert set().union(*await asyncio.gather(*running)) == {"official", "gpu"}


@pytest.mark.asyncio
async def test_a_revoked_key_is_good_for_no_new_call_and_what_runs_goes_on() -> None:
    async with operated(lambda simulator: only_gpu(simulator, (TEAM_A, TEAM_B))) as house:
        house.simulator.engine.behaviour.change({"pace_s": 0.01})
        begun = asyncio.Queue[None]()
        running = asyncio.create_task(over_grpc(house, begun))
        await begun.get()
        await house.gateway.swap(only_gpu(house.simulator, (TEAM_B,)))

        # Over REST both ways of having no good credential have the same words.
        assert (await by_grpc(house, "Hello", TEAM_A)).reason == "TOKEN_MALFORMED"
        assert (await by_rest(house, "Hello", TEAM_A)).reason == "TOKEN_MISSING"
        assert (await by_grpc(house, "Hello", TEAM_B)).upstream == "gpu"
        assert await running == ("gpu", WORDS)


@pytest.mark.asyncio
async def test_what_is_known_of_a_credential_outlives_a_swap() -> None:
    async with operated(one_credential) as house:
        house.simulator.dashscope.behaviour.change({"faults": {ONE: "unauthorized"}})
        await by_grpc(house, "Hello")
        await house.gateway.swap(one_credential(house.simulator))
        assert await house.states() == {"official/1": ("needs_login CREDENTIAL_EXPIRED",)}
