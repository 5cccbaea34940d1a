"""The open upstreams: opened, replaced and closed as the configuration says, without a call noticing."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Self

import structlog

from qwen_grpc.configuration import Configuration, UpstreamConfig
from qwen_grpc.routing.limits import Allowance
from qwen_grpc.routing.router import Router
from qwen_grpc.routing.snapshot import Entry, GatewayKey, Snapshot, entry
from qwen_grpc.upstreams.base import Upstream

# What an adapter is made of; all else may change without opening anew.
MAKINGS = ("kind", "base_url", "caller_keys", "dialect", "workspace", "wait_timeout", "forced_tools")
log = structlog.get_logger()

Build = Callable[[str, UpstreamConfig], Upstream]


class Fleet:
    """The upstreams of a configuration. An async context manager; `router` always knows the one in force."""

    def __init__(self, build: Build) -> None:
        self.router = Router(Snapshot(()))
        self._build = build
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for one in self.router.snapshot.entries:
            await one.upstream.__aexit__(*exc)

    async def swap(self, configuration: Configuration) -> None:
        """Puts a configuration into force at once; calls that run end as they began.

        Raises what opening an upstream raised, and then nothing has changed.
        """
        before = self.router.snapshot
        async with AsyncExitStack() as opened:
            entries = [await self._entry(name, configuration, before, opened) for name in configuration.upstreams]
            opened.pop_all()
        self.router.snapshot = _snapshot(configuration, entries, before)
        kept = {one.upstream for one in entries}
        for gone in (one for one in before.entries if one.upstream not in kept):
            self._retire(gone)

    async def _entry(self, name: str, configuration: Configuration, before: Snapshot, opened: AsyncExitStack) -> Entry:
        config, old = configuration.upstreams[name], before.named(name)
        if old is not None and _makings(old.config) == _makings(config):
            upstream = old.upstream
        else:
            upstream = await opened.enter_async_context(self._build(name, config))
        return entry(name, config, upstream, configuration.secrets.get(name, ()), old)

    def _retire(self, gone: Entry) -> None:
        task = asyncio.create_task(_close_when_idle(gone))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close_when_idle(gone: Entry) -> None:
    try:
        await gone.allowance.idle()
    finally:
        await gone.upstream.__aexit__(None, None, None)
    log.info("upstream closed", upstream=gone.name)


def _makings(config: UpstreamConfig) -> list[object]:
    return [getattr(config, name) for name in MAKINGS]


def _snapshot(configuration: Configuration, entries: Sequence[Entry], before: Snapshot) -> Snapshot:
    keys = {}
    for name, config in configuration.keys.items():
        allowance, old = Allowance(config.max_calls, config.requests_per_minute), before.keys.get(name)
        keys[name] = GatewayKey(name, config, allowance.or_same(old.allowance) if old else allowance)
    return Snapshot(tuple(entries), configuration.aliases, keys, configuration.ring)
