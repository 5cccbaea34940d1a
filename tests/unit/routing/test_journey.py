"""What a call tries, in which order, and what it leaves behind."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from fakes import KEY, Place, configured, fleet_of

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import (
    CircuitOpen,
    CredentialExpired,
    InvalidParameter,
    ModelNotFound,
    NoCredential,
    Overloaded,
    QwenError,
    RateLimited,
    TenantLimit,
    UpstreamChallenge,
    UpstreamConnect,
    UpstreamCredentialInvalid,
    UpstreamHeadersTimeout,
    UpstreamTruncated,
)
from qwen_grpc.routing.fleet import Fleet
from qwen_grpc.routing.journey import Journey, Wish
from qwen_grpc.routing.lanes import Stop, Use
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse

SECRETS = {"first": ["sk-1", "sk-2", "sk-3"], "second": ["sk-4"]}


class Two:
    """Two upstreams with four credentials of the operator."""

    def __init__(self, fleet: Fleet, first: Place, second: Place) -> None:
        self.fleet, self.first, self.second = fleet, first, second

    def journey(self, *, key: str = KEY, model: str = "qwen-a", **wish: Any) -> Journey:
        caller = self.fleet.router.caller(ApiKey(key))
        return self.fleet.router.journey(caller, model, Wish(wish.pop("use", Use.CHAT), **wish))

    async def ask(self, **more: Any) -> tuple[str, str]:
        """Who answered, and the trail of what failed before."""
        journey = self.journey(**more)
        return await answer(journey), journey.trail

    def fail(self, failures: Mapping[str, QwenError]) -> None:
        for value, error in failures.items():
            (self.second if value == "sk-4" else self.first).fails[value] = [error]

    @property
    def asked(self) -> list[str]:
        return self.first.asked + self.second.asked


async def answer(journey: Journey) -> str:
    async def begin(stop: Stop) -> AsyncGenerator[StreamChatResponse, None]:
        return stop.lane.upstream.chat(CompleteChatRequest(), stop.model, stop.lane.credentials)

    async with journey.begun(begin) as begun:
        text = begun.first.deltas[0].content
        return text + "".join([message.deltas[0].content async for message in begun.rest])


async def two(**first: Any) -> Two:
    places = Place("first"), Place("second")
    configuration = configured({"first": first, "second": {}}, SECRETS, key=first.pop("key", {}))
    return Two(await fleet_of(configuration, *places), *places)


@pytest.mark.asyncio
async def test_the_least_busy_credential_of_the_preferred_upstream_answers() -> None:
    house = await two()
    assert [await house.ask() for _ in range(4)] == [
        ("first sk-1!", ""),
        ("first sk-2!", ""),
        ("first sk-3!", ""),
        ("first sk-1!", ""),
    ]


@pytest.mark.asyncio
async def test_a_limit_goes_on_to_the_next_credential_and_cools_the_one_that_met_it() -> None:
    house = await two()
    house.fail({"sk-1": RateLimited("slow down", retry_after=30)})
    assert await house.ask() == ("first sk-2!", "first/1 RATE_LIMITED")
    assert [await house.ask() for _ in range(2)] == [("first sk-3!", ""), ("first sk-2!", "")]


@pytest.mark.asyncio
async def test_a_server_that_cannot_be_reached_is_left_for_the_next_upstream_at_once() -> None:
    house = await two()
    house.fail({"sk-1": UpstreamConnect("no route")})
    assert await house.ask() == ("second sk-4!", "first/1 UPSTREAM_CONNECT")
    assert house.asked == ["sk-1", "sk-4"]


@pytest.mark.asyncio
async def test_a_challenge_is_not_met_again_with_another_account_of_the_same_address() -> None:
    house = await two()
    house.fail({"sk-1": UpstreamChallenge("a person has to")})
    assert await house.ask() == ("second sk-4!", "first/1 UPSTREAM_CHALLENGE")


@pytest.mark.asyncio
async def test_at_most_three_attempts_and_the_error_lists_them() -> None:
    house = await two()
    house.fail({f"sk-{n}": RateLimited("slow down", retry_after=n) for n in range(1, 5)})
    with pytest.raises(RateLimited) as failure:
        await house.ask()
    trail = "first/1 RATE_LIMITED, first/2 RATE_LIMITED, first/3 RATE_LIMITED"
    assert failure.value.facts == {"upstream": "first", "attempts": trail, "exhausted": "true"}
    assert failure.value.message == f"slow down; tried: {trail}"
    assert house.second.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [InvalidParameter("n"), UpstreamHeadersTimeout("silence")])
async def test_what_another_attempt_cannot_mend_or_would_double_is_told_at_once(error: QwenError) -> None:
    house = await two()
    house.fail({"sk-1": error})
    with pytest.raises(type(error)) as failure:
        await house.ask()
    assert (failure.value is error, house.asked) == (True, ["sk-1"])
    assert "attempts" not in error.facts


@pytest.mark.asyncio
async def test_nothing_is_tried_again_after_the_first_message() -> None:
    house = await two()
    house.first.breaks = UpstreamTruncated("cut")
    with pytest.raises(UpstreamTruncated):
        await house.ask()
    assert house.asked == ["sk-1"]


@pytest.mark.asyncio
async def test_a_cut_before_the_first_message_goes_on_for_answers_and_not_for_what_is_made_and_kept() -> None:
    house = await two()
    house.fail({"sk-1": UpstreamTruncated("cut"), "sk-2": UpstreamTruncated("cut")})
    assert await house.ask() == ("second sk-4!", "first/1 UPSTREAM_TRUNCATED")
    with pytest.raises(UpstreamTruncated):
        await house.ask(use=Use.IMAGE)
    assert house.asked == ["sk-1", "sk-2", "sk-4"]


@pytest.mark.asyncio
async def test_what_was_made_in_part_is_never_made_again() -> None:
    house = await two()
    house.fail({"sk-1": RateLimited("slow down", partial="true")})
    with pytest.raises(RateLimited):
        await house.ask(use=Use.IMAGE)
    assert house.asked == ["sk-1"]


@pytest.mark.asyncio
async def test_a_refused_credential_of_the_operator_is_not_the_callers_fault() -> None:
    house = await two()
    house.fail({f"sk-{n}": CredentialExpired("401") for n in range(1, 4)})
    with pytest.raises(UpstreamCredentialInvalid) as failure:
        await house.ask()
    assert failure.value.message.startswith("first/3 was refused by its upstream; the operator has to renew it")
    assert await house.ask() == ("second sk-4!", "")


@pytest.mark.asyncio
async def test_when_all_cool_down_the_caller_learns_when_the_first_is_back() -> None:
    house = await two()
    for value, seconds in (("sk-1", 90), ("sk-2", 50), ("sk-3", 70), ("sk-4", 80)):
        house.fail({value: RateLimited("slow down", retry_after=seconds)})
        with pytest.raises(RateLimited):
            await house.ask(only="second/1" if value == "sk-4" else f"first/{value[-1]}")
    with pytest.raises(NoCredential) as failure:
        await house.ask()
    assert 49 <= (failure.value.retry_after or 0) <= 50


@pytest.mark.asyncio
async def test_a_server_that_fails_again_and_again_is_left_alone() -> None:
    house = await two()
    for _ in range(5):
        house.fail({f"sk-{n}": UpstreamConnect("no route") for n in range(1, 4)})
        await house.ask()
    house.first.asked.clear()
    assert await house.ask() == ("second sk-4!", "")
    assert house.first.asked == []
    with pytest.raises(CircuitOpen) as failure:
        await house.ask(only="first/1")
    assert 24 <= (failure.value.retry_after or 0) <= 36


@pytest.mark.asyncio
async def test_a_conversation_stays_with_the_credential_that_served_it() -> None:
    house = await two()
    assert [await house.ask(thread="t") for _ in range(3)] == [("first sk-1!", "")] * 3
    house.fail({"sk-1": RateLimited("slow down", retry_after=60)})
    assert [await house.ask(thread="t") for _ in range(2)] == [
        ("first sk-2!", "first/1 RATE_LIMITED"),
        ("first sk-2!", ""),
    ]


@pytest.mark.asyncio
async def test_a_call_that_is_bound_to_a_credential_takes_no_other() -> None:
    house = await two()
    house.fail({"sk-2": RateLimited("slow down")})
    with pytest.raises(RateLimited):
        await house.ask(only="first/2")
    assert house.asked == ["sk-2"]


@pytest.mark.asyncio
async def test_a_full_upstream_is_passed_over_and_then_told() -> None:
    house = await two(max_calls=1)
    (first, _) = house.fleet.router.snapshot.entries
    with first.allowance.call():
        assert await house.ask() == ("second sk-4!", "")
        with pytest.raises(Overloaded) as failure:
            await house.ask(only="first/1")
    assert 1.0 <= (failure.value.retry_after or 0) <= 5.0


@pytest.mark.asyncio
async def test_a_credential_takes_only_as_many_calls_as_it_may() -> None:
    house = await two(max_calls_per_credential=1)
    passages = [await house.journey().next() for _ in range(1)]
    with passages[0]:
        assert await house.ask() == ("first sk-2!", "")
        with pytest.raises(Overloaded):
            await house.ask(only="first/1")


@pytest.mark.asyncio
async def test_a_key_has_limits_of_its_own() -> None:
    house = await two(key={"requests_per_minute": 2})
    assert [await house.ask() for _ in range(2)] == [("first sk-1!", ""), ("first sk-2!", "")]
    with pytest.raises(TenantLimit) as failure:
        await house.ask()
    assert 1 <= (failure.value.retry_after or 0) <= 60
    assert house.asked == ["sk-1", "sk-2"]


@pytest.mark.asyncio
async def test_second_attempts_end_when_their_budget_is_spent() -> None:
    house = await two()
    (first, _) = house.fleet.router.snapshot.entries
    while first.budget.spend():
        pass
    house.fail({"sk-1": RateLimited("slow down")})
    with pytest.raises(RateLimited):
        await house.ask()
    assert house.asked == ["sk-1"]


@pytest.mark.asyncio
async def test_a_model_that_no_upstream_has_is_told_with_near_names() -> None:
    house = await two()
    with pytest.raises(ModelNotFound, match="did you mean 'qwen-b' or 'qwen-a'"):
        await house.ask(model="qwen-bb")


@pytest.mark.asyncio
async def test_a_caller_that_leaves_frees_the_lane_and_blames_nobody() -> None:
    house = await two()
    journey = house.journey()

    async def begin(stop: Stop) -> AsyncGenerator[StreamChatResponse, None]:
        return stop.lane.upstream.chat(CompleteChatRequest(), stop.model, stop.lane.credentials)

    with pytest.raises(GeneratorExit):
        async with journey.begun(begin):
            raise GeneratorExit
    (first, _) = house.fleet.router.snapshot.entries
    assert [(row.in_flight, row.calls, row.failures, row.troubles) for row in first.health][0] == (0, 1, 0, {})
