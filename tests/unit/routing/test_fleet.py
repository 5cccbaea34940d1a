"""A new configuration takes the place of the old one, and no call notices."""

import asyncio
from typing import Any

import pytest
from fakes import KEY, Place, configured

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import RateLimited
from qwen_grpc.routing.fleet import Fleet
from qwen_grpc.routing.journey import Wish
from qwen_grpc.routing.lanes import Use


class Yard:
    """Builds upstreams and remembers all of them."""

    def __init__(self) -> None:
        self.built: list[Place] = []

    def build(self, name: str, config: Any) -> Place:
        self.built.append(Place(name))
        return self.built[-1]


@pytest.mark.asyncio
async def test_what_stays_the_same_is_kept_open_with_all_that_is_known_of_it() -> None:
    yard = Yard()
    async with Fleet(yard.build) as fleet:
        await fleet.swap(configured({"a": {}}, {"a": ["sk-1", "sk-2"]}))
        (before,) = fleet.router.snapshot.entries
        need = before.health[1]
        need.calls = 7
        await fleet.swap(configured({"a": {"max_calls": 5}, "b": {}}, {"a": ["sk-2", "sk-3"], "b": ["sk-4"]}))
        after = fleet.router.snapshot.entries[0]
        assert (after.upstream, after.breaker, after.config.max_calls) == (before.upstream, before.breaker, 5)
        assert [(lane.label, row.calls) for lane, row in zip(after.lanes, after.health, strict=True)] == [
            ("a/1", 7),
            ("a/2", 0),
        ]
        assert [place.name for place in yard.built] == ["a", "b"]
    assert [(place.open, place.closed) for place in yard.built] == [(False, 1), (False, 1)]


@pytest.mark.asyncio
async def test_a_replaced_upstream_closes_when_its_last_call_is_over() -> None:
    yard = Yard()
    async with Fleet(yard.build) as fleet:
        await fleet.swap(configured({"a": {"workspace": "one"}}, {"a": ["sk-1"]}))
        journey = fleet.router.journey(fleet.router.caller(ApiKey(KEY)), "qwen-a", Wish(Use.CHAT))
        with await journey.next():
            await fleet.swap(configured({"a": {"workspace": "two"}}, {"a": ["sk-1"]}))
            await asyncio.sleep(0)
            assert [place.open for place in yard.built] == [True, True]
        await asyncio.wait_for(yard.built[0].gone.wait(), 5)
        assert [place.open for place in yard.built] == [False, True]


@pytest.mark.asyncio
async def test_an_upstream_that_does_not_open_leaves_everything_as_it_was() -> None:
    yard = Yard()
    async with Fleet(yard.build) as fleet:
        await fleet.swap(configured({"a": {}}, {"a": ["sk-1"]}))
        before = fleet.router.snapshot

        def broken(name: str, config: Any) -> Place:
            if name == "c":
                raise OSError("no")
            return yard.build(name, config)

        fleet._build = broken
        with pytest.raises(OSError, match="no"):
            await fleet.swap(configured({"b": {}, "c": {}}, {}))
        assert fleet.router.snapshot is before
        assert [(place.name, place.open) for place in yard.built] == [("a", True), ("b", False)]


@pytest.mark.asyncio
async def test_a_call_ends_in_the_configuration_that_it_began_in() -> None:
    yard = Yard()
    async with Fleet(yard.build) as fleet:
        await fleet.swap(configured({"a": {}}, {"a": ["sk-1", "sk-2"]}))
        journey = fleet.router.journey(fleet.router.caller(ApiKey(KEY)), "qwen-a", Wish(Use.CHAT))
        with await journey.next():
            await fleet.swap(configured({"b": {}}, {"b": ["sk-3"]}))
            raise RateLimited("slow down")
        assert (await journey.next()).stop.lane.label == "a/2"
