"""Fault drills with three credentials and two upstreams: who is left alone, for how long, and what the caller sees."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from drilling import (
    DOORS,
    ONE,
    THREE,
    TWO,
    Door,
    Seen,
    at,
    begun,
    by_grpc,
    by_rest,
    drill,
    held,
    one_credential,
    site_first,
    two_upstreams,
    unreachable,
    waits,
)
from operated import operated
from subprocesses import run

at_each_door = pytest.mark.parametrize("door", [by_rest, by_grpc], ids=["REST", "gRPC"])
SAID = "You said: Hello"


@dataclass(frozen=True)
class Drill:
    """A fault of the first credential, and all that follows.

    `states` are what `GetPool` shows afterwards, `wait` the bounds of its
    times in seconds, and `begun` the answers that upstreams began to make.
    """

    scenario: str
    seen: Seen
    states: Mapping[str, tuple[str, ...]]
    begun: Mapping[str, int]
    wait: tuple[float, float] | None = None
    switches: Mapping[str, str] = field(default_factory=dict)


def next_credential(scenario: str, reason: str, state: str, wait: tuple[float, float] | None, **switches: str) -> Drill:
    """The first credential is left alone, and the second one answers."""
    seen = Seen(SAID, "official", f"official/1 {reason}")
    return Drill(scenario, seen, {"official/1": (f"{state} {reason}",)}, {TWO: 1}, wait, switches)


def next_upstream(scenario: str, reason: str, **began: int) -> Drill:
    """No credential is to blame; the engine answers."""
    return Drill(scenario, Seen(SAID, "gpu", f"official/1 {reason}"), {}, {"vllm": 1} | began)


def told(scenario: str, reason: str, text: str = "") -> Drill:
    """The caller is told at once, and nobody is left alone."""
    return Drill(scenario, Seen(text, "official" if text else "", "", reason), {}, {ONE: 1} if text else {})


DRILLS = {
    "429": next_credential("rate_quota", "RATE_LIMITED", "cooling qwen-plus chat", (0.5, 5)),
    "429 with Retry-After": next_credential(
        "rate_quota", "RATE_LIMITED", "cooling qwen-plus chat", (29, 30), retry_after="30"
    ),
    "tokens worded as a bill": next_credential("billing_quota", "TOKEN_QUOTA", "cooling qwen-plus", (59, 72)),
    "401": next_credential("unauthorized", "CREDENTIAL_EXPIRED", "needs_login", None),
    "arrears": next_credential("arrearage", "BILLING", "needs_login", None),
    "the free quota is used up": next_credential("free_quota", "BILLING", "needs_login", None),
    "503": next_upstream("model_serving_error", "UPSTREAM_UNAVAILABLE"),
    "502 with HTML": next_upstream("http_502_html", "UPSTREAM_UNAVAILABLE"),
    "500": next_upstream("internal_error", "UPSTREAM_ERROR"),
    "cut before the first delta": next_upstream("empty_stream", "UPSTREAM_EMPTY", **{ONE: 1}),
    "cut after the first delta": told("eof", "UPSTREAM_TRUNCATED", "Part 1. Part 2. "),
    "broken after the first delta": told("truncate", "UPSTREAM_TRUNCATED", "Part 1. Part 2. "),
    "limited after the first delta": replace(
        told("midstream_throttled", "TOKEN_QUOTA", "Part 1. Part 2. "),
        states={"official/1": ("cooling qwen-plus TOKEN_QUOTA",)},
        wait=(59, 72),
    ),
    "too long": told("context_too_long", "CONTEXT_LENGTH"),
    "filtered": told("content_filter", "CONTENT_FILTERED"),
}


# Only in a stream is there something between the first delta and the end.
CASES = [
    pytest.param(planned, door, id=f"{name} {way}")
    for name, planned in DRILLS.items()
    for way, door in DOORS.items()
    if way != "SSE" or planned.seen.text != SAID
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("planned", "door"), CASES)
async def test_a_fault_of_the_first_credential(planned: Drill, door: Door) -> None:
    async with drill({ONE: planned.scenario}, **planned.switches) as house:
        seen = await door(house, "Hello")
        assert replace(seen, wait=None) == at(door, planned.seen)
        assert await house.states() == planned.states
        assert begun(house) == planned.begun
        left = await waits(house, ["official/1"])
        assert [planned.wait[0] <= one <= planned.wait[1] for one in left] == [True] if planned.wait else left == []


@pytest.mark.asyncio
@at_each_door
async def test_three_attempts_are_all_and_the_error_lists_them(door: Door) -> None:
    async with drill(dict.fromkeys((ONE, TWO, THREE), "rate_quota"), retry_after="20") as house:
        tried = ", ".join(f"official/{number} RATE_LIMITED" for number in (1, 2, 3))
        assert await door(house, "Hello") == at(door, Seen(attempts=tried, reason="RATE_LIMITED", wait=20))
        assert begun(house) == {}
        # All of them cool down, so the next call goes straight to the engine.
        assert await door(house, "Hello") == Seen(SAID, "gpu")
        assert begun(house) == {"vllm": 1}


@pytest.mark.asyncio
@at_each_door
async def test_when_all_credentials_cool_down_the_earliest_return_is_told(door: Door) -> None:
    async with drill(dict.fromkeys((ONE, TWO, THREE), "rate_quota"), retry_after="40") as house:
        house.simulator.engine.behaviour.change({"faults": {"vllm": "rate_limited"}, "retry_after": "20"})
        assert (await door(house, "Hello")).reason == "RATE_LIMITED"
        assert (await door(house, "Hello")).reason == "RATE_LIMITED"
        refused = await door(house, "Hello")
        assert (refused.about((18, 20)), begun(house)) == (at(door, Seen(reason="NO_CREDENTIAL")), {})
        assert len([one for one in house.simulator.requests if one.path.endswith("/chat/completions")]) == 4


@pytest.mark.asyncio
@at_each_door
async def test_a_server_that_is_not_there_is_nobodys_fault_and_after_five_times_it_is_not_asked(door: Door) -> None:
    async with operated(unreachable) as house:
        tried = Seen(SAID, "gpu", "official/1 UPSTREAM_CONNECT")
        assert [await door(house, "Hello") for _ in range(5)] == [
            replace(tried, attempts=f"official/{number} UPSTREAM_CONNECT") for number in (1, 2, 3, 1, 2)
        ]
        assert await door(house, "Hello") == Seen(SAID, "gpu")
        assert (await house.states(), begun(house)) == ({}, {"vllm": 6})
        refused = await door(house, "Hello", model="official/qwen-plus")
        assert refused.about((23, 36)) == at(door, Seen(reason="CIRCUIT_OPEN"))
        house.pass_time(40)
        assert (await door(house, "Hello")).attempts.endswith(" UPSTREAM_CONNECT")
        assert await door(house, "Hello") == Seen(SAID, "gpu")


@pytest.mark.asyncio
@at_each_door
async def test_a_challenge_is_not_met_with_the_other_accounts(door: Door) -> None:
    async with operated(site_first) as house:
        house.simulator.behaviour.change({"challenge": "json"})
        assert await door(house, "Hello") == Seen(SAID, "gpu", "web/1 UPSTREAM_CHALLENGE")
        assert await house.states() == {"web/1": ("challenged UPSTREAM_CHALLENGE",)}
        assert [480 <= one <= 720 for one in await waits(house, ["web/1"])] == [True]
        assert house.simulator.posts == 1


@pytest.mark.asyncio
@at_each_door
async def test_a_key_without_another_upstream_is_told_of_the_challenge(door: Door) -> None:
    async with operated(site_first) as house:
        house.simulator.behaviour.change({"challenge": "html"})
        refused = await door(house, "Hello", model="web/qwen3.7-plus")
        assert refused == at(door, Seen(reason="UPSTREAM_CHALLENGE"))
        assert house.simulator.posts == 1


@pytest.mark.asyncio
async def test_failures_in_a_row_cool_for_longer() -> None:
    async with drill({ONE: "rate_quota"}, one_credential, retry_after="1") as house:
        for least, most in ((1.5, 2.4), (3.9, 6), (11.9, 18), (47.9, 72), (47.9, 72)):
            assert (await by_grpc(house, "Hello")).attempts == "official/1 RATE_LIMITED"
            assert [least <= one <= most for one in await waits(house, ["official/1"])] == [True]
            house.pass_time(80)


@pytest.mark.asyncio
async def test_after_its_time_one_call_tries_and_then_all_is_well() -> None:
    async with drill({ONE: "rate_quota"}, one_credential, retry_after="30") as house:
        await by_grpc(house, "Hello")
        house.pass_time(31)
        assert await house.states() == {"official/1": ("half_open qwen-plus chat RATE_LIMITED",)}
        house.simulator.dashscope.behaviour.change({"faults": {}})
        async with held(house, "Wait [[sim:silent]]"):
            assert await by_grpc(house, "Hello") == Seen(SAID, "gpu")
            refused = await by_grpc(house, "Hello", model="official/qwen-plus")
            assert refused.about((1, 1)) == Seen(reason="NO_CREDENTIAL")
        # The one that tried was left by its caller, which says nothing of the credential.
        assert await house.states() == {"official/1": ("half_open qwen-plus chat RATE_LIMITED",)}
        assert await by_grpc(house, "Hello") == Seen(SAID, "official")
        assert (await house.states(), begun(house)) == ({}, {ONE: 2, "vllm": 2})


@pytest.mark.asyncio
async def test_a_renewed_credential_is_well_again() -> None:
    async with drill({ONE: "unauthorized"}, one_credential) as house:
        refused = Seen(reason="UPSTREAM_CREDENTIAL_INVALID")
        assert [await by_grpc(house, "Hello", model="official/qwen-plus") for _ in range(2)] == [refused, refused]
        assert len(house.simulator.requests) == 1
        await house.gateway.swap(two_upstreams(house.simulator, [TWO]))
        assert await by_grpc(house, "Hello", model="official/qwen-plus") == Seen(SAID, "official")
        assert await house.states() == {}


@pytest.mark.asyncio
async def test_a_limit_of_one_model_leaves_the_others_alone() -> None:
    async with drill({ONE: "rate_quota"}, one_credential) as house:
        await by_grpc(house, "Hello", model="official/qwen-plus")
        house.simulator.dashscope.behaviour.change({"faults": {}})
        assert await by_grpc(house, "Hello", model="official/qwen3-max") == Seen(SAID, "official")
        assert list(await house.states()) == ["official/1"]


@pytest.mark.asyncio
async def test_the_command_shows_the_operator_the_pool() -> None:
    async with drill({ONE: "unauthorized"}) as house:
        await by_grpc(house, "Hello")
        port = str(house.gateway.server.admin_port)
        table = await run(sys.executable, "-m", "qwen_grpc", "pool", "--port", port, environment={})
        as_json = await run(sys.executable, "-m", "qwen_grpc", "pool", "--port", port, "--json", environment={})

    rows = [line.split() for line in table.out.splitlines()]
    assert rows[1:3] == [
        ["official/1", "needs-login", "0", "1", "1", "everything", "CREDENTIAL_EXPIRED", "renewed"],
        ["official/2", "healthy", "0", "1", "0"],
    ]
    assert [lane["label"] for lane in json.loads(as_json.out)["lanes"]] == [row[0] for row in rows[1:]]
    assert not any(secret in table.out + as_json.out for secret in (ONE, TWO, THREE))
