"""How much at once and how often."""

import asyncio

import pytest

from qwen_grpc.routing.limits import Allowance, RetryBudget, Window


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


def test_a_window_forgets() -> None:
    clock = Clock()
    window = Window(10, clock)
    window.add()
    clock.time += 4
    window.add()
    assert (window.count(), window.room_in()) == (2, 6)
    clock.time += 6
    assert (window.count(), window.room_in()) == (1, 4)


def test_calls_at_once_are_limited_and_counted_while_they_run() -> None:
    allowance = Allowance(2, 0)
    with allowance.call(), allowance.call():
        assert allowance.wait() == 1.0
    assert allowance.wait() is None


def test_calls_a_minute_are_limited_until_the_oldest_is_forgotten() -> None:
    clock = Clock()
    allowance = Allowance(0, 2, clock)
    for _ in range(2):
        with allowance.call():
            clock.time += 10
    assert allowance.wait() == 40
    clock.time += 40
    assert allowance.wait() is None


def test_without_limits_everything_may_begin() -> None:
    allowance = Allowance(0, 0)
    with allowance.call():
        assert allowance.wait() is None


@pytest.mark.asyncio
async def test_an_allowance_is_idle_when_its_last_call_is_over() -> None:
    allowance = Allowance(0, 0)
    with allowance.call():
        waiting = asyncio.create_task(allowance.idle())
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


def test_the_same_limits_keep_what_runs() -> None:
    old = Allowance(1, 0)
    assert Allowance(1, 0).or_same(old) is old
    assert Allowance(2, 0).or_same(old) is not old


def test_second_attempts_are_always_some_and_then_a_tenth_of_all_calls() -> None:
    clock = Clock()
    budget = RetryBudget(clock)
    assert [budget.spend() for _ in range(31)] == [True] * 30 + [False]
    for _ in range(400):
        budget.called()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    clock.time += 10
    assert budget.spend()
