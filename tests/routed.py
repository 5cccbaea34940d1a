"""A router in front of upstreams that a test made itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from qwen_grpc.configuration import Configuration, UpstreamConfig
from qwen_grpc.routing.fleet import Fleet
from qwen_grpc.routing.router import Router
from qwen_grpc.routing.snapshot import Snapshot, entry
from qwen_grpc.upstreams.base import Upstream


def config(**values: Any) -> UpstreamConfig:
    """A table `[upstreams.NAME]`."""
    return UpstreamConfig.model_validate({"kind": "chat_qwen_ai", **values})


def router_of(*upstreams: Upstream) -> Router:
    """For callers with credentials of their own; the upstreams are open already."""
    return Router(Snapshot(tuple(entry(one.name, config(), one, (), None) for one in upstreams)))


@asynccontextmanager
async def fleet_of(upstream: Upstream) -> AsyncIterator[Fleet]:
    """The same, opened and closed by the fleet."""
    configuration = Configuration.model_validate({"upstreams": {upstream.name: {"kind": "chat_qwen_ai"}}})
    async with Fleet(lambda *_: upstream) as fleet:
        await fleet.swap(configuration)
        yield fleet
