import pytest
from measured import good_rounds, held, one, rounds

from benchmarks.figures import Results, Spread, spread
from benchmarks.loads import STREAMS_16, STREAMS_64, WHOLE_16
from benchmarks.systems import DIRECT, GATEWAY, GRPC, PLAIN


def test_a_spread_is_the_median_the_least_and_the_most_of_what_was_measured() -> None:
    assert spread([3.0, None, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert spread([None]) is None


def test_a_ratio_is_taken_round_by_round_and_then_the_median() -> None:
    ours, theirs = (100, 200, 400), (300, 1000, 400)
    results = Results({PLAIN: rounds(*map(one, theirs)), GATEWAY: rounds(*map(one, ours))})
    assert results.ratio(PLAIN, GATEWAY, STREAMS_16, "cpu_us_per_delta") == Spread(3.0, 1.0, 5.0)


def test_what_is_added_is_the_difference_to_the_direct_way_in_the_same_round() -> None:
    direct = rounds(*(one(added_ms=[ms, 0, 0]) for ms in (0.1, 0.5, 0.2)))
    ours = rounds(*(one(added_ms=[ms, 0, 0]) for ms in (0.4, 0.6, 0.9)))
    added = Results({DIRECT: direct, GATEWAY: ours}).added(GATEWAY, STREAMS_64, "added_ms", 0)
    assert added is not None
    assert added == pytest.approx((0.3, 0.1, 0.7))


def test_what_was_not_measured_gives_no_figure() -> None:
    results = Results({GATEWAY: rounds(one(added_ms=None))})
    assert results.ratio(PLAIN, GATEWAY, STREAMS_16, "cpu_us_per_delta") is None
    assert results.added(GATEWAY, STREAMS_16, "added_ms", 0) is None
    assert results.figure(GRPC, STREAMS_16, "cpu_us_per_delta") is None


def test_a_system_is_saturated_below_98_percent_of_the_pace_and_whole_answers_have_no_pace() -> None:
    for delivered, saturated in ((0.979, True), (0.98, False)):
        results = Results({PLAIN: rounds(one(delivered=delivered))})
        assert results.saturated(PLAIN, STREAMS_16) == saturated
        assert bool(results.faults()) == saturated
    assert not Results({PLAIN: rounds(one(delivered=0.0))}).saturated(PLAIN, WHOLE_16)


@pytest.mark.parametrize("name", ["lost", "doubled", "out_of_order", "errors"])
def test_one_delta_that_was_not_as_sent_or_one_error_spoils_a_result(name: str) -> None:
    assert Results(good_rounds(), {GATEWAY: held()}).faults() == []
    spoilt = good_rounds()
    spoilt[GATEWAY][STREAMS_64.name][1] = one(**{name: 1, "first_error": "why"})
    assert Results(spoilt).faults() == [f"{GATEWAY}, {STREAMS_64.name}: {{'{name}': 1}}, the first error: why"]
    open_ones = Results(good_rounds(), {GATEWAY: held(**{name: 1})})
    assert open_ones.faults() == [f"{GATEWAY}, 1000 open streams: {{'{name}': 1}}, the first error: none"]
    counted = 0 if name == "errors" else 1
    assert (Results(spoilt).misled([GATEWAY]), open_ones.misled([GATEWAY])) == (counted, counted)
    assert Results(spoilt).misled([PLAIN]) == 0


def test_another_that_does_not_hold_as_many_streams_spoils_nothing() -> None:
    assert Results(good_rounds(), {PLAIN: held(errors=1, complete=100)}).faults() == []
