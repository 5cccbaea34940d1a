"""Deltas gather when the event loop is late, and only then."""

import asyncio

import pytest
from clockwork import JumpingLoop, run

from qwen_grpc.services.pacing import LATE_S, PAUSE_S, PUNCTUAL_S, Gathering, LagMeter


def loop() -> JumpingLoop:
    found = asyncio.get_running_loop()
    assert isinstance(found, JumpingLoop)
    return found


async def late_by(late_s: float) -> LagMeter:
    """A meter that has watched timers fire `late_s` late for two seconds."""
    meter = LagMeter()
    loop().late_s = late_s
    async with meter.watching():
        await asyncio.sleep(2)
    loop().late_s = 0
    return meter


async def pause_after(late_s: float, gap_s: float) -> float:
    """How long a stream pauses whose last two messages came `gap_s` apart."""
    gathering = Gathering(await late_by(late_s))
    gathering.pause()
    await asyncio.sleep(gap_s)
    before = loop().time()
    if (pause := gathering.pause()) is not None:
        await pause
    return loop().time() - before


@pytest.mark.parametrize("late_s", [0, LATE_S * 0.9])
def test_a_loop_that_keeps_up_is_not_late(late_s: float) -> None:
    async def late() -> bool:
        return (await late_by(late_s)).late

    assert not run(late())


def test_a_late_loop_lets_close_messages_gather() -> None:
    async def late() -> bool:
        return (await late_by(0.006)).late

    assert run(late())
    assert run(pause_after(0.006, gap_s=0)) == pytest.approx(PAUSE_S)


def test_messages_that_come_further_apart_than_the_pause_do_not_wait() -> None:
    assert run(pause_after(0.006, gap_s=PAUSE_S * 1.1)) == 0


@pytest.mark.parametrize(("late_s", "expected"), [(PUNCTUAL_S * 1.2, True), (PUNCTUAL_S * 0.8, False)])
def test_a_late_loop_counts_as_late_until_it_is_punctual_by_far(late_s: float, expected: bool) -> None:
    async def late() -> bool:
        meter = await late_by(LATE_S * 2)
        loop().late_s = late_s
        async with meter.watching():
            await asyncio.sleep(2)
        return meter.late

    assert run(late()) is expected


def test_nobody_measures_while_nobody_streams() -> None:
    async def timers() -> list[int]:
        meter, found = LagMeter(), []
        async with meter.watching():
            async with meter.watching():
                found.append(len(loop()._scheduled))  # type: ignore[attr-defined]
            found.append(sum(not timer.cancelled() for timer in loop()._scheduled))  # type: ignore[attr-defined]
        found.append(sum(not timer.cancelled() for timer in loop()._scheduled))  # type: ignore[attr-defined]
        return found

    assert run(timers()) == [1, 1, 0]
