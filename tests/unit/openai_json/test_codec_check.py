"""Which bodies are refused at the door, and how the error names the place."""

from typing import Any

import pytest

from qwen_grpc.openai_json.codec import REQUESTS, InvalidBody
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

USER = {"role": "user", "content": "hi"}


def refusal(body: dict[str, Any]) -> tuple[str, str, str]:
    with pytest.raises(InvalidBody) as caught:
        REQUESTS.check(CompleteChatRequest, body)
    return caught.value.param, caught.value.code, caught.value.message


def with_member(**members: Any) -> dict[str, Any]:
    return {"model": "q", "messages": [USER], **members}


def with_message(**members: Any) -> dict[str, Any]:
    return {"model": "q", "messages": [USER, {"role": "user", **members}]}


def with_part(**members: Any) -> dict[str, Any]:
    return with_message(content=[{"type": "text", "text": "hi"}, members])


IN_PART = "messages[1].content[1]"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"messages": [USER]}, "model", "missing_required_parameter"),
    ({"model": "", "messages": [USER]}, "model", "missing_required_parameter"),
    ({"model": 5, "messages": [USER]}, "model", "invalid_type"),
    ({"model": "q"}, "messages", "missing_required_parameter"),
    ({"model": "q", "messages": None}, "messages", "missing_required_parameter"),
    ({"model": "q", "messages": []}, "messages", "empty_array"),
    ({"model": [], "messages": [USER]}, "model", "invalid_type"),
    ({"model": "q", "messages": {}}, "messages", "invalid_type"),
    ({"model": "q", "messages": [USER, "hi"]}, "messages[1]", "invalid_type"),
    ({"model": "q", "messages": [None]}, "messages[0]", "invalid_type"),
    ({"model": "q", "messages": [{"content": "hi"}]}, "messages[0].role", "missing_required_parameter"),
    ({"model": "q", "messages": [{"role": "critic"}]}, "messages[0].role", "invalid_value"),
    ({"model": "q", "messages": [{"role": 1}]}, "messages[0].role", "invalid_type"),
    (with_message(content=5), "messages[1].content", "invalid_type"),
    (with_message(content={"type": "text"}), "messages[1].content", "invalid_type"),
    (with_message(content=["hi"]), "messages[1].content[0]", "invalid_type"),
    (with_message(content=[{"text": "hi"}]), "messages[1].content[0].type", "missing_required_parameter"),
    (with_message(content=[{"type": 1}]), "messages[1].content[0].type", "invalid_type"),
    (with_part(type="text"), f"{IN_PART}.text", "missing_required_parameter"),
    (with_part(type="text", text=[]), f"{IN_PART}.text", "invalid_type"),
    (with_part(type="text", text=5), f"{IN_PART}.text", "invalid_type"),
    (with_part(type="image_url", image_url="http://h/i"), f"{IN_PART}.image_url", "invalid_type"),
    (with_part(type="image_url", image_url={}), f"{IN_PART}.image_url.url", "missing_required_parameter"),
    (with_part(type="image_url", image_url={"url": 1}), f"{IN_PART}.image_url.url", "invalid_type"),
    (with_part(type="input_audio", input_audio={"data": 1}), f"{IN_PART}.input_audio.data", "invalid_type"),
    (with_part(type="video", video=["a", 5]), f"{IN_PART}.video[1]", "invalid_type"),
    (with_part(type="video", video=5), f"{IN_PART}.video", "invalid_type"),
    (with_part(type="video_url", video_url={"url": "u"}, fps="2"), f"{IN_PART}.fps", "invalid_type"),
    (with_part(type="file", file={"file_id": 5}), f"{IN_PART}.file.file_id", "invalid_type"),
    (with_message(tool_calls={}), "messages[1].tool_calls", "invalid_type"),
    (with_message(tool_calls=[{"function": {"arguments": {}}}]),
     "messages[1].tool_calls[0].function.arguments", "invalid_type"),
    (with_message(reasoning_content=5), "messages[1].reasoning_content", "invalid_type"),
    (with_member(temperature="hot"), "temperature", "invalid_type"),
    (with_member(temperature=True), "temperature", "invalid_type"),
    (with_member(temperature=2**53 + 1), "temperature", "invalid_value"),
    (with_member(max_tokens=1.5), "max_tokens", "invalid_type"),
    (with_member(seed=2**63), "seed", "invalid_value"),
    (with_member(n=2**31), "n", "invalid_value"),
    (with_member(stream="yes"), "stream", "invalid_type"),
    (with_member(stream_options=True), "stream_options", "invalid_type"),
    (with_member(stream_options={"include_usage": 1}), "stream_options.include_usage", "invalid_type"),
    (with_member(stop=5), "stop", "invalid_type"),
    (with_member(stop=["a", 5]), "stop[1]", "invalid_type"),
    (with_member(logit_bias={"5": "x"}), "logit_bias.5", "invalid_type"),
    (with_member(logit_bias=[]), "logit_bias", "invalid_type"),
    (with_member(metadata={"a": 1}), "metadata.a", "invalid_type"),
    (with_member(tools=[{"type": "function"}]), "tools[0].function", "missing_required_parameter"),
    (with_member(tools=[{"type": "function", "function": {}}]),
     "tools[0].function.name", "missing_required_parameter"),
    (with_member(tools=[{"type": "function", "function": {"name": "f", "parameters": "{}"}}]),
     "tools[0].function.parameters", "invalid_type"),
    (with_member(tool_choice="any"), "tool_choice", "invalid_value"),
    (with_member(tool_choice=5), "tool_choice", "invalid_type"),
    (with_member(tool_choice={"type": "function"}), "tool_choice.function", "missing_required_parameter"),
    (with_member(tool_choice={"type": "function", "function": {}}),
     "tool_choice.function.name", "missing_required_parameter"),
    (with_member(response_format={"type": "xml"}), "response_format.type", "invalid_value"),
    (with_member(response_format={"type": "json_schema", "json_schema": {"schema": {}}}),
     "response_format.json_schema.name", "missing_required_parameter"),
    (with_member(enable_thinking="yes"), "enable_thinking", "invalid_type"),
    (with_member(thinking="yes"), "thinking", "invalid_type"),
    (with_member(thinking={"budget_tokens": "9"}), "thinking.budget_tokens", "invalid_type"),
    (with_member(chat_template_kwargs={"enable_thinking": 1}), "chat_template_kwargs.enable_thinking", "invalid_type"),
    (with_member(web_search_options=True), "web_search_options", "invalid_type"),
    (with_member(conversation={"chat_id": 5}), "conversation.chat_id", "invalid_type"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param", "code"), REFUSED, ids=lambda value: value if type(value) is str else "")
def test_a_wrong_member_is_named_by_its_path(body: dict[str, Any], param: str, code: str) -> None:
    assert refusal(body)[:2] == (param, code)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (with_member(temperature="hot"), "Invalid type for 'temperature': expected a number, but got a string."),
        (with_member(n=2**40), "Invalid value for 'n': expected an integer of at most 32 bits."),
        (with_message(content=5),
         "Invalid type for 'messages[1].content': expected a string or an array of parts, but got an integer."),
        (with_member(tool_choice="any"),
         "Invalid value for 'tool_choice': expected one of 'none', 'auto', 'required'."),
        ({"model": "q"}, "Missing required parameter: 'messages'."),
        ({"model": "q", "messages": []},
         "Invalid 'messages': expected an array with at least one item, but got an empty one."),
    ],
)  # fmt: skip
def test_the_text_says_what_was_expected_and_what_came(body: dict[str, Any], message: str) -> None:
    assert refusal(body)[2] == message


@pytest.mark.parametrize(
    "members",
    [
        dict.fromkeys(("temperature", "n", "stop", "tools", "tool_choice", "response_format", "stream")),
        dict.fromkeys(("stream_options", "thinking", "logit_bias", "enable_thinking", "chat_template_kwargs")),
        dict.fromkeys(("web_search_options", "conversation", "metadata", "search_options", "reasoning")),
        {"max_tokens": 100.0, "tools": [], "stop": [], "stop_token_ids": "unknown members are anything"},
        {"tools": [{"type": "web_search"}, {"type": "custom", "custom": {}}], "tool_choice": {"type": "allowed_tools"}},
        {"thinking": {"type": "adaptive"}, "chat_template_kwargs": {"odd": 1}, "search_options": {"odd": [None]}},
    ],
)  # fmt: skip
def test_nulls_unknown_members_and_newer_words_are_fine(members: dict[str, Any]) -> None:
    REQUESTS.check(CompleteChatRequest, with_member(**members))


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "tool_calls": None, "refusal": None, "name": None, "reasoning_content": None},
        {"content": [], "cache_control": {"type": "ephemeral"}},
        {"content": [{"type": "hologram", "hologram": 5}, {"type": "text", "text": "", "cache_control": 1}]},
    ],
)
def test_messages_of_real_clients_are_fine(message: dict[str, Any]) -> None:
    REQUESTS.check(CompleteChatRequest, with_message(**message))
