"""One test for each rule of the sanitiser."""

import json
from typing import Any

import pytest
from asking import FORCED, HELLO, WEATHER, encode, sent

from qwen_grpc.errors import InvalidParameter, QwenError, Unsupported
from qwen_grpc.upstreams.dashscope.parameters import LEFT_OUT

JSON_PLEASE = [{"role": "user", "content": "Answer in JSON"}]
SEARCH = {"type": "function", "function": {"name": "search"}}
OBJECT = {"type": "json_object"}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def test_every_request_is_streamed_with_usage_and_names_the_services_own_id() -> None:
    members = encode("qwen-max-latest", stream=False).members
    assert members == {
        "model": "qwen3.8-max",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("name", sorted(LEFT_OUT - {"enable_search", "search_options", "web_search_options"}))
def test_members_that_never_go_along(name: str) -> None:
    values: dict[str, Any] = {"enable_thinking": True, "thinking_budget": 9, "reasoning_effort": "low"}
    values |= {"frequency_penalty": 1.5, "chat_template_kwargs": {"enable_thinking": True}, "service_tier": "flex"}
    members = sent("qwen-plus", **{name: values.get(name, {"type": "enabled", "x": "y"})})
    assert name not in members or name in ("enable_thinking", "thinking_budget")
    assert set(members) <= {"enable_thinking", "thinking_budget"}


PASSED: dict[str, Any] = {
    "temperature": 1.9,
    "top_p": 0.5,
    "top_k": 20,
    "presence_penalty": -2.0,
    "repetition_penalty": 1.1,
    "seed": 2**31 - 1,
    "stop": ["a", "b"],
    "max_tokens": 10,
    "max_completion_tokens": 20,
    "logprobs": True,
    "top_logprobs": 5,
    "vl_high_resolution_images": True,
    "translation_options": {"source_lang": "auto", "target_lang": "English"},
    "metadata": {"a": "b"},
    "user": "me",
}


@pytest.mark.parametrize("name", sorted(PASSED))
def test_what_dashscope_takes_goes_as_the_caller_wrote_it(name: str) -> None:
    assert sent(**{name: PASSED[name]}) == {name: PASSED[name]}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("temperature", 2, "temperature is 2.0: DashScope expects 0 or more and less than 2"),
        ("top_p", 0, "top_p is 0.0: DashScope expects more than 0 and at most 1"),
        ("seed", -1, "seed is -1: DashScope expects 0 to 2147483647"),
        ("seed", 2**31, "seed is 2147483648: DashScope expects 0 to 2147483647"),
        ("top_logprobs", 6, "top_logprobs is 6: DashScope expects 0 to 5"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(name: str, value: float, expected: str) -> None:
    error = refused(InvalidParameter, **{name: value})
    assert (error.message, error.field) == (expected, name)


def test_metadata_and_earlier_thinking_go_to_the_models_that_take_them() -> None:
    labels = {"metadata": {"a": "b"}, "preserve_thinking": True}
    assert sent("qwen3.7-max", **labels) == labels
    assert sent("qwen-plus", **labels) == {"metadata": {"a": "b"}}
    assert sent("kimi-k2.7-code", **labels) == {"preserve_thinking": True}
    assert sent("deepseek-v4-pro", **labels) == {}


def test_search_is_switched_on_with_its_sources() -> None:
    sources = {"enable_source": True, "enable_citation": True, "citation_format": "[<number>]"}
    on = {"enable_search": True, "search_options": sources}
    assert sent("qwen-plus-search") == on
    assert sent(enable_search=True) == on
    assert sent(web_search_options={}) == on
    assert sent("qwen-plus-search", enable_search=False) == {}
    assert sent(tools=[{"type": "web_search"}]) == on
    own = sent(enable_search=True, search_options={"forced_search": True, "citation_format": "[ref_<number>]"})
    assert own["search_options"] == sources | {"forced_search": True, "citation_format": "[ref_<number>]"}
    assert refused(Unsupported, "qwen3-coder-plus", enable_search=True).field == "enable_search"


def test_a_web_search_beside_functions_is_left_out_and_told() -> None:
    assert sent(tools=[WEATHER, {"type": "web_search_preview"}]) == {"tools": [WEATHER]}
    told = encode("qwen-plus", tools=[WEATHER, {"type": "web_search"}]).notices
    assert told == ["web_search was left out: it does not go with functions"]


def test_tools_go_along_and_leave_with_their_choice() -> None:
    choice = {"tools": [WEATHER], "tool_choice": FORCED, "parallel_tool_calls": True}
    assert sent(**choice) == choice
    assert sent(tool_choice="auto", parallel_tool_calls=True, tools=[]) == {}


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({"tools": [WEATHER, SEARCH]}, InvalidParameter, "tools[1].function.name"),
        ({"tools": [{"type": "custom"}]}, Unsupported, "tools[0]"),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools"}}, Unsupported, "tool_choice"),
        ({"tools": [WEATHER], "model": "qwen-long"}, Unsupported, "tools"),
    ],
)  # fmt: skip
def test_tools_that_dashscope_does_not_take_are_refused(body: Any, kind: type[QwenError], field: str) -> None:
    assert refused(kind, **body).field == field


def test_an_answer_in_json_needs_a_model_and_a_word() -> None:
    assert sent(messages=JSON_PLEASE, response_format=OBJECT) == {"response_format": OBJECT}
    assert sent("qwen3.8-max", response_format=SCHEMA) == {"response_format": SCHEMA}
    assert sent("qwen3-coder-plus", response_format={"type": "text"}) == {"response_format": {"type": "text"}}
    assert refused(InvalidParameter, response_format=OBJECT).field == "messages"
    assert refused(Unsupported, "qwen-plus", response_format=SCHEMA).field == "response_format"
    plain = refused(Unsupported, "qwen3-coder-plus", messages=JSON_PLEASE, response_format=OBJECT)
    assert plain.field == "response_format"


@pytest.mark.parametrize(
    ("model", "more"),
    [("qwen-plus", {"n": 5}), ("qwen-plus", {"n": 2, "tools": [WEATHER]}), ("qwen3.7-max", {"n": 2})],
)
def test_several_answers_only_without_tools_and_thinking(model: str, more: dict[str, Any]) -> None:
    assert sent(n=4) == {"n": 4}
    assert sent("qwen3.7-max", n=2, enable_thinking=False) == {"n": 2, "enable_thinking": False}
    assert refused(Unsupported, model, **more).field == "n"


def test_a_stored_chat_is_refused() -> None:
    assert sent(conversation={"ephemeral": True}) == {}
    assert refused(Unsupported, conversation={"chat_id": "x"}).field == "conversation.chat_id"


def test_logit_bias_is_for_role_play() -> None:
    assert sent("qwen-plus-character", logit_bias={"5": 1}) == {"logit_bias": {"5": 1.0}}
    assert refused(Unsupported, logit_bias={"5": 1}).field == "logit_bias"


# -- the native dialect -----------------------------------------------------------------------------------------------


def test_the_native_dialect_has_the_parameters_apart() -> None:
    body = json.loads(encode("qwen-plus-thinking-search", temperature=0.5).native(sees=False))
    assert (body["model"], body["input"]) == ("qwen-plus", {"messages": HELLO})
    search = body["parameters"].pop("search_options")
    assert body["parameters"] == {
        "enable_thinking": True,
        "enable_search": True,
        "temperature": 0.5,
        "result_format": "message",
        "incremental_output": True,
    }
    assert search["enable_source"] is True


def test_models_that_see_get_parts_in_the_native_dialect() -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://a/b.png"}, "min_pixels": 9},
        {"type": "video", "video": ["https://a/1.png", "https://a/2.png"], "fps": 2.0},
        {"type": "video_url", "video_url": {"url": "https://a/b.mp4"}},
    ]
    messages = [{"role": "system", "content": "Be kind"}, {"role": "user", "content": parts}]
    body = json.loads(encode("qwen3.7-plus-search", messages=messages).native(sees=True))
    assert body["input"]["messages"] == [
        {"role": "system", "content": [{"text": "Be kind"}]},
        {
            "role": "user",
            "content": [
                {"text": "What is this?"},
                {"image": "https://a/b.png", "min_pixels": 9},
                {"video": ["https://a/1.png", "https://a/2.png"], "fps": 2.0},
                {"video": "https://a/b.mp4"},
            ],
        },
    ]


def refused(kind: type[QwenError], model: str = "qwen-plus", **body: Any) -> QwenError:
    with pytest.raises(kind) as raised:
        encode(body.pop("model", model), **body)
    return raised.value
