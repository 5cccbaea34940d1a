"""Deltas gather when the event loop is late, and only then."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from clockwork import JumpingLoop, run

from qwen_grpc.services.pacing import LATE_S, MAX_PAUSE_S, PERIOD_S, LagMeter, paced
from qwen_grpc.v1.chat_pb2 import ChatDelta, StreamChatResponse

MESSAGES = [StreamChatResponse(deltas=[ChatDelta(content=str(number))]) for number in range(3)]


class Source:
    """Three messages, and whether they were left."""

    def __init__(self) -> None:
        self.closed = False

    async def messages(self) -> AsyncGenerator[StreamChatResponse, None]:
        try:
            for message in MESSAGES:
                yield message
        finally:
            self.closed = True


def loop() -> JumpingLoop:
    found = asyncio.get_running_loop()
    assert isinstance(found, JumpingLoop)
    return found


async def measured(late_s: float) -> tuple[float, float]:
    """Seconds between three messages, and the meter's pause, when timers fire `late_s` late for a second."""
    meter = LagMeter()
    loop().late_s = late_s
    with meter:
        await asyncio.sleep(1)
        loop().late_s = 0
        before = loop().time()
        pause_s = meter.pause_s
        assert [message async for message in paced(Source().messages(), meter)] == MESSAGES
        return loop().time() - before, pause_s


def test_a_loop_that_keeps_up_makes_no_pause() -> None:
    assert run(measured(0)) == (0, 0)


def test_a_loop_that_is_hardly_late_makes_no_pause() -> None:
    assert run(measured(LATE_S * 0.9)) == (0, 0)


def test_a_loop_that_is_late_makes_pauses_between_messages() -> None:
    took_s, pause_s = run(measured(0.006))
    assert pause_s == pytest.approx(0.024, rel=0.01)
    assert PERIOD_S < took_s <= 3 * pause_s


def test_a_pause_has_a_bound() -> None:
    assert run(measured(5))[1] == MAX_PAUSE_S


def test_nobody_measures_while_nobody_streams() -> None:
    async def timers() -> list[int]:
        meter, found = LagMeter(), []
        with meter:
            with meter:
                found.append(len(loop()._scheduled))  # type: ignore[attr-defined]
            found.append(sum(not timer.cancelled() for timer in loop()._scheduled))  # type: ignore[attr-defined]
        found.append(sum(not timer.cancelled() for timer in loop()._scheduled))  # type: ignore[attr-defined]
        return found

    assert run(timers()) == [1, 1, 0]


def test_leaving_early_leaves_the_source_too() -> None:
    async def left() -> bool:
        source = Source()
        stream = paced(source.messages(), LagMeter())
        await anext(stream)
        await stream.aclose()
        return source.closed

    assert run(left())
