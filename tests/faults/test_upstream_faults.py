"""Every fault of an upstream, by every way in: what the caller is told, and that nothing of it stays."""

from contextlib import nullcontext
from itertools import groupby

import pytest
from answering import FAULTS as ANSWERING
from both_doors import WAYS
from broken_upstream import path_of
from cases import Fault, Variant
from connecting import FAULTS as CONNECTING
from faces import Face
from streaming import FAULTS as STREAMING
from trial import GOOD, Trial, complaining, trial_of

from qwen_grpc.upstreams.http import Clocks

FAULTS = [fault for fault in (*CONNECTING, *ANSWERING, *STREAMING) if fault.variants]


async def put(trial: Trial, variant: Variant, way: str) -> None:
    """Lets the upstream have the fault for one question."""
    before, asked = trial.levels(), len(trial.upstream.completions())
    if variant.play is not None:
        trial.upstream.play = variant.play
    async with variant.state(trial.upstream) if variant.state else nullcontext():
        variant.outcome.check(way, await trial.ask(way))
    if variant.asked is not None:
        assert len(trial.upstream.completions()) - asked == variant.asked
    assert not [request for request in trial.upstream.requests if follows(request)]
    await trial.is_well(before, way)


def follows(request: bytes) -> bool:
    """Whether a request goes where an upstream pointed, or carries a cookie that it set."""
    return path_of(request) == b"/elsewhere" or b"jar0=" in request


def place_of(variant: Variant) -> tuple[Face, Clocks | None, float | None]:
    """Where a variant is played; those that follow each other there share a gateway."""
    return variant.face, variant.clocks, variant.total_s


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_fault_of_an_upstream_is_told_truly_and_leaves_nothing(fault: Fault, way: str) -> None:
    with complaining() as complaints:
        for (face, clocks, total_s), variants in groupby(fault.variants, key=place_of):
            settings = {"qwen_total": total_s} if total_s else {}
            async with trial_of(face, clocks, **settings) as trial:
                GOOD.check(way, await trial.ask(way))
                for variant in variants:
                    try:
                        await put(trial, variant, way)
                    except AssertionError as error:
                        raise AssertionError(f"{variant}: {error}") from error
    assert complaints == []
