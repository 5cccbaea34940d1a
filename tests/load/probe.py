"""Notices that the machine, not the gateway, stood still: then a measurement of time says nothing and is made anew."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

PERIOD_S = 0.01
# Longer than what the load itself makes its own loop wait.
STALL_S = 0.3
TRIES = 5


@dataclass
class Probe:
    """The longest time that this process did not get to run."""

    worst_s: float = 0.0

    @property
    def stalled(self) -> bool:
        return self.worst_s > STALL_S


@asynccontextmanager
async def probing() -> AsyncIterator[Probe]:
    """Looks at the clock again and again."""
    probe = Probe()

    async def look() -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(PERIOD_S)
            now = time.monotonic()
            probe.worst_s, before = max(probe.worst_s, now - before - PERIOD_S), now

    task = asyncio.create_task(look())
    try:
        yield probe
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def undisturbed(measure: Callable[[], Awaitable[T]]) -> T:
    """The first measurement during which nothing stood still, or the last of a few."""
    for _ in range(TRIES - 1):
        async with probing() as probe:
            found = await measure()
        if not probe.stalled:
            return found
    return await measure()
