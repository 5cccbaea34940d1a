"""F-08, F-27, F-28: what comes without end, or all at once, takes neither the memory nor the loop."""

import tracemalloc
from collections.abc import Iterator
from functools import partial

import pytest
from both_doors import metadata, request_of
from broken_upstream import BrokenUpstream
from faces import ENGINE
from outcomes import PROTOCOL
from raw_server import chunk
from streaming import digits
from trial import Trial, trial_of

from qwen_grpc.upstreams.messages import HIGH_WATER

MIB = 1 << 20
MILLION = 1_000_000
# One read of asyncio's beyond what is held at most.
MOST_AT_ONCE = HIGH_WATER + 256 * 1024


async def read_out(trial: Trial) -> list[str]:
    """The texts of the messages of a gRPC stream."""
    call = trial.doors.chat.StreamChat(
        request_of(trial.face.asked()), metadata=metadata(trial.face.credentials), timeout=50
    )
    return ["".join(delta.content for delta in message.deltas) async for message in call]


@pytest.mark.asyncio
async def test_a_line_without_end_is_not_kept() -> None:
    sent = []

    def endless(_: BrokenUpstream) -> Iterator[bytes]:
        yield ENGINE.begun + chunk(b"data: ")
        piece = chunk(b"x" * 65_536)
        for at in range(1600):
            sent.append(at)
            yield piece

    async with trial_of(ENGINE) as trial:
        await trial.ask("gRPC stream")
        trial.upstream.play = endless
        tracemalloc.start()
        PROTOCOL.after("Hi").check("gRPC stream", await trial.ask("gRPC stream"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    # A mebibyte is an event's limit; beside it there is what was read beyond, and the copy in which it is looked for.
    assert peak < 4 * MIB
    assert len(sent) < 400, "the upstream was held back"


@pytest.mark.asyncio
async def test_a_million_events_come_in_order_and_none_holds_the_loop_for_long() -> None:
    async with trial_of(ENGINE) as trial:
        trial.upstream.play = partial(digits, count=MILLION)
        texts = await read_out(trial)

    assert "".join(texts) == "0123456789" * (MILLION // 10)
    # Between two messages the loop serves others: a message takes what one read brought, and a read is bounded.
    assert max(map(len, texts)) <= MOST_AT_ONCE // len(b'data: {"choices":[{"delta":{"content":"0"}}]}\n\n')
