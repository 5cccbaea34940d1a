"""Upstreams that answer nothing but 503, and many callers: what a storm of retries is held to."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

import pytest
from fakes import KEY, Place, configured, fleet_of

from qwen_grpc.answering import Messages
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import CircuitOpen, QwenError, UpstreamUnavailable
from qwen_grpc.routing.fleet import Fleet
from qwen_grpc.routing.health import Breaker
from qwen_grpc.routing.journey import Wish
from qwen_grpc.routing.lanes import Stop, Use
from qwen_grpc.routing.limits import RetryBudget
from qwen_grpc.upstreams.base import NO_ATTACHMENTS, Attachment
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse

SECONDS, PER_SECOND = 60, 100
CALLS = SECONDS * PER_SECOND


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


class Down(Place):
    """Answers 503, whoever asks."""

    async def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        credentials: Credentials,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> AsyncGenerator[StreamChatResponse, None]:
        self.asked.append(self.name)
        raise UpstreamUnavailable("503")
        yield


class Never(Breaker):
    """A breaker that leaves no server alone, so that the budget alone holds a storm."""

    def open_at(self) -> float:
        return 0.0


async def stormy(breaker: type[Breaker], clock: Clock) -> tuple[Fleet, list[Down]]:
    """Two upstreams that are down; each could take what the other failed at."""
    places = [Down("first"), Down("second")]
    secrets = {"first": ["sk-1"], "second": ["sk-2"]}
    generous = {"max_calls": 100_000}
    fleet = await fleet_of(configured({"first": {}, "second": {}}, secrets, key=generous), *places)
    entries = [
        replace(entry, breaker=breaker(clock), budget=RetryBudget(clock)) for entry in fleet.router.snapshot.entries
    ]
    fleet.router.snapshot = replace(fleet.router.snapshot, entries=tuple(entries))
    return fleet, places


async def storm(fleet: Fleet, clock: Clock) -> list[QwenError]:
    """So many calls, evenly over a minute; how each failed."""
    failures = []
    for _ in range(CALLS):
        clock.time += 1 / PER_SECOND
        caller = fleet.router.caller(ApiKey(KEY))
        journey = fleet.router.journey(caller, "qwen-a", Wish(Use.CHAT))

        async def begin(stop: Stop) -> Messages:
            return stop.lane.upstream.chat(CompleteChatRequest(), stop.model, stop.lane.credentials)

        with pytest.raises(QwenError) as failure:
            async with journey.begun(begin):
                pass
        failures.append(failure.value)
    return failures


@pytest.mark.asyncio
async def test_second_attempts_of_a_storm_stay_within_a_tenth_and_three_a_second() -> None:
    clock = Clock()
    fleet, places = await stormy(Never, clock)
    failures = await storm(fleet, clock)

    asked = sum(len(place.asked) for place in places)
    assert CALLS < asked <= 1.1 * CALLS + 3 * SECONDS
    assert len(places[0].asked) == CALLS
    # Where a second attempt was made both lanes had failed; where none was left the caller is told not to add to it.
    spent = [error for error in failures if "exhausted" in error.facts]
    assert len(spent) == CALLS - len(places[1].asked)
    assert not any(error.worth_retrying for error in spent)


@pytest.mark.asyncio
async def test_with_its_breaker_a_server_that_is_down_hears_of_hardly_any_call() -> None:
    clock = Clock()
    fleet, places = await stormy(Breaker, clock)
    failures = await storm(fleet, clock)

    # Five faults, and one probe after each of the ever longer pauses of 30 s and more.
    assert all(5 <= len(place.asked) <= 8 for place in places)
    refused = [error for error in failures if isinstance(error, CircuitOpen)]
    assert len(refused) >= CALLS - 16
    assert all(error.retry_after is not None and error.retry_after >= 1.0 for error in refused)
