from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.upstreams.openai_engine.answers import Misplaced, mend_usage
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_LENGTH, FINISH_REASON_STOP, ChatDelta, StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

pieces = st.lists(st.text(min_size=1, max_size=4), max_size=6)
STOP = ChatDelta(finish_reason=FINISH_REASON_STOP)


def thoughts(texts: Sequence[str], index: int = 0) -> list[ChatDelta]:
    return [ChatDelta(index=index, reasoning_content=text) for text in texts]


def contents(texts: Sequence[str], index: int = 0) -> list[ChatDelta]:
    return [ChatDelta(index=index, content=text) for text in texts]


def split(deltas: Sequence[ChatDelta], data: st.DataObject) -> list[StreamChatResponse]:
    """The deltas in messages of any size."""
    messages, rest = [], list(deltas)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        messages.append(StreamChatResponse(deltas=rest[:size]))
        rest = rest[size:]
    return messages


def mended(messages: Sequence[StreamChatResponse]) -> list[ChatDelta]:
    misplaced = Misplaced()
    return [delta for message in messages for delta in misplaced.mend(message).deltas]


def texts(deltas: Sequence[ChatDelta], index: int = 0) -> tuple[str, str]:
    mine = [delta for delta in deltas if delta.index == index]
    return "".join(delta.reasoning_content for delta in mine), "".join(delta.content for delta in mine)


@given(pieces.filter(bool), st.data())
def test_an_answer_that_came_as_thinking_alone_becomes_the_content(texts_: list[str], data: st.DataObject) -> None:
    deltas = mended(split([*thoughts(texts_), STOP], data))

    assert deltas == [ChatDelta(content="".join(texts_), finish_reason=FINISH_REASON_STOP)]


@given(pieces, pieces.filter(bool), st.data())
def test_thinking_before_an_answer_stays_thinking(before: list[str], answer: list[str], data: st.DataObject) -> None:
    deltas = mended(split([*thoughts(before), *contents(answer), STOP], data))

    assert texts(deltas) == ("".join(before), "".join(answer))
    assert [delta.finish_reason for delta in deltas][-1] == FINISH_REASON_STOP


@given(pieces.filter(bool), st.data())
def test_thinking_before_a_tool_call_stays_thinking(before: list[str], data: st.DataObject) -> None:
    call = ChatDelta()
    call.tool_calls.add(id="call_1", name="look", arguments="{}")

    deltas = mended(split([*thoughts(before), call, STOP], data))

    assert texts(deltas) == ("".join(before), "")
    assert [list(delta.tool_calls) for delta in deltas if delta.tool_calls] == [list(call.tool_calls)]


@given(pieces.filter(bool), pieces.filter(bool), pieces.filter(bool), st.data())
def test_each_choice_is_looked_at_by_itself(
    lost: list[str], before: list[str], answer: list[str], data: st.DataObject
) -> None:
    end = ChatDelta(index=1, finish_reason=FINISH_REASON_LENGTH)
    deltas = mended(split([*thoughts(lost), *thoughts(before, 1), *contents(answer, 1), STOP, end], data))

    assert texts(deltas) == ("", "".join(lost))
    assert texts(deltas, 1) == ("".join(before), "".join(answer))


@given(pieces.filter(bool), st.data())
def test_content_is_never_held_back(answer: list[str], data: st.DataObject) -> None:
    misplaced = Misplaced()
    messages = split(contents(answer), data)

    assert [misplaced.mend(message) for message in messages] == messages


def test_thinking_after_content_is_passed_on_as_it_comes() -> None:
    message = StreamChatResponse(deltas=[*contents(["Hi"]), *thoughts(["hm"])])

    assert mended([message]) == list(message.deltas)


def test_a_stream_that_breaks_off_gives_what_was_held_back_as_thinking() -> None:
    misplaced = Misplaced()
    held = misplaced.mend(StreamChatResponse(deltas=thoughts(["We", "ll"])))

    assert not held.ListFields()
    assert misplaced.rest() == StreamChatResponse(deltas=thoughts(["Well"]))
    assert not misplaced.rest().deltas


def test_what_else_a_message_holds_is_kept() -> None:
    message = StreamChatResponse(deltas=thoughts(["a"]), extra_json='{"timings":{}}', usage=Usage(prompt_tokens=1))
    message.start.id = "chatcmpl-1"

    kept = Misplaced().mend(message)

    assert (kept.start.id, kept.extra_json, kept.usage.prompt_tokens, len(kept.deltas)) == (
        "chatcmpl-1",
        '{"timings":{}}',
        1,
        0,
    )


def test_sglangs_count_of_thinking_gets_its_place() -> None:
    usage = Usage(completion_tokens=9, extra_json='{"reasoning_tokens":4,"other":1}')

    mend_usage(usage)

    assert usage == Usage(completion_tokens=9, reasoning_tokens=4, extra_json='{"other":1}')


def test_a_count_that_has_its_place_is_left_alone() -> None:
    usage = Usage(reasoning_tokens=4, extra_json='{"reasoning_tokens":5}')
    before = Usage()
    before.CopyFrom(usage)

    mend_usage(usage)

    assert usage == before
