"""Clocks that take no stall of our own process for the silence of a server.

A process that stood still, because its machine did or because something
blocked its loop, finds clocks run out whose servers have long answered. uvloop
rings them before it looks at the sockets; asyncio looks first, but a connection
takes several rounds to come about. So an alarm that rings late is set once more,
for a moment in which the sockets are looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

# The loop stood still when an alarm rings so much too late.
LATE_S = 0.25
# What everybody gets then: rounds of the loop, not time for the server.
GRACE_S = 0.5


class Alarm:
    """Calls `ring` at a moment, in the time of the event loop; after a stall a little later, once."""

    __slots__ = ("_due", "_handle", "_loop", "_ring")

    def __init__(self, loop: asyncio.AbstractEventLoop, due: float, ring: Callable[[], object]) -> None:
        self._loop = loop
        self._due = due
        self._ring = ring
        self._handle = loop.call_at(due, self._look)

    def cancel(self) -> None:
        """Never rings, unless it has."""
        self._handle.cancel()

    def _look(self) -> None:
        if self._loop.time() - self._due > LATE_S:
            self._handle = self._loop.call_later(GRACE_S, self._ring)
        else:
            self._ring()


class Limit:
    """How long a block may take; `within` makes it. It can be wound anew while the block runs."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._alarm: Alarm | None = None

    def wind(self, seconds: float | None) -> None:
        """From now on the block has so many seconds, or all the time in the world."""
        if self._alarm is not None:
            self._alarm.cancel()
        over = self._timeout.expired()
        self._alarm = None if over or seconds is None else Alarm(self._loop, self._loop.time() + seconds, self._expire)

    def _expire(self) -> None:
        self._timeout.reschedule(self._loop.time())


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[Limit]:
    """As `asyncio.timeout`, which raises `TimeoutError` and ends what the block waits for, but by an alarm."""
    async with asyncio.timeout(None) as timeout:
        limit = Limit(timeout)
        limit.wind(seconds)
        try:
            yield limit
        finally:
            limit.wind(None)
