"""An open SSE response that never falls silent for long."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Self

from rest_shim.sse import HEARTBEAT


class Line:
    """Sends records, and a heartbeat, usually a comment, when nothing was sent for `silence_s` seconds.

    One timer per stream, which looks at the clock; sending costs nothing more.
    """

    def __init__(self, response: Any, silence_s: float, heartbeat: bytes = HEARTBEAT) -> None:
        self._response = response
        self._silence_s = silence_s
        self._heartbeat = heartbeat
        self._loop = asyncio.get_running_loop()
        self._sent_at = self._loop.time()
        self._beat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._timer = self._loop.call_later(self._silence_s, self._look)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)

    async def send(self, records: bytes) -> None:
        """Writes records; waits while the client does not read."""
        self._sent_at = self._loop.time()
        await self._response.send(records)

    def put(self, records: bytes) -> Awaitable[object] | None:
        """Writes records at once, after the first ones were sent; returns what to await before the next, or None.

        For what is sent once per token: it passes none of the framework's layers.
        """
        self._sent_at = self._loop.time()
        waiting: Awaitable[object] | None = self._response.stream.protocol.put(records)
        return waiting

    def _look(self) -> None:
        now = self._loop.time()
        if now - self._sent_at >= self._silence_s:
            # A client that does not read has the last one still before it.
            if self._beat is None or self._beat.done():
                self._beat = self._loop.create_task(self.send(self._heartbeat))
            self._sent_at = now
        self._timer = self._loop.call_at(self._sent_at + self._silence_s, self._look)
