"""Callers who leave: the upstream's connection ends within a second, in each phase and at both doors."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from load.asking import STREAMS, WHOLE
from load.crowd import Client, Crowd, crowd
from load.figures import Figure, at_most, none_of
from load.probe import undisturbed
from load.processes import Bench, opened
from load.wish import Act, Wish

BAR_S = 1.0
GIVE_UP_S = 20.0
# What callers wait for when they leave, by the phase that this is.
PHASES = {
    "before the first byte": (STREAMS, Wish(0, 0, act=Act.NO_HEAD)),
    "in the middle of a stream": (STREAMS, Wish(5, 10_000, act=Act.HOLD)),
    "while a whole answer is made": (WHOLE, Wish(5, 10_000, act=Act.HOLD)),
}


async def leave(count: int) -> list[Figure]:
    """So many callers in each phase at each door, who all leave at once, by their own and the upstream's stamps."""
    figures = []
    async with opened() as bench, crowd(bench) as callers:
        for phase, (ways, wish) in PHASES.items():
            for way in ways:
                latencies = await undisturbed(lambda way=way, wish=wish: _latencies(bench, callers, (way, wish), count))
                what = f"{way}, {phase}: {count} callers leave, the upstream learns within"
                figures.append(at_most(what, max(latencies), BAR_S, "s"))
                figures.append(none_of("of them that it did not learn of", [""] * (count - len(latencies))))
    return [one for one in figures if one.bar != "0" or not one.good]


async def _latencies(bench: Bench, callers: Crowd, kind: tuple[str, Wish], count: int) -> list[float]:
    """Seconds from leaving to the end of the upstream's connection, of each caller whose leaving was noticed."""
    way, wish = kind
    clients = [callers.ask(way, wish) for _ in range(count)]
    await _told(bench, clients, lambda told: told["sent"] >= wish.deltas)
    for client in clients:
        client.leave()
    ends = await _told(bench, clients, lambda told: told["end"] == "left")
    closed = ((told["closed"], client.left_ns) for told, client in zip(ends, clients, strict=True) if told["closed"])
    return [(closed_ns - left_ns) / 1e9 for closed_ns, left_ns in closed]


async def _told(bench: Bench, clients: Sequence[Client], holds: Any) -> list[dict[str, Any]]:
    """The upstream's record of each of these callers, once it holds for all, or when it is given up."""
    until = time.monotonic() + GIVE_UP_S
    while True:
        told = (await bench.record())["told"]
        found = [told[client.wish.name] for client in clients if client.wish.name in told]
        if len(found) == len(clients) and all(map(holds, found)):
            return found
        if time.monotonic() > until:
            raise AssertionError(f"only {sum(map(holds, found))} of {len(clients)} callers came that far")
        await asyncio.sleep(0.05)
