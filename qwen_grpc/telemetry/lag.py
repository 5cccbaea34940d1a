"""How late the event loop is, always looked at."""

import asyncio
import time
from collections.abc import Callable

PERIOD_S = 0.1


class LagSampler:
    """Tells `late` ten times a second how many seconds the loop of `start` was late. One timer, whatever the load."""

    def __init__(self, late: Callable[[float], None]) -> None:
        self._late = late
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        """Looks from now on, in the running loop."""
        # Not the loop's own clock, which may stand still while a callback runs.
        self._due = time.monotonic() + PERIOD_S
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._look)

    def stop(self) -> None:
        """Looks no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def blocked(self) -> float:
        """Seconds that the loop is late at this moment. May be asked from any thread."""
        return max(0.0, time.monotonic() - self._due) if self._timer is not None else 0.0

    def _look(self) -> None:
        self._late(self.blocked())
        self.start()
