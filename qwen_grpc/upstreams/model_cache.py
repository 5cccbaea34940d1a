"""A model list that is asked for seldom and once at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from qwen_grpc.catalog import listed
from qwen_grpc.errors import QwenError
from qwen_grpc.upstreams.base import ModelList
from qwen_grpc.v1.models_pb2 import Model

# A forced refresh so soon after the last one gets the same list, and so does a call soon after a failed one.
MIN_REFRESH_S = 5.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LineUp:
    """What is known of an upstream's models without asking: family names, and a list for when it cannot be asked."""

    families: Mapping[str, Sequence[str]]
    builtin: Callable[[], Sequence[Model]]


class ModelCache:
    """The newest list, for `ttl_s` seconds; when the upstream fails, the old or the built-in one, marked stale."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Sequence[Model]]],
        line_up: LineUp,
        *,
        ttl_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._line_up = line_up
        self._ttl_s = ttl_s
        self._now = now
        self._list: ModelList | None = None
        self._asked_at = 0.0
        self._running: asyncio.Task[ModelList] | None = None

    async def get(self, *, force: bool = False) -> ModelList:
        """The list; `force` asks the upstream even when the cached one is young."""
        if self._list and self._now() - self._asked_at < self._patience(self._list, force=force):
            return self._list
        if self._running is None:
            self._running = asyncio.create_task(self._refresh())
        return await asyncio.shield(self._running)

    def _patience(self, known: ModelList, *, force: bool) -> float:
        if known.stale:
            return 0.0 if force else min(MIN_REFRESH_S, self._ttl_s)
        return MIN_REFRESH_S if force else self._ttl_s

    async def close(self) -> None:
        """Waits for no list any longer."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _refresh(self) -> ModelList:
        try:
            self._list = self._listed(await self._fetch(), self._now())
        except QwenError as error:
            log.warning("model list is stale", reason=error.reason)
            self._list = replace(self._list or self._listed(self._line_up.builtin(), 0.0), stale=True)
        finally:
            self._asked_at = self._now()
            self._running = None
        return self._list

    def _listed(self, models: Sequence[Model], fetched_at: float) -> ModelList:
        return ModelList(models, listed(models, self._line_up.families), fetched_at)
