"""Time for tests: clocks that stand still until they are told, and an event loop that never waits."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class JumpingLoop(asyncio.SelectorEventLoop):
    """Jumps to its next timer instead of waiting for it; `late_s` is how late every timer fires."""

    def __init__(self) -> None:
        self.jumped = 0.0
        self.late_s = 0.0
        super().__init__()

    def time(self) -> float:
        return self.jumped

    def _run_once(self) -> None:
        timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        if not self._ready and timers:  # type: ignore[attr-defined]
            self.jumped = max(self.jumped, min(timers)) + self.late_s
        super()._run_once()  # type: ignore[misc]


def run(test: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in a loop that never waits."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(test)


async def turns(count: int = 20) -> None:
    """Lets every task that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)
