"""How much at once and how often: for a gateway key, for an upstream, and for second attempts."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MINUTE_S = 60.0
BUDGET_WINDOW_S = 10.0
BUDGET_SHARE = 0.1
BUDGET_PER_S = 3.0


class Window:
    """Counts what happened within the last seconds."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._times: deque[float] = deque()

    def add(self) -> None:
        """Something happens now."""
        self._forget()
        self._times.append(self._now())

    def count(self) -> int:
        """How often it happened."""
        self._forget()
        return len(self._times)

    def _forget(self) -> None:
        horizon = self._now() - self._seconds
        while self._times and self._times[0] <= horizon:
            self._times.popleft()

    def room_in(self) -> float:
        """Seconds until the oldest of what was counted is forgotten."""
        return max(0.0, self._times[0] + self._seconds - self._now()) if self.count() else 0.0


class Allowance:
    """At most `at_once` calls at a time and `per_minute` calls a minute; 0 sets no limit."""

    def __init__(self, at_once: int, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self.at_once = at_once
        self.per_minute = per_minute
        self.running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._begun = Window(MINUTE_S, now)

    def or_same(self, other: "Allowance") -> "Allowance":
        """The other one, which knows what runs, if it has the same limits."""
        same = (self.at_once, self.per_minute) == (other.at_once, other.per_minute)
        return other if same else self

    def wait(self) -> float | None:
        """Seconds until another call is worth a try; None when one may begin now."""
        if self.at_once and self.running >= self.at_once:
            return 1.0
        if self.per_minute and self._begun.count() >= self.per_minute:
            return self._begun.room_in()
        return None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Counts a call while it runs."""
        if self.per_minute:
            self._begun.add()
        self.running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    async def idle(self) -> None:
        """Waits until no call runs."""
        await self._idle.wait()


class RetryBudget:
    """Second attempts are at most a tenth of all calls, and always some a second: a storm must not feed itself."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._calls = Window(BUDGET_WINDOW_S, now)
        self._retries = Window(BUDGET_WINDOW_S, now)

    def called(self) -> None:
        """A first attempt is made."""
        self._calls.add()

    def left(self) -> float:
        """How many second attempts may be made now."""
        allowed = max(BUDGET_SHARE * self._calls.count(), BUDGET_PER_S * BUDGET_WINDOW_S)
        return max(0.0, allowed - self._retries.count())

    def spend(self) -> bool:
        """Whether one more second attempt is in the budget; it is then counted."""
        if not self.left():
            return False
        self._retries.add()
        return True
