"""Who thinks, how long, and what gives way."""

from typing import Any

import pytest
from asking import FORCED, WEATHER, encode, sent

from qwen_grpc.errors import Unsupported

ON = {"enable_thinking": True}
OBJECT = {"messages": [{"role": "user", "content": "as json"}], "response_format": {"type": "json_object"}}


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        # The model's own way
        ("qwen-plus", {}, {}),
        ("qwen3.7-max", {}, {}),
        ("qwen3-next-80b-a3b-thinking", {}, {}),
        ("qwen3-coder-plus", {}, {}),
        # The switch, in all its spellings, and the suffix
        ("qwen-plus", ON, ON),
        ("qwen3.7-max", {"enable_thinking": False}, {"enable_thinking": False}),
        ("qwen-plus-thinking", {}, ON),
        ("qwen3.7-max-no-thinking", {}, {"enable_thinking": False}),
        ("qwen-plus-thinking", {"enable_thinking": False}, {"enable_thinking": False}),
        ("qwen-plus", {"chat_template_kwargs": ON}, ON),
        ("qwen-plus", {"thinking": {"type": "enabled", "budget_tokens": 7}}, ON | {"thinking_budget": 7}),
        ("qwen3.7-max", {"thinking": {"type": "disabled"}}, {"enable_thinking": False}),
        ("qwen3.7-max", {"reasoning": {"effort": "none"}}, {"enable_thinking": False}),
        ("qwen3-next-80b-a3b-thinking", ON, {}),
        ("qwen3-coder-plus", {"enable_thinking": False}, {}),
        # The length
        ("qwen3.7-max", {"thinking_budget": 50}, {"thinking_budget": 50}),
        ("qwen-plus", {"thinking_budget": 50}, {}),
        ("qwen3.7-max", {"reasoning_effort": "low"}, ON | {"thinking_budget": 4096}),
        ("qwen-plus", {"reasoning_effort": "high"}, ON | {"thinking_budget": 32768}),
        ("qwen3.7-max", {"reasoning_effort": "ultra"}, ON),
        ("qwen3.7-max", {"reasoning_effort": "auto"}, {}),
        ("qwen3-next-80b-a3b-thinking", {"reasoning_effort": "low"}, {"thinking_budget": 4096}),
        ("qwen3.8-max", {"reasoning_effort": "medium"}, ON | {"reasoning_effort": "medium"}),
        ("qwen3.8-max", {"reasoning_effort": "minimal"}, ON | {"reasoning_effort": "low"}),
        ("qwen3.8-max", {"reasoning_effort": "high"}, ON | {"reasoning_effort": "xhigh"}),
        ("qwen3.8-max", {"reasoning_effort": "none"}, {"enable_thinking": False}),
        ("qwen3.8-max", {"reasoning_effort": "low", "thinking_budget": 9}, ON | {"thinking_budget": 9}),
    ],
)  # fmt: skip
def test_what_is_said_of_thinking(model: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sent(model, **body) == expected
    assert encode(model, **body).notices == []


@pytest.mark.parametrize("choice", ["required", FORCED])
def test_a_forced_choice_stops_the_thinking_or_becomes_free(choice: Any) -> None:
    body = {"tools": [WEATHER], "tool_choice": choice, "thinking_budget": 9}
    stopped, freed = encode("qwen3.7-max", **body), encode("qwen3.7-max", forced="auto", **body)
    assert (stopped.members["enable_thinking"], stopped.members["tool_choice"]) == (False, choice)
    assert "thinking_budget" not in stopped.members
    assert (freed.members["tool_choice"], freed.members["thinking_budget"]) == ("auto", 9)
    assert stopped.notices == ["thinking was switched off, since it excludes a forced tool_choice"]
    assert freed.notices == ["tool_choice was changed to auto, since no tool can be forced while the model thinks"]


def test_a_model_that_always_thinks_chooses_by_itself() -> None:
    freed = encode("qwen3-next-80b-a3b-thinking", tools=[WEATHER], tool_choice="required")
    assert (freed.members["tool_choice"], len(freed.notices)) == ("auto", 1)


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_free_choice_leaves_the_thinking_alone(choice: str) -> None:
    asked = encode("qwen3.7-max", tools=[WEATHER], tool_choice=choice)
    assert (asked.members["tool_choice"], "enable_thinking" in asked.members, asked.notices) == (choice, False, [])


def test_without_thinking_a_choice_may_be_forced() -> None:
    asked = encode("qwen-plus", tools=[WEATHER], tool_choice="required")
    assert (asked.members["tool_choice"], asked.notices) == ("required", [])


def test_json_stops_the_thinking_of_models_that_cannot_do_both() -> None:
    stopped, both = encode("qwen3.6-plus", **OBJECT), encode("qwen3.8-max", **OBJECT)
    assert (stopped.members["enable_thinking"], len(stopped.notices)) == (False, 1)
    assert ("enable_thinking" in both.members, both.notices) == (False, [])


@pytest.mark.parametrize(
    ("model", "body", "field"),
    [
        ("qwen3-coder-plus", ON, "enable_thinking"),
        ("qwen3-next-80b-a3b-thinking", {"enable_thinking": False}, "enable_thinking"),
        ("qwen3-next-80b-a3b-thinking", {"reasoning_effort": "none"}, "enable_thinking"),
        ("qwen3-vl-8b-thinking", OBJECT, "response_format"),
    ],
)
def test_what_a_model_cannot_do_is_refused(model: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(Unsupported) as raised:
        encode(model, **body)
    assert raised.value.field == field


@pytest.mark.parametrize("body", [{"reasoning_effort": "low"}, {"thinking_budget": 9}])
def test_a_wish_of_little_weight_is_left_away_and_told(body: dict[str, Any]) -> None:
    asked = encode("qwen3-coder-plus", **body)
    assert asked.notices == ["this model does not think; the wish for it was left away"]
