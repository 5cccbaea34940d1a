"""One test for each rule about messages."""

from typing import Any

import pytest
from asking import encode, messages_sent

from qwen_grpc.errors import Unsupported

USER = {"role": "user", "content": "Hello"}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def said(content: Any, role: str = "user", model: str = "qwen-plus") -> Any:
    return messages_sent([{"role": role, "content": content}], model)[0]["content"]


def test_text_models_get_lists_of_texts_as_one_text() -> None:
    assert said([text("Hello")]) == "Hello"
    assert said([text("One"), text("Two")]) == "One\nTwo"
    assert said([text("Hello")], model="qwen3-vl-plus") == [text("Hello")]
    assert said([text("Result")], role="tool", model="qwen3-vl-plus") == "Result"


def test_a_mark_for_the_cache_keeps_its_list() -> None:
    marked = [text("Hello", cache_control={"type": "ephemeral"})]
    assert said(marked) == marked


def test_a_developer_is_a_system() -> None:
    assert messages_sent([{"role": "developer", "content": "Be kind"}, USER])[0] == {
        "role": "system",
        "content": "Be kind",
    }


def test_system_messages_at_the_beginning_become_one() -> None:
    one, two = {"role": "system", "content": "One"}, {"role": "developer", "content": [text("Two")]}
    asked = encode(messages=[one, two, USER])
    assert asked.members["messages"] == [{"role": "system", "content": "One\n\nTwo"}, USER]
    assert asked.notices == []


def test_system_messages_in_between_move_to_the_beginning_and_that_is_told() -> None:
    asked = encode(messages=[USER, {"role": "system", "content": "Be kind"}, USER])
    assert asked.members["messages"] == [{"role": "system", "content": "Be kind"}, USER, USER]
    assert asked.notices == ["system messages were moved to the beginning and joined, as there can be only one"]


def test_a_marked_system_message_joins_as_a_list() -> None:
    marked = text("Two", cache_control={"type": "ephemeral"})
    system = [{"role": "system", "content": "One"}, {"role": "system", "content": [marked]}]
    assert messages_sent([*system, USER])[0]["content"] == [text("One"), marked]


def test_earlier_thinking_goes_to_the_models_that_read_it() -> None:
    answer = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}
    assert messages_sent([USER, answer, USER], "qwen3.7-max")[1] == answer
    assert messages_sent([USER, answer, USER], "qwen-plus")[1] == {"role": "assistant", "content": "Hi"}


def test_what_only_answers_have_does_not_go_back() -> None:
    call = {"id": "call_a", "type": "function", "function": {"name": "x", "arguments": "{}"}}
    answer = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_a", "content": "42"}
    assert messages_sent([USER, answer, result])[1:] == [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        result,
    ]


def test_who_declined_has_said_so() -> None:
    assert messages_sent([USER, {"role": "assistant", "content": None, "refusal": "No."}, USER])[1]["content"] == "No."
    assert said([{"type": "refusal", "refusal": "No."}], role="assistant") == "No."


@pytest.mark.parametrize(
    ("part", "model"),
    [
        ({"type": "image_url", "image_url": {"url": "https://a/b.png"}}, "qwen-plus"),
        ({"type": "input_audio", "input_audio": {"data": "https://a/b.wav"}}, "qwen3-vl-plus"),
        ({"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}, "qwen-vl-ocr"),
        ({"type": "video", "video": ["https://a/b.png"]}, "qwen3.7-max"),
    ],
)
def test_media_that_a_model_does_not_take_are_refused(part: dict[str, Any], model: str) -> None:
    with pytest.raises(Unsupported) as raised:
        encode(model, messages=[USER, {"role": "user", "content": [text("What?"), part]}])
    assert raised.value.field == "messages[1].content[1]"
