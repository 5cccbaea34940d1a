"""Lets deltas gather when the event loop is late, and only then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

PERIOD_S = 0.05
# Pauses make the loop punctual again, so it counts as late until it is that by far.
LATE_S, PUNCTUAL_S = 0.003, 0.001
PAUSE_S = 0.04


class LagMeter:
    """Measures how late the event loop is, while somebody streams.

    A message holds what one read of the upstream brought, so a pause between
    reads makes messages larger and fewer. At light load nobody waits.
    """

    def __init__(self) -> None:
        self.late = False
        self.lag_s = 0.0
        self._streams = 0
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Measures as long as one stream is inside."""
        self._streams += 1
        if self._timer is None:
            self._arm()
        try:
            yield
        finally:
            self._streams -= 1
            if not self._streams and self._timer:
                self._timer.cancel()
                self._timer = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PERIOD_S, self._measure, loop.time() + PERIOD_S)

    def _measure(self, due: float) -> None:
        late_s = max(0.0, asyncio.get_running_loop().time() - due)
        self.lag_s += 0.3 * (late_s - self.lag_s)
        self.late = self.lag_s > (PUNCTUAL_S if self.late else LATE_S)
        self._arm()


class Gathering:
    """The pauses of one stream."""

    def __init__(self, meter: LagMeter) -> None:
        self.meter = meter
        self._before = 0.0

    def pause(self) -> Awaitable[None] | None:
        """What to await before the next message, so that deltas gather; None if the last one came long ago.

        A stream whose messages come further apart than the pause has nothing
        to gather; waiting would only cost a timer.
        """
        now = asyncio.get_running_loop().time()
        before, self._before = self._before, now + PAUSE_S
        if now - before >= PAUSE_S:
            self._before = now
            return None
        return asyncio.sleep(PAUSE_S)
