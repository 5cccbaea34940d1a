"""What a scrape reads: states that are asked for, and how late the loop is."""

import asyncio
from pathlib import Path

import pytest

from qwen_grpc.errors import UpstreamConnect
from qwen_grpc.ledger import Jobs, Ledger, State
from qwen_grpc.ledger.jobs import Wanted
from qwen_grpc.routing.health import BREAKER_FAULTS, MAX_BREAKER_S, Breaker
from qwen_grpc.routing.limits import BUDGET_PER_S, BUDGET_WINDOW_S, RetryBudget
from qwen_grpc.telemetry.lag import LagSampler


def test_a_breaker_is_open_after_faults_and_half_open_after_its_time() -> None:
    now = 0.0
    breaker, fault = Breaker(lambda: now), UpstreamConnect("nobody is there")
    for _ in range(BREAKER_FAULTS):
        assert breaker.state == "closed"
        breaker.end(fault, told=True)
    assert breaker.state == "open"
    now = MAX_BREAKER_S * 2
    assert breaker.state == "half-open"
    breaker.end(None, told=True, probe=breaker.begin())
    assert breaker.state == "closed"


def test_what_is_left_of_a_budget_is_what_may_still_be_spent() -> None:
    budget = RetryBudget()
    whole = BUDGET_PER_S * BUDGET_WINDOW_S
    assert budget.left() == whole
    spent = 0
    while budget.spend():
        spent += 1
        assert budget.left() == whole - spent
    assert (spent, budget.left()) == (whole, 0)


@pytest.mark.asyncio
async def test_jobs_are_counted_by_their_state(tmp_path: Path) -> None:
    async with Ledger(tmp_path / "ledger") as ledger:
        jobs = Jobs(ledger)
        assert await jobs.counts() == {}
        made = [(await jobs.begin(wanted(str(number))))[0] for number in range(3)]
        await jobs.change(made[0].id, state=State.FAILED)
        assert await jobs.counts() == {State.INTENT: 2, State.FAILED: 1}


def wanted(request_id: str) -> Wanted:
    return Wanted("ada", "web", "web/1", "qwen3-max", "a cat", "", request_id, "hash")


@pytest.mark.asyncio
async def test_a_loop_that_stood_still_is_told_as_late() -> None:
    told: asyncio.Queue[float] = asyncio.Queue()
    sampler = LagSampler(told.put_nowait)
    assert sampler.blocked() == 0
    sampler.start()
    sampler._due -= 10
    assert await asyncio.wait_for(told.get(), 5) >= 10
    assert sampler.blocked() < 10
    sampler.stop()
    assert sampler.blocked() == 0
