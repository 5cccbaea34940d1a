"""The end of a server's life: nothing new, and what runs gets a proper end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from qwen_grpc.calls import Call
from qwen_grpc.errors import ShuttingDown


class Drain:
    """A scope that refuses calls once `begin` was called, and ends running ones when `cut` is."""

    def __init__(self) -> None:
        self._begun = False
        self._cut: set[asyncio.Task[Any]] = set()
        self._running: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """From now on every new call is refused."""
        self._begun = True

    def cut(self) -> None:
        """Ends what still runs, with a status that says why."""
        self._cut = set(self._running)
        for task in self._cut:
            task.cancel()

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """The scope of one call."""
        if self._begun:
            raise ShuttingDown("the gateway is shutting down; another one may take the call", retry_after=1.0)
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            raise ShuttingDown("the gateway shut down before the answer was complete", retry_after=1.0) from None
        finally:
            self._running.discard(task)
            self._cut.discard(task)
