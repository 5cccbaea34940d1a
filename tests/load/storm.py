"""Streams that are cut at any moment, beside a steady load: nothing of them stays, and the others notice nothing."""

import asyncio
import random
import time
from collections import Counter

from load.asking import STREAMS, WAYS
from load.crowd import Client, Crowd, crowd
from load.figures import Figure, at_most, none_of, told
from load.processes import Bench, opened
from load.wish import Act, Wish

BAR_S = 2.0
GIVE_UP_S = 20.0
AT_ONCE = 40
LONGEST_S = 0.3
STEADY = 20
# What the callers of the storm ask for: nothing comes, little comes, or a lot.
WISHES = (Wish(0, 0, act=Act.NO_HEAD), Wish(3, 10_000, act=Act.HOLD), Wish(100, 5_000), Wish(200, 0))


async def storm(count: int, seed: int = 1) -> list[Figure]:
    """So many callers who leave at a random moment; beside them twenty streams that go on all the time."""
    async with opened(observed=True) as bench, crowd(bench) as steady, crowd(bench) as cut:
        await _warm(steady)
        before = await bench.gateway.tasks()
        weather = asyncio.Event()
        going_on = [asyncio.create_task(_steady(steady, way, weather)) for way in STREAMS for _ in range(STEADY // 2)]
        began = time.monotonic()
        await _cut_all(cut, count, random.Random(seed))
        lasted = time.monotonic() - began
        weather.set()
        await asyncio.gather(*going_on)
        streams_s, tasks_s, left = await _calm(bench, before)
    return [
        at_most(f"after {count} cut streams, the last upstream connection of one ends within", streams_s, BAR_S, "s"),
        at_most("and the last task of one within", tasks_s, BAR_S, "s"),
        none_of("tasks that are left", [f"{name} x{number}" for name, number in left.items()]),
        none_of("lines that the gateway logged as errors", bench.gateway.complaints),
        none_of(f"errors of the steady streams beside it ({len(steady.clients)} of them)", steady.faults()),
        none_of("deltas lost, doubled or out of order", cut.disorder() + steady.disorder()),
        told("cut streams a second", f"{count / lasted:.0f}"),
    ]


async def _warm(callers: Crowd) -> None:
    """One call of each kind: what stays after that is not a leak."""
    for way in WAYS:
        callers.ask(way, Wish(3))
    await callers.over()
    await asyncio.sleep(1.0)


async def _steady(callers: Crowd, way: str, over: asyncio.Event) -> None:
    while not over.is_set():
        await callers.ask(way, Wish(20, 50_000)).task


async def _cut_all(callers: Crowd, count: int, chance: random.Random) -> None:
    left = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in left:
            client = callers.ask(chance.choice(list(WAYS)), chance.choice(WISHES))
            await _left(client, chance.random() * LONGEST_S)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def _left(client: Client, after_s: float) -> None:
    await asyncio.sleep(after_s)
    client.leave()
    await asyncio.wait({client.task})


async def _calm(bench: Bench, before: Counter[str]) -> tuple[float, float, Counter[str]]:
    """Seconds until no stream runs upstream, and until the tasks are those from before; and which are too many."""
    began, streams_s = time.monotonic(), 0.0
    while True:
        running, left = (await bench.record())["running"], await bench.gateway.tasks() - before
        now_s = time.monotonic() - began
        streams_s = streams_s or (0.0 if running else now_s)
        if (not running and not left) or now_s > GIVE_UP_S:
            return streams_s or now_s, now_s, left
        await asyncio.sleep(0.02)
