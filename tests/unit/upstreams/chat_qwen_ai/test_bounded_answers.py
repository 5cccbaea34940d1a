"""Answers that end by the site's own counts."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.upstreams.chat_qwen_ai.bounded import BoundedAnswer, Bounds
from qwen_grpc.upstreams.chat_qwen_ai.decode import Answer
from qwen_grpc.upstreams.chat_qwen_ai.shown import Shown
from qwen_grpc.upstreams.clocks import Work
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_LENGTH, FINISH_REASON_STOP, StreamChatResponse

LAST = b'{"choices":[{"delta":{"content":"","status":"finished","phase":"answer"}}]}'


def event(text: str, tokens: int, phase: str = "answer") -> bytes:
    delta: dict[str, Any] = {"content": text, "phase": phase, "status": "typing"}
    usage = {"input_tokens": 800, "output_tokens": tokens, "total_tokens": 800 + tokens}
    return json.dumps({"choices": [{"delta": delta}], "usage": usage}).encode()


def read(bounds: Bounds, *reads: Sequence[bytes]) -> tuple[Answer, StreamChatResponse]:
    """The answer and one message with all of it."""
    answer = bounds.opened(Shown("https://example.org"))
    message = StreamChatResponse()
    for data in reads:
        if not answer.finished:
            answer.decode(data, message)
    answer.end(message)
    return answer, message


def text_of(message: StreamChatResponse) -> str:
    return "".join(delta.content for delta in message.deltas)


WORDS = [event("one ", 1), event("two ", 3), event("three", 6), LAST]


@pytest.mark.parametrize(
    ("most", "text", "reason", "tokens"),
    [
        (6, "one two three", FINISH_REASON_STOP, 6),
        (5, "one two ", FINISH_REASON_LENGTH, 6),
        (3, "one two ", FINISH_REASON_LENGTH, 6),
        (2, "one ", FINISH_REASON_LENGTH, 3),
        (1, "one ", FINISH_REASON_LENGTH, 3),
    ],
)
@pytest.mark.parametrize("name", ["total", "answer"])
def test_an_answer_is_never_longer_than_its_limit(name: str, most: int, text: str, reason: int, tokens: int) -> None:
    answer, message = read(Bounds(**{name: most}), WORDS)  # type: ignore[arg-type]
    assert (text_of(message), message.deltas[-1].finish_reason) == (text, reason)
    assert message.usage.completion_tokens == tokens
    assert answer.cut == (reason == FINISH_REASON_LENGTH)
    assert answer.text.whole() == text


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(1, 9))
def test_where_it_ends_does_not_depend_on_how_it_was_read(sizes: list[int], most: int) -> None:
    reads, rest = [], list(WORDS)
    for size in sizes:
        reads.append(rest[:size])
        rest = rest[size:]
    _, split = read(Bounds(total=most), *reads, rest)
    _, whole = read(Bounds(total=most), WORDS)
    assert split == whole


def test_max_tokens_do_not_count_what_was_thought() -> None:
    thinking = [event("Hm. ", 50, "think"), event("one ", 52), event("two", 54), LAST]
    assert text_of(read(Bounds(answer=4), thinking)[1]) == "one two"
    assert text_of(read(Bounds(answer=3), thinking)[1]) == "one "
    answer, message = read(Bounds(total=3), thinking)
    assert (text_of(message), message.deltas[-1].finish_reason) == ("", FINISH_REASON_LENGTH)
    assert answer.cut


def test_of_both_limits_the_narrower_one_counts() -> None:
    assert text_of(read(Bounds(total=6, answer=2), WORDS)[1]) == "one "
    assert text_of(read(Bounds(total=2, answer=6), WORDS)[1]) == "one "


def test_who_looks_for_stop_texts_is_told_the_counts_so_far() -> None:
    answer = Bounds(stops=True).opened(Shown("https://example.org"))
    message = StreamChatResponse()
    answer.decode(WORDS[:2], message)
    assert (message.usage.prompt_tokens, message.usage.completion_tokens) == (800, 3)


def test_an_answer_without_bounds_is_decoded_as_ever() -> None:
    assert type(Bounds().opened(Shown("https://example.org"), work=Work.RESEARCHING)) is Answer
    assert type(Bounds(stops=True).opened(Shown("https://example.org"), work=Work.RESEARCHING)) is BoundedAnswer
