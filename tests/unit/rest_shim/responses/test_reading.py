"""What a body of `/v1/responses` says in chat's words."""

from typing import Any

import pytest

from qwen_grpc.openai_json.codec import REQUESTS, InvalidBody
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ROLE_USER, ChatMessage
from rest_shim.errors import bad_request
from rest_shim.responses.items import references, resolved
from rest_shim.responses.read import check, read

TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True, "description": None}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}, "strict": True}}


def chat(body: dict[str, Any]) -> dict[str, Any]:
    """The chat request that a body is read to."""
    return REQUESTS.write(read({"model": "m", "input": "Hi", **body}).message)


def messages(*items: Any) -> list[dict[str, Any]]:
    return chat({"input": list(items)})["messages"]


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def call(id_: str = "c1", name: str = "f") -> dict[str, Any]:
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": "{}"}


def chat_call(id_: str = "c1", name: str = "f") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}}


def result(id_: str = "c1", output: Any = "done") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": id_, "output": output}


def test_a_text_is_what_the_user_says() -> None:
    assert chat({}) == {"model": "m", "messages": [said("user", "Hi")]}


def test_instructions_come_before_all() -> None:
    assert chat({"instructions": "Be brief"})["messages"] == [said("system", "Be brief"), said("user", "Hi")]


def test_an_item_without_a_type_is_a_message() -> None:
    assert messages(said("developer", "a"), {"type": "message", **said("user", "b")}) == [
        said("developer", "a"),
        said("user", "b"),
    ]


def test_parts_become_chats_parts() -> None:
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "high"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://a.example/c.pdf", "filename": "c.pdf"},
    ]
    assert messages(said("user", parts)) == [
        said(
            "user",
            [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "high"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "file", "file": {"file_data": "https://a.example/c.pdf", "filename": "c.pdf"}},
            ],
        )
    ]


def test_one_answer_in_several_items_is_one_message() -> None:
    thoughts = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
    texts = [{"type": "output_text", "text": text} for text in ("Let me ", "see.")]
    text = {"type": "message", **said("assistant", texts)}
    assert messages(said("user", "Hi"), thoughts, text, call(), call("c2", "g"), result(), result("c2")) == [
        said("user", "Hi"),
        {
            **said("assistant", "Let me see."),
            "reasoning_content": "hm",
            "tool_calls": [chat_call(), chat_call("c2", "g")],
        },
        {**said("tool", "done"), "tool_call_id": "c1"},
        {**said("tool", "done"), "tool_call_id": "c2"},
    ]  # fmt: skip


def test_each_round_of_calls_is_a_message_of_its_own() -> None:
    found = messages(call(), result(), call("c2"), result("c2"))
    assert [message["role"] for message in found] == ["assistant", "tool", "assistant", "tool"]


def test_text_after_a_call_does_not_part_the_call_from_its_result() -> None:
    found = messages(call(), said("assistant", "One moment."), said("assistant", " Please."), result())
    assert found == [
        {**said("assistant", "One moment. Please."), "tool_calls": [chat_call()]},
        {**said("tool", "done"), "tool_call_id": "c1"},
    ]


def test_two_answers_in_a_row_stay_two() -> None:
    assert messages(said("assistant", "a"), said("assistant", "b")) == [said("assistant", "a"), said("assistant", "b")]


def test_thoughts_without_an_answer_are_left_out() -> None:
    thoughts = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    assert messages(said("user", "a"), thoughts, said("user", "b")) == [said("user", "a"), said("user", "b")]


def test_a_result_may_have_parts() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    [_, tool] = messages(call(), result(output=parts))
    assert tool["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_custom_calls_of_the_past_are_calls() -> None:
    custom = {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin"}
    output = {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"}
    [answer, tool] = messages(custom, output)
    assert answer["tool_calls"][0]["function"] == {"name": "patch", "arguments": '{"input":"*** Begin"}'}
    assert tool == {**said("tool", "ok"), "tool_call_id": "c1"}


def test_items_of_other_peoples_tools_are_left_out() -> None:
    assert messages({"type": "web_search_call", "id": "ws_1"}, {"type": "compaction"}, said("user", "a")) == [
        said("user", "a")
    ]


def test_references_are_replaced_by_what_they_name() -> None:
    items = [said("user", "a"), {"type": "item_reference", "id": "msg_1"}]
    assert references(items) == ["msg_1"]
    assert resolved(items, {"msg_1": said("assistant", "b")}) == [said("user", "a"), said("assistant", "b")]


def test_settings_are_said_in_chats_words() -> None:
    body = {
        "reasoning": {"effort": "low", "summary": "auto"},
        "max_output_tokens": 5,
        "temperature": 0.5,
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
        "prompt_cache_key": "k",
        "enable_search": True,
        # None of these has a meaning behind this dialect.
        **{"store": False, "stream": True, "client_metadata": {"x": 1}, "truncation": "auto", "user": None},
    }
    found = chat(body)
    del found["messages"]
    assert found == {
        "model": "m",
        "reasoning_effort": "low",
        "max_completion_tokens": 5,
        "temperature": 0.5,
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "response_format": {"type": "json_object"},
        "verbosity": "low",
        "logprobs": True,
        "top_logprobs": 2,
        "prompt_cache_key": "k",
        "enable_search": True,
    }


def test_a_schema_lies_deeper_in_chat() -> None:
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": None}
    assert chat({"text": {"format": form}})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}},
    }


def test_functions_and_the_search_are_kept_of_all_tools() -> None:
    others = [{"type": "namespace", "name": "mcp", "tools": []}, {"type": "custom", "name": "patch"}]
    offline = {"type": "web_search", "external_web_access": False}
    assert chat({"tools": [TOOL, *others, offline]})["tools"] == [CHAT_TOOL]
    assert chat({"tools": [{"type": "web_search_preview"}]})["tools"] == [{"type": "web_search"}]


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_choice_in_a_word_is_the_same(choice: str) -> None:
    assert chat({"tools": [TOOL], "tool_choice": choice})["tool_choice"] == choice


def test_a_choice_without_any_tool_left_is_none() -> None:
    assert "tool_choice" not in chat({"tools": [{"type": "custom", "name": "x"}], "tool_choice": "auto"})


def test_a_named_choice_lies_deeper_in_chat() -> None:
    found = chat({"tools": [TOOL], "tool_choice": {"type": "function", "name": "weather"}})
    assert found["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


def test_tools_that_are_not_allowed_are_not_sent() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]}
    found = chat({"tools": [TOOL, {**TOOL, "name": "other"}], "tool_choice": choice})
    assert (found["tools"], found["tool_choice"]) == ([CHAT_TOOL], "required")


def test_what_is_continued_comes_between_instructions_and_input() -> None:
    before = [ChatMessage(role=ROLE_USER, content="a"), ChatMessage(role=ROLE_ASSISTANT, content="b")]
    found = read({"model": "m", "input": "c", "instructions": "i"}, before)
    shown = REQUESTS.write(found.message)["messages"]
    assert [message["content"] for message in shown] == ["i", "a", "b", "c"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"input": None}, "input"),
    ({"input": 3}, "input"),
    ({"input": []}, "input"),
    ({"input": ["x"]}, "input[0]"),
    ({"input": [{"type": 3}]}, "input[0].type"),
    ({"input": [{"content": "x"}]}, "input[0].role"),
    ({"input": [said("critic", "x")]}, "input[0].role"),
    ({"input": [said("user", 3)]}, "input[0].content"),
    ({"input": [said("user", [{"text": "x"}])]}, "input[0].content[0].type"),
    ({"input": [said("user", [{"type": "input_text", "text": 3}])]}, "input[0].content[0].text"),
    ({"input": [said("user", [{"type": "input_image"}])]}, "input[0].content[0].image_url"),
    ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]}, "input[0].arguments"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    ({"input": [{"type": "item_reference"}]}, "input[0].id"),
    ({"instructions": ["x"]}, "instructions"),
    ({"stream": "yes"}, "stream"),
    ({"include": "x"}, "include"),
    ({"include": [1]}, "include[0]"),
    ({"tools": {}}, "tools"),
    ({"tools": [{}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [{**TOOL, "parameters": []}]}, "tools[0].parameters"),
    ({"tool_choice": 3}, "tool_choice"),
    ({"tool_choice": "some"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice.name"),
    ({"tools": [TOOL], "tool_choice": {"type": "file_search"}}, "tool_choice.type"),
    ({"text": 3}, "text"),
    ({"text": {"format": 3}}, "text.format"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
    ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
    ({"reasoning": "low"}, "reasoning"),
    ({"reasoning": {"effort": 3}}, "reasoning.effort"),
    ({"max_output_tokens": "5"}, "max_output_tokens"),
    ({"temperature": "hot"}, "temperature"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"conversation": {"id": "conv_1"}}, "conversation"),
]


@pytest.mark.parametrize(("more", "path"), BAD, ids=[f"{path} {number}" for number, (_, path) in enumerate(BAD)])
def test_what_is_wrong_is_named_by_its_path(more: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        accept({"model": "m", "input": "Hi", **more})
    assert refused.value.param == path
    assert path in refused.value.message


def accept(body: dict[str, Any]) -> None:
    check(body)
    read({**body, "input": resolved(body["input"], {})})


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("messages[0].content", "instructions.content"),
        ("messages[1].role", "previous_response_id.role"),
        ("messages[2].content[1].image_url", "input[0].content[1].image_url"),
        ("messages[2].content[1].file.file_id", "input[0].content[1].file_id"),
        ("messages[3].tool_calls[0].function.arguments", "input[1].arguments"),
        ("max_completion_tokens", "max_output_tokens"),
        ("response_format", "text.format"),
        ("top_p", "top_p"),
    ],
)
def test_failures_further_on_name_the_body_that_was_sent(path: str, told: str) -> None:
    body = {"model": "m", "instructions": "i", "input": [said("user", "a"), call()]}
    reading = read(body, [ChatMessage(role=ROLE_USER, content="before")])
    error = reading.names.told(bad_request(path, f"{path} is wrong", "invalid_value"))
    assert (error.param, error.message) == (told, f"{told} is wrong")
