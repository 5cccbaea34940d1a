"""Stop texts in an answer that comes in pieces."""

from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.emulation.stops import StopFinder, until_stop
from qwen_grpc.errors import UpstreamTruncated
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ChatDelta,
    StreamChatResponse,
    StreamStart,
    ToolCallDelta,
)
from qwen_grpc.v1.common_pb2 import Usage

# Few letters, so that stop texts are met, overlap, and contain one another.
letters = st.text("ab\n", max_size=30)
some_stops = st.lists(st.text("ab\n", max_size=5), max_size=4)


def expected(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """What generation would have left: it ends at the first character with which a stop text is complete."""
    for end in range(1, len(text) + 1):
        if met := [stop for stop in stops if stop and text[:end].endswith(stop)]:
            return text[: end - len(max(met, key=len))], True
    return text, False


def found(pieces: Sequence[str], stops: Sequence[str]) -> tuple[str, bool]:
    finder = StopFinder(stops)
    told = ""
    for piece in pieces:
        told += finder.feed(piece)
        if finder.met:
            assert finder.met in stops
            return told, True
    return told + finder.finish(), False


@given(letters, some_stops, st.data())
def test_however_a_text_is_split_it_ends_at_the_same_place(text: str, stops: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert found(pieces, stops) == expected(text, stops)


@given(letters, some_stops)
def test_what_was_told_is_never_taken_back(text: str, stops: list[str]) -> None:
    finder, told = StopFinder(stops), ""
    for character in text:
        told += finder.feed(character)
        assert expected(text, stops)[0].startswith(told)
        if finder.met:
            break


def test_nothing_is_held_that_begins_no_stop_text() -> None:
    finder = StopFinder(["END", "</s>"])
    assert [finder.feed(piece) for piece in ("Hello E", "N", "ough <", "b> E")] == ["Hello ", "", "ENough ", "<b> "]
    assert finder.finish() == "E"


@pytest.mark.parametrize("stop", ["a" * 900 + "b", "ab" * 450 + "c", "x"])
def test_the_work_is_linear(stop: str) -> None:
    finder = StopFinder([stop, stop[:-1] + "d"])
    text = "a" * 5000 + "ab" * 5000
    told = "".join(map(finder.feed, text))
    assert told + finder.finish() == text
    assert finder.looked_at <= 2 * len(text)


# -- in messages --------------------------------------------------------------------------------------------------


class Answer:
    """An answer that notes when it was left."""

    def __init__(self, *messages: StreamChatResponse, error: Exception | None = None) -> None:
        self.messages, self.error, self.left_after = messages, error, 0

    async def __call__(self) -> AsyncGenerator[StreamChatResponse, None]:
        try:
            for number, message in enumerate(self.messages, 1):
                self.left_after = number
                yield message
            if self.error:
                raise self.error
        finally:
            self.left_after = -self.left_after


def said(*texts: str, tokens: int = 0) -> StreamChatResponse:
    message = StreamChatResponse(deltas=[ChatDelta(content=text) for text in texts])
    if tokens:
        message.usage.CopyFrom(Usage(completion_tokens=tokens))
    return message


def end() -> StreamChatResponse:
    delta = ChatDelta(finish_reason=FINISH_REASON_STOP)
    return StreamChatResponse(deltas=[delta], usage=Usage(completion_tokens=9))


async def told(answer: Answer, *stops: str) -> list[StreamChatResponse]:
    return [message async for message in until_stop(answer(), stops)]


def text_of(messages: Sequence[StreamChatResponse]) -> str:
    return "".join(delta.content for message in messages for delta in message.deltas)


@pytest.mark.asyncio
async def test_the_upstream_is_left_at_the_stop_text_and_the_counts_so_far_are_told() -> None:
    first = StreamChatResponse(start=StreamStart(id="1"), deltas=[ChatDelta(content="one ST")])
    answer = Answer(first, said("O", tokens=3), said("P two", "three", tokens=5), said("never"), end())
    messages = await told(answer, "STOP")
    assert (text_of(messages), answer.left_after) == ("one ", -3)
    assert messages[0].start.id == "1"
    assert messages[-1].deltas[-1].finish_reason == FINISH_REASON_STOP
    assert messages[-1].deltas[-1].extra_json == '{"stop_reason":"STOP"}'
    assert [message.usage.completion_tokens for message in messages if message.HasField("usage")] == [5]


@pytest.mark.asyncio
async def test_an_answer_without_a_stop_text_is_what_it_was() -> None:
    messages = await told(Answer(said("one ", tokens=1), said("S", "T"), end()), "STOP")
    assert text_of(messages) == "one ST"
    assert [message.usage.completion_tokens for message in messages if message.HasField("usage")] == [9]
    assert messages[-1].deltas[-1].finish_reason == FINISH_REASON_STOP


@pytest.mark.asyncio
async def test_counts_that_nobody_told_are_not_made_up() -> None:
    (message,) = await told(Answer(said("one STOP")), "STOP")
    assert not message.HasField("usage")


@pytest.mark.asyncio
async def test_calls_before_a_stop_text_are_still_wanted() -> None:
    call = StreamChatResponse(deltas=[ChatDelta(tool_calls=[ToolCallDelta(id="c", name="f")])])
    messages = await told(Answer(call, said("and\nmore")), "\n")
    assert messages[-1].deltas[-1].finish_reason == FINISH_REASON_TOOL_CALLS


@pytest.mark.asyncio
async def test_thinking_and_keep_alives_are_not_searched() -> None:
    thought = StreamChatResponse(deltas=[ChatDelta(reasoning_content="STOP"), ChatDelta(phase="answer")])
    messages = await told(Answer(thought, said("one"), end()), "STOP")
    assert messages[0] == thought
    assert text_of(messages) == "one"


@pytest.mark.asyncio
async def test_what_was_held_back_is_told_before_a_failure() -> None:
    answer = until_stop(Answer(said("one ST"), error=UpstreamTruncated("cut"))(), ["STOP"])
    assert text_of([await anext(answer), await anext(answer)]) == "one ST"
    with pytest.raises(UpstreamTruncated):
        await anext(answer)
