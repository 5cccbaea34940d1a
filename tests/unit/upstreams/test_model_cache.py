"""A model list that is asked for seldom and once at a time."""

import asyncio
from collections.abc import Sequence

import pytest
from clockwork import Clock, turns

from qwen_grpc.errors import UpstreamConnect
from qwen_grpc.upstreams.base import ModelList
from qwen_grpc.upstreams.model_cache import MIN_REFRESH_S, LineUp, ModelCache
from qwen_grpc.v1.models_pb2 import CAPABILITY_CHAT, Model

pytestmark = pytest.mark.asyncio

TTL_S = 100.0


def model(name: str) -> Model:
    return Model(id=name, capabilities=[CAPABILITY_CHAT])


class Site:
    """Lists one more model each time it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self) -> Sequence[Model]:
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.fails:
            raise UpstreamConnect("no")
        return [model(f"m{number}")]


class Opened:
    """A cache, the site behind it and its clock."""

    def __init__(self, ttl_s: float = TTL_S) -> None:
        self.site, self.clock = Site(), Clock()
        line_up = LineUp({"m": ("built-in",)}, lambda: [model("built-in")])
        self.cache = ModelCache(self.site.fetch, line_up, ttl_s=ttl_s, now=self.clock)

    async def seen(self, *, force: bool = False) -> tuple[str, bool]:
        found = await self.cache.get(force=force)
        return found.models[0].id, found.stale


async def test_the_list_knows_its_models_their_names_and_its_age() -> None:
    opened = Opened()
    assert await opened.cache.get() == ModelList([model("m1")], [model("m1")], opened.clock.now)


async def test_a_young_list_is_not_asked_for_again() -> None:
    opened = Opened()
    await opened.seen()
    opened.clock.now += TTL_S - 1
    assert await opened.seen() == ("m1", False)
    opened.clock.now += 1
    assert await opened.seen() == ("m2", False)


async def test_force_asks_again_but_not_at_once() -> None:
    opened = Opened()
    await opened.seen()
    opened.clock.now += MIN_REFRESH_S - 1
    assert await opened.seen(force=True) == ("m1", False)
    opened.clock.now += 1
    assert await opened.seen(force=True) == ("m2", False)


async def test_callers_at_once_share_one_question() -> None:
    opened = Opened()
    opened.site.open.clear()
    callers = [asyncio.create_task(opened.seen(force=force)) for force in (False, True, False)]
    await turns()
    callers[0].cancel()
    await turns()
    opened.site.open.set()
    assert await asyncio.gather(*callers[1:]) == [("m1", False)] * 2
    assert (callers[0].cancelled(), opened.site.asked) == (True, 1)


async def test_when_the_site_fails_the_old_list_stays_and_keeps_its_age() -> None:
    opened = Opened()
    first = await opened.cache.get()
    opened.clock.now += TTL_S
    opened.site.fails = True
    found = await opened.cache.get()
    assert (found.models, found.fetched_at, found.stale) == (first.models, first.fetched_at, True)


async def test_without_an_old_list_the_built_in_one_is_given() -> None:
    opened = Opened()
    opened.site.fails = True
    found = await opened.cache.get()
    names = ["built-in", "m", "m-latest", "m-0428"]
    assert ([one.id for one in found.offered], found.fetched_at, found.stale) == (names, 0.0, True)


async def test_a_site_that_fails_is_asked_again_after_a_moment() -> None:
    opened = Opened()
    opened.site.fails = True
    await opened.seen()
    opened.site.fails = False
    assert await opened.seen() == ("built-in", True)
    opened.clock.now += MIN_REFRESH_S
    assert await opened.seen() == ("m2", False)


async def test_force_asks_a_site_that_failed_at_once() -> None:
    opened = Opened()
    opened.site.fails = True
    await opened.seen()
    opened.site.fails = False
    assert await opened.seen(force=True) == ("m2", False)


async def test_without_any_keeping_every_call_asks() -> None:
    opened = Opened(ttl_s=0)
    opened.site.fails = True
    assert [await opened.seen() for _ in range(2)] == [("built-in", True)] * 2
    opened.site.fails = False
    assert [await opened.seen() for _ in range(2)] == [("m3", False), ("m4", False)]


async def test_closing_ends_the_question() -> None:
    opened = Opened()
    await opened.cache.close()
    opened.site.open.clear()
    caller = asyncio.create_task(opened.seen())
    await turns()
    await opened.cache.close()
    with pytest.raises(asyncio.CancelledError):
        await caller
