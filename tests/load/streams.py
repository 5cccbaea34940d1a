"""A thousand open streams: what the gateway holds before them, and what each of them costs."""

import asyncio
from dataclasses import dataclass

from load.asking import STREAMS
from load.crowd import crowd
from load.figures import Figure, at_most, none_of, told
from load.processes import Memory, opened
from load.wish import Wish


@dataclass(frozen=True, slots=True)
class Bars:
    """What is wanted: MB before the first call, and KiB for each stream above that."""

    idle_mb: float = 90.0
    stream_kib: float = 40.0


# A chatty stream: two deltas a second.
PAUSE_US = 500_000
SETTLE_S = 2.0


async def open_streams(count: int, held_s: float, bars: Bars | None = None) -> list[Figure]:
    """Half of them over gRPC and half over SSE; all of them open at once for so many seconds."""
    opening_s = count * 0.005
    wish = Wish(int((2 * opening_s + held_s) * 1e6 / PAUSE_US), PAUSE_US)
    async with opened() as bench:
        await asyncio.sleep(SETTLE_S)
        idle = bench.gateway.memory()
        async with crowd(bench) as callers:
            await callers.open(STREAMS, wish, count, every_s=0.005)
            most, running = idle, 0
            for _ in range(max(1, int(held_s))):
                running = max(running, (await bench.record())["running"])
                most = max(most, bench.gateway.memory(), key=lambda one: one.rss)
                await asyncio.sleep(1.0)
            await callers.over()
            faults = callers.faults()
    return [*_memory(count, (idle, most), bars or Bars()), *_served(count, running, faults)]


def _served(count: int, running: int, faults: list[str]) -> list[Figure]:
    return [
        Figure(f"streams open at the upstream, of {count}", f"{count}", f"{running}", running == count),
        none_of("streams that were not served whole", faults),
    ]


def _memory(count: int, memory: tuple[Memory, Memory], bars: Bars) -> list[Figure]:
    idle, most = memory
    kib = (most.rss - idle.rss) / count
    return [
        at_most("resident memory, idle", idle.rss * 1024 / 1e6, bars.idle_mb, "MB"),
        told("of it, with what is shared divided (PSS)", f"{idle.pss * 1024 / 1e6:.1f} MB"),
        at_most(f"resident memory of each of {count} streams", kib, bars.stream_kib, "KiB"),
        told("of it, with what is shared divided (PSS)", f"{(most.pss - idle.pss) / count:.1f} KiB"),
    ]
