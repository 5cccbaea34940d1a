"""The end of a server's life: nothing new, and what runs gets a proper end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from qwen_grpc.calls import Call
from qwen_grpc.errors import ShuttingDown


class Drain:
    """A scope that refuses calls once `begin` was called, and ends running ones when `cut` is."""

    def __init__(self) -> None:
        self.begun = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._cut: set[asyncio.Task[Any]] = set()
        self._running: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """From now on every new call is refused."""
        self.begun = True

    def cut(self) -> None:
        """Ends what still runs, with a status that says why."""
        self._cut = set(self._running)
        for task in self._cut:
            task.cancel()

    async def idle(self, within_s: float) -> None:
        """Waits until no call runs, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), within_s)

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """The scope of one call."""
        if self.begun:
            raise ShuttingDown("the gateway is shutting down; another one may take the call", retry_after=1.0)
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self._idle.clear()
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            raise ShuttingDown("the gateway shut down before the answer was complete", retry_after=1.0) from None
        finally:
            self._running.discard(task)
            if not self._running:
                self._idle.set()
            self._cut.discard(task)
