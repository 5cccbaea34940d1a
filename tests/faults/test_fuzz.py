"""Whatever an upstream sends, callers get a row of the table of errors, or an answer whose end the upstream said."""

import random
import re
from collections import Counter

import pytest
from both_doors import WAYS, GrpcFailure, HttpFailure, Outcome
from cases import Clocks
from faces import DASHSCOPE, ENGINE, SITE, Face
from mutations import bases, broken
from raw_server import Step
from trial import Trial, trial_of

from qwen_grpc.errors import QwenError
from rest_shim.errors import REASONS

COUNT = 1_750
SEED = 4711
# Nothing waits for these: every answer ends with its connection.
PATIENT = Clocks(headers_s=20, first_event_s=20, thinking_first_event_s=20, idle_s=20, thinking_idle_s=20, silence_s=20)
ENDS = {
    ENGINE: re.compile(rb'"finish_reason":\s*"(stop|length|tool_calls|content_filter|function_call)"'),
    DASHSCOPE: re.compile(rb'"finish_reason":\s*"(stop|length|tool_calls|content_filter|function_call)"'),
    SITE: re.compile(rb'"status":\s*"finished"'),
}


def rows() -> set[tuple[object, ...]]:
    """The table of errors, as seen by gRPC and by REST. That we do not know what happened is not in it."""
    kinds = [QwenError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    over_grpc = {(kind.code, kind.reason) for kind in kinds if kind.reason != "INTERNAL"}
    over_rest = {(row.status, row.type, row.code) for reason, row in REASONS.items() if reason != "INTERNAL"}
    in_band = {(200, kind, code) for _, kind, code in over_rest}
    return over_grpc | over_rest | in_band


def row_of(outcome: Outcome) -> tuple[object, ...]:
    match outcome.failure:
        case GrpcFailure() as failure:
            return failure.code, failure.reason
        case HttpFailure() as failure:
            return failure.status, failure.type, failure.code
    return ()


@pytest.mark.asyncio
@pytest.mark.parametrize("face", [ENGINE, DASHSCOPE, SITE], ids=str)
async def test_no_upstream_leads_out_of_the_table_and_none_is_helped_to_an_end(face: Face) -> None:
    chance, made, known, seen = random.Random(SEED), bases(face), rows(), Counter[tuple[object, ...]]()
    async with trial_of(face, PATIENT) as trial:
        for number in range(COUNT):
            sent = broken(chance, made)
            outcome = await _asked(trial, sent, list(WAYS)[number % 4])
            seen[row_of(outcome)] += 1
            if outcome.failure is None:
                assert ENDS[face].search(sent), (number, sent)
            else:
                assert row_of(outcome) in known, (number, sent, outcome)
            assert not [line for line in trial.logged if line["event"] == "unforeseen failure"], (number, sent)
            del trial.logged[:]
    assert len(seen) > 15, "the answers are too much alike"
    assert not any("timeout" in str(part).lower() for row in seen for part in row), seen


async def _asked(trial: Trial, sent: bytes, way: str) -> Outcome:
    trial.upstream.play = [sent, Step.CLOSE]
    return await WAYS[way](trial.doors, trial.face.asked(), trial.face.credentials)
