import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.calls import begin
from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.errors import QwenError, Unsupported
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.upstreams.openai_engine.dialects import DIALECTS
from qwen_grpc.upstreams.openai_engine.encode import LIMITS, OF_OTHERS, check, encode_chat
from qwen_grpc.upstreams.openai_engine.models import described
from qwen_grpc.upstreams.openai_engine.thinking import KWARGS, SPELLINGS, wanted
from qwen_grpc.upstreams.openai_wire.members import NEVER_SENT
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

ALL = tuple(DIALECTS)
TEMPLATED = tuple(name for name in ALL if name != "ollama")
OWNED = {*SPELLINGS, *OF_OTHERS, *NEVER_SENT, *LIMITS, KWARGS, "model", "messages", "stream", "stream_options"}
OWNED |= {"tool_choice", "tools", "web_search_options", "n"}


class Nobody:
    """The context of a call that came from nowhere."""

    def invocation_metadata(self) -> tuple[()]:
        return ()


def encoded(dialect: str, mode: Mode = Mode.CHAT, **members: Any) -> dict[str, Any]:
    """What an engine of a dialect gets for a question with these members."""
    begin("test", Nobody(), streams=False)  # type: ignore[arg-type]
    said = {"model": "asked", "messages": [{"role": "user", "content": "Hello"}], **members}
    request = REQUESTS.read(CompleteChatRequest, said)
    model = ResolvedModel("asked", described("served"), mode)
    check(request, DIALECTS[dialect])  # type: ignore[index]
    body: dict[str, Any] = json.loads(
        encode_chat(request, model, wanted(request, model), DIALECTS[dialect])  # type: ignore[index]
    )
    return body


def added(dialect: str, mode: Mode = Mode.CHAT, **members: Any) -> dict[str, Any]:
    """The same without what every request has."""
    body = encoded(dialect, mode, **members)
    return {
        name: value for name, value in body.items() if name not in ("model", "messages", "stream", "stream_options")
    }


def refusal(dialect: str, **members: Any) -> tuple[type[QwenError], str]:
    with pytest.raises(QwenError) as caught:
        encoded(dialect, **members)
    return type(caught.value), caught.value.field


@pytest.mark.parametrize("dialect", ALL)
def test_a_question_is_streamed_with_usage_under_the_engines_own_id(dialect: str) -> None:
    assert encoded(dialect) == {
        "model": "served",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_other_stream_options_stay() -> None:
    body = encoded("vllm", stream_options={"continuous_usage_stats": True, "include_usage": False}, stream=False)

    assert (body["stream"], body["stream_options"]) == (True, {"continuous_usage_stats": True, "include_usage": True})


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.text(min_size=1, max_size=12).filter(lambda name: name not in OWNED)


@given(st.sampled_from(ALL), st.dictionaries(names, values, max_size=5))
def test_a_member_that_nobody_here_owns_passes_as_it_is(dialect: str, members: dict[str, Any]) -> None:
    assert added(dialect, **members) == members


@pytest.mark.parametrize("dialect", ALL)
def test_members_of_engines_and_of_openai_pass_as_they_are(dialect: str) -> None:
    members = {
        "temperature": 0.5,
        "top_k": 20,
        "min_p": 0.05,
        "guided_json": {"type": "object", "properties": {}},
        "separate_reasoning": True,
        "stop": "END",
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_object"},
        "user": "somebody",
        "metadata": {"a": "b"},
        "seed": 0,
    }

    assert added(dialect, **members) == members


@pytest.mark.parametrize("name", NEVER_SENT)
def test_nobody_tells_an_engine_where_else_to_send_something(name: str) -> None:
    assert added("vllm", **{name: "http://elsewhere.example"}) == {}


# -- thinking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", TEMPLATED)
@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(
    "spelling",
    [
        lambda on: {"enable_thinking": on},
        lambda on: {"chat_template_kwargs": {"enable_thinking": on}},
        lambda on: {"thinking": {"type": "enabled" if on else "disabled"}},
        lambda on: {"reasoning": {"enabled": on}},
    ],
)
def test_most_engines_are_told_by_the_template_whether_to_think(dialect: str, on: bool, spelling: Any) -> None:
    assert added(dialect, **spelling(on)) == {"chat_template_kwargs": {"enable_thinking": on}}


@pytest.mark.parametrize(
    ("members", "effort"),
    [
        ({"enable_thinking": False}, "none"),
        ({"enable_thinking": True}, "medium"),
        ({"enable_thinking": True, "reasoning_effort": "high"}, "high"),
        ({"enable_thinking": False, "reasoning_effort": "high"}, "none"),
        ({"reasoning_effort": "none"}, "none"),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "xhigh"}, "high"),
    ],
)
def test_ollama_is_told_by_the_effort_whether_to_think(members: dict[str, Any], effort: str) -> None:
    assert added("ollama", **members) == {"reasoning_effort": effort}


@pytest.mark.parametrize(("mode", "on"), [(Mode.THINKING, True), (Mode.NO_THINKING, False)])
def test_the_suffix_of_the_name_says_whether_to_think(mode: Mode, on: bool) -> None:
    assert added("vllm", mode) == {"chat_template_kwargs": {"enable_thinking": on}}


def test_a_switch_in_the_request_wins_over_the_suffix_of_the_name() -> None:
    assert added("vllm", Mode.THINKING, enable_thinking=False) == {"chat_template_kwargs": {"enable_thinking": False}}


def test_an_effort_goes_along_with_the_switch_that_it_means() -> None:
    on = {"chat_template_kwargs": {"enable_thinking": True}}

    assert added("sglang", reasoning_effort="high") == on | {"reasoning_effort": "high"}


def test_whoever_wants_no_thinking_gets_neither_effort_nor_budget() -> None:
    off = {"chat_template_kwargs": {"enable_thinking": False}}

    assert added("vllm", enable_thinking=False, reasoning_effort="high", thinking_budget=100) == off


def test_a_switch_in_the_template_s_arguments_is_told_to_each_engine_in_its_own_words() -> None:
    asked = {"chat_template_kwargs": {"enable_thinking": True, "thinking_budget": 100}}

    assert added("ollama", **asked) == {"reasoning_effort": "medium"}
    assert added("vllm", **asked) == {"chat_template_kwargs": {"enable_thinking": True}, "thinking_token_budget": 100}


def test_an_effort_of_auto_leaves_it_to_the_engine() -> None:
    assert added("vllm", reasoning_effort="auto") == {}


def test_other_arguments_of_the_template_stay() -> None:
    body = added("llamacpp", chat_template_kwargs={"enable_thinking": True, "add_vision_id": True})

    assert body == {"chat_template_kwargs": {"add_vision_id": True, "enable_thinking": True}}


@pytest.mark.parametrize(
    ("dialect", "name"), [("vllm", "thinking_token_budget"), ("llamacpp", "thinking_budget_tokens")]
)
def test_a_budget_goes_under_the_engines_name_for_it(dialect: str, name: str) -> None:
    assert added(dialect, thinking_budget=100) == {name: 100}


@pytest.mark.parametrize("dialect", ["sglang", "ollama", "generic"])
def test_a_budget_is_left_out_and_said_so_where_a_request_cannot_set_one(dialect: str) -> None:
    call = begin("test", Nobody(), streams=False)  # type: ignore[arg-type]
    request = REQUESTS.read(
        CompleteChatRequest, {"model": "a", "messages": [{"role": "user", "content": "b"}], "thinking_budget": 100}
    )
    model = ResolvedModel("a", described("a"), Mode.CHAT)

    body = encode_chat(request, model, wanted(request, model), DIALECTS[dialect])  # type: ignore[index]

    assert b"100" not in body
    assert "thinking_budget was not sent" in call.facts["notice"]


# -- what dialects differ in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIMITS)
def test_most_engines_take_either_name_for_the_most_tokens(name: str) -> None:
    assert added("vllm", **{name: 50}) == {name: 50}


@pytest.mark.parametrize(
    "limits", [{"max_completion_tokens": 50}, {"max_tokens": 50}, {"max_tokens": 50, "max_completion_tokens": 60}]
)
def test_ollama_takes_one_name_for_the_most_tokens(limits: dict[str, int]) -> None:
    assert added("ollama", **limits) == {"max_tokens": 50}


@pytest.mark.parametrize("given", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    ("dialect", "sent"),
    [
        ("vllm", "reasoning"),
        ("ollama", "reasoning"),
        ("sglang", "reasoning_content"),
        ("llamacpp", "reasoning_content"),
    ],
)
def test_earlier_thinking_goes_under_the_engines_name_for_it(dialect: str, sent: str, given: str) -> None:
    answer = {"role": "assistant", "content": "Hi", "refusal": None}
    question = {"role": "user", "content": "And now?"}

    body = encoded(dialect, messages=[{**answer, given: "Well"}, question])

    assert body["messages"] == [{**answer, sent: "Well"}, question]


TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize("choice", ["none", "auto", "required", {"type": "function", "function": {"name": "look"}}])
@pytest.mark.parametrize("dialect", TEMPLATED)
def test_tools_and_the_choice_among_them_pass(dialect: str, choice: Any) -> None:
    members = {"tools": TOOLS, "tool_choice": choice, "parallel_tool_calls": True}

    assert added(dialect, **members) == members


def test_ollama_calls_no_tool_if_it_is_shown_none() -> None:
    assert added("ollama", tools=TOOLS, tool_choice="none") == {}
    assert added("ollama", tools=TOOLS, tool_choice="auto") == {"tools": TOOLS}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
def test_ollama_cannot_be_made_to_call_a_tool(choice: Any) -> None:
    assert refusal("ollama", tools=TOOLS, tool_choice=choice) == (Unsupported, "tool_choice")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"enable_search": True}, "enable_search"),
        ({"web_search_options": {}}, "enable_search"),
        ({"conversation": {"chat_id": "c"}}, "conversation.chat_id"),
    ],
)
def test_what_no_engine_has_is_refused(members: dict[str, Any], field: str) -> None:
    assert refusal("vllm", **members) == (Unsupported, field)


def test_several_answers_are_asked_for_where_an_engine_makes_them() -> None:
    assert added("vllm", n=2) == {"n": 2}
    assert refusal("ollama", n=2) == (Unsupported, "n")


def test_a_web_search_that_agents_send_beside_their_functions_is_left_out() -> None:
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    assert added("vllm", tools=[weather, {"type": "web_search"}]) == {"tools": [weather]}
    assert added("vllm", tools=[{"type": "web_search_preview", "search_context_size": "low"}]) == {}
