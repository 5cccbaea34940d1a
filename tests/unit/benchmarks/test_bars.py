from collections.abc import Callable
from typing import Any

import pytest
from measured import good_rounds, held, one, rounds

from benchmarks import gate
from benchmarks.bars import bars
from benchmarks.figures import Results
from benchmarks.loads import STREAM_1
from benchmarks.report import compact, markdown, text
from benchmarks.systems import DIRECT, ENGINE, GATEWAY, LITELLM, NGINX, PLAIN

Change = Callable[[dict[str, Any]], None]


def missed(results: Results) -> list[str]:
    return [bar.figure for bar in bars(results) if bar.met is False]


def test_a_gateway_that_holds_every_bar_misses_none() -> None:
    found = bars(Results(good_rounds(), {GATEWAY: held()}))
    assert [bar.figure for bar in found if not bar.met] == []
    assert len(found) == 15


@pytest.mark.parametrize(
    ("system", "changed", "figures"),
    [
        pytest.param(PLAIN, rounds(one(249, 4990)), 2, id="cheaper-reference"),
        pytest.param(LITELLM, rounds(one(890, 26_000)), 4, id="cheaper-litellm"),
        pytest.param(NGINX, rounds(one(29)), 2, id="cheaper-nginx"),
        pytest.param(ENGINE, rounds(one(121, 1334)), 3, id="dearer-engine"),
        pytest.param(GATEWAY, rounds(one(added_ms=[0.56, 1, 2])), 1, id="late-deltas"),
        pytest.param(GATEWAY, rounds(one(first_ms=[2.2, 3, 4])), 1, id="late-starts"),
        pytest.param(GATEWAY, rounds(one(early_steps=1)), 1, id="held-back"),
        pytest.param(GATEWAY, rounds(one(doubled=1)), 1, id="doubled"),
        pytest.param(DIRECT, rounds(one(0, 0, first_ms=[0, 0, 0], added_ms=[0, 0, 0])), 0, id="faster-direct"),
    ],
)
def test_each_bar_can_be_missed(system: str, changed: dict[str, Any], figures: int) -> None:
    assert len(missed(Results({**good_rounds(), system: changed}, {GATEWAY: held()}))) == figures


@pytest.mark.parametrize("changed", [{"idle_mib": 85.9}, {"kib_per_stream": 40.1}, {"streams": 999}, {"complete": 999}])
def test_each_bar_of_memory_can_be_missed(changed: dict[str, float]) -> None:
    assert len(missed(Results(good_rounds(), {GATEWAY: held(**changed)}))) == 1


def test_what_was_not_measured_is_neither_met_nor_missed_and_the_reason_is_told() -> None:
    found = good_rounds()
    del found[NGINX]
    told = [bar for bar in bars(Results(found, missing={NGINX: "there is none"})) if bar.met is None]
    assert [(bar.measured, bar.remark) for bar in told] == [("–", "there is none")] * 2


def test_a_saturated_peer_is_marked() -> None:
    results = Results(good_rounds(), {GATEWAY: held()})
    remarks = {bar.remark for bar in bars(results) if f"delta, 16 streams: {LITELLM}" in bar.figure}
    assert remarks == {"LiteLLM could not keep the pace"}
    assert "| LiteLLM | 1200 † |" in text(results)


def test_the_text_has_every_table_and_says_what_is_not_valid() -> None:
    found = good_rounds()
    found[GATEWAY][STREAM_1.name][0] = one(lost=3, first_error="why")
    told = text(Results(found, {GATEWAY: held()}, {"other": "gone"}, {PLAIN: "some loop"}))
    assert told.count("\n|---|") == 4
    assert "| deltas lost, doubled or out of order in any run | 0 | 3 | **missed** |" in told
    for line in (
        f"{PLAIN}: some loop",
        "other is not measured: gone",
        f"NOT VALID: {GATEWAY}, 1 stream: {{'lost': 3}}",
    ):
        assert line in told


def test_a_table_has_a_head_and_a_rule() -> None:
    assert markdown([("", "a"), ("b", "1")]) == "|  | a |\n|---|---|\n| b | 1 |"


def test_a_round_stands_on_one_line() -> None:
    told = compact({"rounds": {"a": {"b": [{"x": [1, 2], "y": "a  b"}, {"x": None}]}}, "n": 1})
    assert '   { "x": [ 1, 2 ], "y": "a  b" },\n' in told


def test_the_gate_lets_pass_what_is_good_and_stops_each_thing_that_is_not() -> None:
    good = {PLAIN: rounds(*[one(300, 6000)] * 3), GATEWAY: rounds(*[one()] * 3)}
    assert gate.passed(Results(good))
    for changed in (one(300), one(100, 3000), one(sleeps_per_delta=2.0), one(errors=1)):
        assert not gate.passed(Results({**good, GATEWAY: rounds(*[changed] * 3)}))
