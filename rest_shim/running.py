"""What a door has in hand, and how that ends."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any

from rest_shim.errors import REASONS, HttpError


class Running:
    """The requests that are being served, one in each task."""

    def __init__(self) -> None:
        # Whether the process is about to end. New connections may still come, until whoever sends them has noticed.
        self.leaving = False
        # Set when the last connection is gone.
        self.alone = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cut: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._idle.clear()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()
        if isinstance(error, asyncio.CancelledError) and self.was_cut():
            raise shut_down() from None
        self._cut.discard(task)

    async def idle(self, within_s: float) -> None:
        """Waits until no request is being served, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), within_s)

    def cut(self) -> None:
        """Ends what still runs; each client is told why."""
        for task in self._tasks - self._cut:
            self._cut.add(task)
            task.cancel()

    def was_cut(self) -> bool:
        """Whether this task was cancelled by `cut`; it goes on then, to tell its client."""
        task = asyncio.current_task()
        assert task is not None
        if task not in self._cut:
            return False
        self._cut.discard(task)
        task.uncancel()
        return True


def shut_down() -> HttpError:
    """What a client is told whose answer is not complete when the process has to end."""
    text = "the gateway shut down before the answer was complete"
    return HttpError(REASONS["SHUTTING_DOWN"], text, retry_after=1.0)
