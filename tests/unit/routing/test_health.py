"""How credentials and servers are left alone, and when they are tried again."""

from math import inf

import pytest

from qwen_grpc.errors import (
    AccessDenied,
    Billing,
    ContentFiltered,
    ContextLength,
    CredentialExpired,
    InvalidParameter,
    ModelNotFound,
    QuotaExhausted,
    QwenError,
    RateLimited,
    TokenQuota,
    Unsupported,
    UpstreamChallenge,
    UpstreamConnect,
    UpstreamCrashed,
)
from qwen_grpc.routing.health import BREAKER_FAULTS, JITTER, Breaker, Health
from qwen_grpc.routing.lanes import Need
from qwen_grpc.routing.reactions import Condition

CHAT = Need("qwen-max", "chat")
OTHER_MODEL = Need("qwen-plus", "chat")
IMAGE = Need("qwen-max", "image")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def after(error: QwenError | None, need: Need = CHAT, *, health: Health | None = None, told: bool = True) -> Health:
    """A credential after one call that ended so."""
    health = health or Health(Clock())
    health.begin(need)
    health.end(need, error, told=told)
    return health


def wait(health: Health, need: Need) -> float:
    opens = health.open_at(need)
    return opens - health.now() if opens else 0.0


@pytest.mark.parametrize(
    ("error", "seconds", "barred", "open_to"),
    [
        (RateLimited("x"), 2, [CHAT], [OTHER_MODEL, IMAGE]),
        (TokenQuota("x"), 60, [CHAT, IMAGE], [OTHER_MODEL]),
        (QuotaExhausted("x"), 3600, [CHAT, OTHER_MODEL], [IMAGE]),
        (AccessDenied("x"), 600, [CHAT, IMAGE], [OTHER_MODEL]),
        (ModelNotFound("x"), 60, [CHAT, IMAGE], [OTHER_MODEL]),
        (UpstreamChallenge("x"), 600, [CHAT, OTHER_MODEL, IMAGE], []),
        (CredentialExpired("x"), inf, [CHAT, OTHER_MODEL, IMAGE], []),
        (Billing("x"), inf, [CHAT, OTHER_MODEL, IMAGE], []),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, QwenError) else None,
)
def test_a_failure_bars_what_it_is_about_and_nothing_else(
    error: QwenError, seconds: float, barred: list[Need], open_to: list[Need]
) -> None:
    health = after(error)
    for need in barred:
        assert seconds * (1 - JITTER) <= wait(health, need) <= seconds * (1 + JITTER)
    assert [wait(health, need) for need in open_to] == [0.0] * len(open_to)


@pytest.mark.parametrize("kind", [InvalidParameter, ContextLength, ContentFiltered, Unsupported, UpstreamConnect])
def test_a_callers_own_mistake_and_a_servers_fault_take_no_credential_away(kind: type[QwenError]) -> None:
    health = after(kind("x"))
    assert (health.troubles, health.failures) == ({}, 0)


def test_what_the_upstream_asked_for_wins_when_it_is_longer_and_is_capped() -> None:
    assert wait(after(RateLimited("x", retry_after=45)), CHAT) == 45
    assert wait(after(QuotaExhausted("x", retry_after=10**9)), CHAT) == 24 * 3600


def test_failures_in_a_row_wait_longer() -> None:
    health = after(UpstreamChallenge("x"))
    waits = []
    for _ in range(3):
        health.now.time = health.open_at(CHAT)  # type: ignore[attr-defined]
        after(UpstreamChallenge("x"), health=health)
        waits.append(wait(health, CHAT))
    assert waits[0] > 3600 * (1 - JITTER)
    assert waits[1] > 6 * 3600 * (1 - JITTER)
    assert waits[2] < 6 * 3600 * (1 + JITTER)


def test_when_the_time_is_over_exactly_one_call_tries() -> None:
    health = after(RateLimited("x"))
    health.now.time += 10  # type: ignore[attr-defined]
    (trouble,) = health.troubles.values()
    assert trouble.condition_at(health.now()) is Condition.HALF_OPEN
    assert wait(health, CHAT) == 0.0

    health.begin(CHAT)
    assert health.open_at(CHAT) > 0
    assert wait(health, OTHER_MODEL) == 0.0

    health.end(CHAT, None, told=True)
    assert health.troubles == {}


def test_a_call_that_was_left_says_nothing_so_another_one_tries() -> None:
    health = after(RateLimited("x"))
    health.now.time += 10  # type: ignore[attr-defined]
    after(None, health=health, told=False)
    assert len(health.troubles) == 1
    assert wait(health, CHAT) == 0.0


def test_a_call_that_began_before_the_failure_and_ends_well_does_not_lift_it() -> None:
    health = Health(Clock())
    health.begin(CHAT)
    after(RateLimited("x", retry_after=60), health=health)
    health.end(CHAT, None, told=True)
    assert wait(health, CHAT) == 60


def test_calls_are_counted() -> None:
    health = after(RateLimited("x"))
    health.begin(CHAT)
    assert (health.in_flight, health.calls, health.failures) == (1, 2, 1)


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(BREAKER_FAULTS):
        end(breaker, UpstreamCrashed("x"))
    return breaker


def end(breaker: Breaker, error: QwenError | None, *, told: bool = True) -> None:
    """One call that ends so."""
    breaker.end(error, told=told, probe=breaker.begin())


def test_some_faults_in_a_row_leave_a_server_alone_and_then_one_call_tries() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert breaker.state == "open"
    assert 30 * (1 - JITTER) <= breaker.open_at() - clock() <= 30 * (1 + JITTER)

    clock.time = breaker.open_at()
    assert (breaker.open_at(), breaker.state) == (0.0, "half-open")
    probe = breaker.begin()
    assert breaker.open_at() > 0.0
    breaker.end(None, told=True, probe=probe)
    assert (breaker.open_at(), breaker.state) == (0.0, "closed")


def test_a_probe_that_fails_leaves_the_server_alone_for_longer_up_to_a_cap() -> None:
    clock = Clock()
    breaker = opened(clock)
    for times in range(2, 22):
        clock.time = breaker.open_at()
        end(breaker, UpstreamConnect("x"))
        seconds = min(30 * times, 300)
        assert seconds * (1 - JITTER) <= breaker.open_at() - clock() <= seconds * (1 + JITTER)


def test_calls_that_had_begun_before_a_server_was_left_alone_change_nothing() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    begun = [breaker.begin() for _ in range(50)]
    for probe in begun[:40]:
        breaker.end(UpstreamCrashed("x"), told=True, probe=probe)
    opens = breaker.open_at()
    assert opens - clock() <= 30 * (1 + JITTER)
    breaker.end(None, told=True, probe=begun[40])
    assert breaker.open_at() == opens

    clock.time = opens
    assert breaker.begin()
    for probe in begun[41:]:
        breaker.end(None, told=False, probe=probe)
    assert breaker.open_at() > 0.0, "a second call would try while the first one does"


def test_a_probe_that_its_caller_left_lets_the_next_call_try() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.time = breaker.open_at()
    end(breaker, None, told=False)
    assert (breaker.open_at(), breaker.state) == (0.0, "half-open")
    assert breaker.begin()


def test_half_of_many_calls_within_the_window_leave_a_server_alone_too() -> None:
    breaker = Breaker(Clock())
    for _ in range(9):
        end(breaker, None)
        end(breaker, UpstreamCrashed("x"))
    end(breaker, None)
    assert breaker.open_at() == 0.0
    end(breaker, UpstreamCrashed("x"))
    assert breaker.open_at() > 0.0


def test_fewer_failures_than_half_leave_a_server_in_use() -> None:
    breaker = Breaker(Clock())
    for _ in range(100):
        end(breaker, UpstreamCrashed("x"))
        end(breaker, None)
        end(breaker, None)
    assert breaker.open_at() == 0.0


def test_failures_of_half_a_minute_ago_no_longer_count() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(100):
        end(breaker, None)
        end(breaker, UpstreamCrashed("x"))
        clock.time += 4
    assert breaker.open_at() == 0.0, "twenty calls were never within thirty seconds"


def test_anything_but_a_fault_of_the_server_says_that_it_is_there() -> None:
    breaker = Breaker(Clock())
    for _ in range(3):
        for _ in range(BREAKER_FAULTS - 1):
            end(breaker, UpstreamCrashed("x"))
        end(breaker, InvalidParameter("x"))
        for _ in range(2):
            end(breaker, InvalidParameter("x"))
    assert breaker.open_at() == 0.0


def test_a_caller_that_left_says_nothing_of_the_server() -> None:
    breaker = Breaker(Clock())
    for _ in range(BREAKER_FAULTS - 1):
        end(breaker, UpstreamCrashed("x"))
    end(breaker, None, told=False)
    end(breaker, UpstreamCrashed("x"))
    assert breaker.open_at() > 0.0
