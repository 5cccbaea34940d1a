"""Increments, snapshots, and halves of an emoji."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.upstreams.chat_qwen_ai.text import Pairing, Text, grown

increments = st.lists(st.text("ab ", min_size=1, max_size=4), max_size=8)


def taken(events: list[str]) -> list[str]:
    text = Text()
    shown = [text.take(event) for event in events]
    shown.append(text.rest())
    assert text.whole() == "".join(shown)
    return shown


def looks_like_snapshots(events: list[str]) -> bool:
    return (
        len(events) > 2
        and all(len(b) > len(a) and b.startswith(a) for a, b in itertools.pairwise(events[:2]))
        and events[2].startswith(events[1])
    )


@given(increments)
def test_increments_are_put_together(events: list[str]) -> None:
    if not looks_like_snapshots(events):
        assert "".join(taken(events)) == "".join(events)


@given(st.lists(st.text("abé ", min_size=1, max_size=4), min_size=3, max_size=8))
def test_snapshots_show_what_is_new(steps: list[str]) -> None:
    snapshots = list(itertools.accumulate(steps))
    assert "".join(taken(snapshots)) == snapshots[-1]


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        (["ha", "ha", "haha"], ["ha", "ha", "haha", ""]),
        (["ha", "haha", "ha"], ["ha", "", "hahaha", ""]),
        (["a", "ab"], ["a", "", "ab"]),
        (["a", "b", "ab", "abc"], ["a", "b", "ab", "abc", ""]),
        (["a", "ab", "abc", "abc"], ["a", "", "bc", "", ""]),
        (["a"], ["a", ""]),
        ([], [""]),
    ],
)
def test_only_an_ambiguous_second_event_waits(events: list[str], shown: list[str]) -> None:
    assert taken(events) == shown


def test_a_rewritten_snapshot_shows_all_behind_the_common_beginning_once() -> None:
    assert taken(["a", "ab", "abc", "abX", "abXy", "abXyz"]) == ["a", "", "bc", "X", "y", "z", ""]


def test_a_snapshot_that_shrank_for_a_moment_repeats_nothing() -> None:
    assert taken(["a", "ab", "abcd", "abc", "abcde"]) == ["a", "", "bcd", "", "e", ""]


@pytest.mark.parametrize(
    ("before", "now", "more"),
    [("", "a", "a"), ("a", "ab", "b"), ("ab", "a", ""), ("ab", "aX", "X"), ("ab", "ab", ""), ("ab", "xy", "xy")],
)
def test_growth_is_what_follows_the_common_beginning(before: str, now: str, more: str) -> None:
    assert grown(before, now) == more


def event(content: str, **extra: str) -> dict[str, object]:
    return {"choices": [{"delta": {"content": content, "extra": extra}}]}


@given(st.text("a😀é", min_size=1, max_size=8), st.data())
def test_characters_cut_anywhere_between_events_are_whole_again(text: str, data: st.DataObject) -> None:
    units = text.encode("utf-16-le")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(units) // 2), max_size=4)))
    edges = [0, *(2 * cut for cut in cuts), len(units)]
    halves = [units[start:end].decode("utf-16-le", "surrogatepass") for start, end in itertools.pairwise(edges)]
    pairing = Pairing()

    mended = [pairing.mend(event(half)) for half in halves]

    assert "".join(value["choices"][0]["delta"]["content"] for value in mended) == text
    json.dumps(mended, ensure_ascii=False).encode()


def test_a_half_whose_other_half_never_comes_is_replaced() -> None:
    pairing = Pairing()
    assert [pairing.mend(event(half)) for half in ("a\ud83d", "b", "\ude00c")] == [
        event("a"),
        event("\ufffdb"),
        event("\ufffdc"),
    ]


def test_a_half_outside_the_answer_is_replaced_and_waits_for_nothing() -> None:
    pairing = Pairing()
    assert [pairing.mend(event(half, **{"snippet\ud83d": "cut \ud83d"})) for half in ("a\ud83d", "\ude00b")] == [
        event("a", **{"snippet\ufffd": "cut \ufffd"}),
        event("😀b", **{"snippet\ufffd": "cut \ufffd"}),
    ]


@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, {"choices": None}, ["plain", 1]])
def test_other_values_stay_as_they_are(value: object) -> None:
    assert Pairing().mend(value) == value
