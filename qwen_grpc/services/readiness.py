"""What balancers are told: whether more calls are wanted."""

import asyncio
from collections.abc import Callable, Sequence
from math import inf

from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2 import HealthCheckResponse

# A gateway that is full for a moment refuses a few; one that is full for so long should get fewer calls.
FULL_S = 10.0
LOOK_S = 1.0


class Readiness:
    """Sets the health of each service; that of `""`, which says whether there is a server at all, stays.

    Upstreams play no part in it: if one of them made every gateway before it
    unready, there would be none left to say so.
    """

    def __init__(self, servicer: health.HealthServicer, names: Sequence[str], is_full: Callable[[], bool]) -> None:
        self._health = servicer
        self._names = names
        self._is_full = is_full
        self._full_since = inf
        self._ready = True

    async def watch(self) -> None:
        """Looks once a second, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look(loop.time())

    async def look(self, now: float) -> None:
        """Tells what has changed, at a moment of a monotonic clock."""
        self._full_since = min(self._full_since, now) if self._is_full() else inf
        ready = now - self._full_since < FULL_S
        if ready is not self._ready:
            self._ready = ready
            status = HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING
            for name in self._names:
                await self._health.set(name, status)
