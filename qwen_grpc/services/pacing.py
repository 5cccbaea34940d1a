"""Lets deltas gather when the event loop is late, and only then."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from qwen_grpc.v1.chat_pb2 import StreamChatResponse

PERIOD_S = 0.02
LATE_S = 0.003
MAX_PAUSE_S = 0.04


class LagMeter:
    """Measures how late the event loop is, while somebody streams."""

    def __init__(self) -> None:
        self.lag_s = 0.0
        self._streams = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> "LagMeter":
        self._streams += 1
        if self._timer is None:
            self._arm()
        return self

    def __exit__(self, *exc: object) -> None:
        self._streams -= 1
        if not self._streams and self._timer:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PERIOD_S, self._measure, loop.time() + PERIOD_S)

    def _measure(self, due: float) -> None:
        late = max(0.0, asyncio.get_running_loop().time() - due)
        self.lag_s += 0.3 * (late - self.lag_s)
        self._arm()

    @property
    def pause_s(self) -> float:
        """How long to let deltas gather; zero while the loop keeps up."""
        return min(MAX_PAUSE_S, 4 * self.lag_s) if self.lag_s > LATE_S else 0.0


async def paced(
    stream: AsyncGenerator[StreamChatResponse, None], meter: LagMeter
) -> AsyncGenerator[StreamChatResponse, None]:
    """Forwards messages at once, and waits before the next read when the loop is late.

    A message holds what one read of the upstream brought, so the pause makes
    messages larger and fewer; at light load a delta travels alone and at once.
    """
    with meter:
        async with aclosing(stream) as messages:
            async for message in messages:
                yield message
                if pause := meter.pause_s:
                    await asyncio.sleep(pause)
