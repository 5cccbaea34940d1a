"""Answers whose calls are text, turned into answers with calls."""

from typing import Any

from qwen_grpc.tools.answer import Calling
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ChatDelta,
    StreamChatResponse,
)

WEATHER = '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>'


def taken(*deltas: dict[str, Any], calling: Calling | None = None) -> list[ChatDelta]:
    calling, steps = calling or Calling(), []
    for delta in deltas:
        message = StreamChatResponse(deltas=[ChatDelta(**delta)])
        calling.take(message)
        steps += message.deltas
    return steps


def test_an_answer_without_calls_stays_as_it_is() -> None:
    deltas: list[dict[str, Any]] = [
        {"phase": "think"}, {"reasoning_content": "Hm."}, {"content": "Hello", "phase": "answer"}, {"content": " you."},
        {"finish_reason": FINISH_REASON_STOP, "extra_json": '{"a":1}'},
    ]  # fmt: skip
    assert taken(*deltas) == [ChatDelta(**delta) for delta in deltas]


def test_calls_take_the_place_of_their_text_and_of_the_finish_reason() -> None:
    steps = taken(
        {"content": "Let me look.\n", "phase": "answer"}, {"content": WEATHER[:20]}, {"content": WEATHER[20:]},
        {"content": "\n"}, {"finish_reason": FINISH_REASON_STOP},
    )  # fmt: skip
    said, called, end = steps
    assert (said.content, said.phase) == ("Let me look.", "answer")
    assert [(call.index, call.name, call.arguments) for call in called.tool_calls] == [
        (0, "weather", '{"city": "Paris"}')
    ]
    assert end == ChatDelta(finish_reason=FINISH_REASON_TOOL_CALLS)


def test_another_finish_reason_is_kept() -> None:
    steps = taken({"content": WEATHER + '<tool_call>{"name'}, {"finish_reason": FINISH_REASON_LENGTH})
    assert [step.content for step in steps] == ["", '{"name', ""]
    assert steps[-1].finish_reason == FINISH_REASON_LENGTH


def test_a_phase_is_told_though_its_text_is_held() -> None:
    assert taken({"content": "<tool", "phase": "answer"}) == [ChatDelta(phase="answer")]


def test_each_choice_is_read_by_itself() -> None:
    steps = taken(
        {"index": 0, "content": WEATHER[:30]}, {"index": 1, "content": "Plain."}, {"index": 0, "content": WEATHER[30:]},
        {"index": 1, "finish_reason": FINISH_REASON_STOP}, {"index": 0, "finish_reason": FINISH_REASON_STOP},
    )  # fmt: skip
    assert [(step.index, step.content, len(step.tool_calls), step.finish_reason) for step in steps] == [
        (1, "Plain.", 0, 0),
        (0, "", 1, 0),
        (1, "", 0, FINISH_REASON_STOP),
        (0, "", 0, FINISH_REASON_TOOL_CALLS),
    ]


def test_what_was_held_when_an_answer_broke_off_is_text() -> None:
    calling = Calling()
    assert taken({"content": 'Now. <tool_call>{"name": "f'}, calling=calling) == [ChatDelta(content="Now.")]
    assert calling.rest() == [ChatDelta(content=' {"name": "f')]


def test_the_text_of_a_server_that_parses_by_itself_is_text() -> None:
    steps = taken(
        {"content": "Look: <tool"}, {"tool_calls": [{"index": 0, "id": "c1", "name": "f"}]}, {"content": WEATHER},
        {"finish_reason": FINISH_REASON_STOP},
    )  # fmt: skip
    assert [step.content for step in steps] == ["Look:", " <tool", "", WEATHER, ""]
    assert [call.id for step in steps for call in step.tool_calls] == ["c1"]
    assert steps[-1].finish_reason == FINISH_REASON_STOP
