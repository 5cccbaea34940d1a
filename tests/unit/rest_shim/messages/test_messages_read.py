"""From Anthropic's bodies to chat requests."""

from typing import Any

import pytest

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Media
from rest_shim.errors import HttpError
from rest_shim.messages.body import Body, taken
from rest_shim.messages.read import read
from rest_shim.messages.write import Wish

PNG = "iVBORw0KGgo="
TOOL = {"name": "weather", "description": "Tells it.", "input_schema": {"type": "object"}}


def asking(*turns: JsonObject, **more: Any) -> JsonObject:
    return {"model": "qwen-max", "max_tokens": 50, "messages": list(turns) or [user("Hello")], **more}


def user(content: Any) -> JsonObject:
    return {"role": "user", "content": content}


def assistant(*blocks: JsonObject) -> JsonObject:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Any) -> JsonObject:
    return {"type": "text", "text": words, **more}


def request(*turns: JsonObject, **more: Any) -> pb.CompleteChatRequest:
    return read(taken(Body, asking(*turns, **more)))


def messages(*turns: JsonObject, **more: Any) -> list[pb.ChatMessage]:
    return list(request(*turns, **more).messages)


def refused(body: JsonObject) -> tuple[str | None, str]:
    with pytest.raises(HttpError) as failure:
        read(taken(Body, body))
    assert failure.value.row.status == 400
    return failure.value.param, failure.value.message


# -- the request ------------------------------------------------------------------------------------------------------


def test_what_tunes_an_answer_goes_along() -> None:
    tuned = request(temperature=1, top_p=0.5, top_k=3, stop_sequences=["END"], metadata={"user_id": "u-1"})
    assert tuned == pb.CompleteChatRequest(
        model="qwen-max",
        messages=[pb.ChatMessage(role=pb.ROLE_USER, content="Hello")],
        max_completion_tokens=50,
        temperature=1.0,
        top_p=0.5,
        top_k=3,
        stop=["END"],
        user="u-1",
    )


def test_members_of_betas_are_tolerated() -> None:
    more = {"context_management": {"edits": []}, "container": None, "mcp_servers": [], "system": None, "tools": None}
    assert request(**more) == request()


def test_tools_become_functions_that_may_be_called_together() -> None:
    made = request(tools=[TOOL, {"name": "none", "type": "custom", "input_schema": {}, "cache_control": {}}])
    functions = [
        pb.FunctionTool(name="weather", description="Tells it.", parameters_json='{"type":"object"}'),
        pb.FunctionTool(name="none", parameters_json="{}"),
    ]
    assert [pb.Tool(function=function) for function in functions] == list(made.tools)
    assert made.parallel_tool_calls


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, pb.ToolChoice(mode=pb.ToolChoice.MODE_AUTO)),
        ({"type": "any"}, pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED)),
        ({"type": "none"}, pb.ToolChoice(mode=pb.ToolChoice.MODE_NONE)),
        ({"type": "tool", "name": "weather"}, pb.ToolChoice(function_name="weather")),
    ],
    ids=lambda value: value.get("type", "") if isinstance(value, dict) else "",
)
def test_the_choice_of_a_tool_has_its_equal(choice: JsonObject, expected: pb.ToolChoice) -> None:
    assert expected == request(tools=[TOOL], tool_choice=choice).tool_choice


def test_one_call_at_a_time_can_be_asked_for() -> None:
    made = request(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert made.HasField("parallel_tool_calls")
    assert not made.parallel_tool_calls


def test_the_search_of_anthropic_is_the_search_of_the_model() -> None:
    made = request(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}])
    assert (made.search.enabled, list(made.tools)) == (True, [])


@pytest.mark.parametrize(
    ("thinking", "output", "expected"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, {}, pb.ThinkingOptions(enabled=True, budget_tokens=2048)),
        ({"type": "disabled"}, {"effort": "high"}, pb.ThinkingOptions(enabled=False)),
        ({"type": "adaptive"}, {}, pb.ThinkingOptions(effort="auto")),
        ({"type": "adaptive", "display": "omitted"}, {"effort": "high"}, pb.ThinkingOptions(effort="high")),
    ],
)
def test_thinking_has_its_equal(thinking: JsonObject, output: JsonObject, expected: pb.ThinkingOptions) -> None:
    assert expected == request(thinking=thinking, output_config=output).thinking


def test_without_a_word_about_thinking_the_model_decides() -> None:
    assert not request(output_config={"effort": "high"}).HasField("thinking")


@pytest.mark.parametrize("where", ["output_config", "output_format"])
def test_a_schema_of_the_answer_goes_along(where: str) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    made = request(**{where: {"format": form} if where == "output_config" else form}).response_format
    assert (made.type, made.json_schema.schema_json) == (pb.ResponseFormat.TYPE_JSON_SCHEMA, '{"type":"object"}')


@pytest.mark.parametrize(
    ("thinking", "shown"),
    [
        (None, False),
        ({"type": "disabled"}, False),
        ({"type": "enabled", "display": "omitted"}, False),
        ({"type": "adaptive"}, True),
        ({"type": "enabled", "budget_tokens": 1024}, True),
    ],
)
def test_thinking_is_shown_to_those_who_asked_for_it(thinking: JsonObject | None, shown: bool) -> None:
    assert shown == Wish.of(taken(Body, asking(thinking=thinking))).thinking


# -- the conversation -------------------------------------------------------------------------------------------------


def test_the_system_text_comes_first() -> None:
    system = pb.ChatMessage(role=pb.ROLE_SYSTEM, content="Be brief.")
    assert system == messages(system="Be brief.")[0]


def test_marks_for_the_cache_are_left_out() -> None:
    found = messages(system=[text("Be brief.", cache_control={"type": "ephemeral"}), text("And kind.")])[0]
    assert [pb.ContentPart(text="Be brief."), pb.ContentPart(text="And kind.")] == list(found.parts)


def test_an_earlier_answer_is_text_thinking_and_calls() -> None:
    call = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Paris"}}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "whatever"}
    opaque = [{"type": "redacted_thinking", "data": "x"}, {"type": "server_tool_use", "id": "s", "input": {}}]
    found = messages(user("Hello"), assistant(thought, *opaque, text("Let me "), text("look."), call))[1]
    assert found == pb.ChatMessage(
        role=pb.ROLE_ASSISTANT,
        content="Let me look.",
        reasoning_content="Hm.",
        tool_calls=[pb.ToolCall(id="call_1", name="weather", arguments='{"city":"Paris"}')],
    )


def test_results_come_before_the_words_around_them() -> None:
    results = [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"},
        {"type": "tool_result", "tool_use_id": "call_2", "content": [text("not"), text("found")], "is_error": True},
        {"type": "tool_result", "tool_use_id": "call_3"},
    ]
    found = messages(user([text("And now?"), *results]))
    assert found == [
        pb.ChatMessage(role=pb.ROLE_TOOL, tool_call_id="call_1", content="sunny"),
        pb.ChatMessage(role=pb.ROLE_TOOL, tool_call_id="call_2", content="Error: not\nfound"),
        pb.ChatMessage(role=pb.ROLE_TOOL, tool_call_id="call_3", content=""),
        pb.ChatMessage(role=pb.ROLE_USER, parts=[pb.ContentPart(text="And now?")]),
    ]


def test_a_picture_in_a_result_is_shown_by_the_user() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    found = messages(user([{"type": "tool_result", "tool_use_id": "call_1", "content": [picture]}]))
    assert found[0].content == "The result follows in the next message."
    assert [part.WhichOneof("part") for part in found[1].parts] == ["image"]


@pytest.mark.parametrize(
    ("source", "media"),
    [
        (
            {"type": "base64", "media_type": "image/png", "data": PNG},
            Media(data=b"\x89PNG\r\n\x1a\n", mime_type="image/png"),
        ),
        ({"type": "url", "url": "https://example.org/a.png"}, Media(url="https://example.org/a.png")),
        ({"type": "file", "file_id": "file-1"}, Media(file_id="file-1")),
    ],
    ids=["base64", "url", "file"],
)
def test_media_come_in_each_form(source: JsonObject, media: Media) -> None:
    blocks = [{"type": "image", "source": source}, {"type": "document", "source": source, "title": "a.pdf"}]
    image, document = messages(user(blocks))[0].parts
    named = Media(filename="a.pdf")
    named.MergeFrom(media)
    assert (pb.ContentPart(image=pb.ImagePart(media=media)), pb.ContentPart(file=named)) == (image, document)


def test_a_document_of_text_is_said_as_text() -> None:
    plain = {"type": "document", "title": "Notes", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    nested = {"type": "document", "context": "Old.", "source": {"type": "content", "content": [text("y")]}}
    found = {"type": "search_result", "title": "Page", "source": "https://example.org", "content": [text("z")]}
    parts = messages(user([plain, nested, found]))[0].parts
    assert [part.text for part in parts] == ["Notes\n\nx", "Old.", "y", "Page\nhttps://example.org", "z"]


def test_a_block_that_is_not_known_is_for_the_upstream_to_refuse() -> None:
    part = messages(user([{"type": "container_upload", "file_id": "f"}]))[0].parts[0]
    assert part.raw_json == '{"type":"container_upload","file_id":"f"}'


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"model": "m", "messages": [user("Hello")]}, "max_tokens"),
        (asking(user([{"type": "text"}])), "messages[0].content[0].text"),
        (asking(model=5), "model"),
        (asking(max_tokens=0), "max_tokens"),
        (asking(max_tokens="many"), "max_tokens"),
        ({**asking(), "messages": []}, "messages"),
        (asking({"role": "robot", "content": "Hello"}), "messages[0].role"),
        (asking(user(5)), "messages[0].content"),
        (asking(user([text(5)])), "messages[0].content[0].text"),  # type: ignore[arg-type]
        (asking(user([{"type": "image", "source": {"type": "secret"}}])), "messages[0].content[0].source.type"),
        (asking(user([{"type": "thinking", "thinking": "Hm."}])), "messages[0].content[0]"),
        (asking(tools=[{"name": "weather"}]), "tools[0].input_schema"),
        (asking(tools=[TOOL, {"type": "bash_20250124", "name": "bash"}]), "tools[1].type"),
        (asking(tool_choice={"type": "tool"}), "tool_choice.name"),
        (asking(thinking={"type": "hard"}), "thinking.type"),
        (asking(thinking={"type": "enabled", "budget_tokens": 0}), "thinking.budget_tokens"),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else "",
)
def test_what_is_wrong_is_named_by_its_path(body: JsonObject, path: str) -> None:
    param, message = refused(body)
    assert path == param
    assert message.startswith(path)


def test_a_complaint_does_not_repeat_what_was_sent() -> None:
    secret = {"type": "image", "source": {"type": "my-secret", "media_type": "my-secret", "data": "my-secret!"}}
    broken = {"type": "image", "source": {"type": "base64", "media_type": "my-secret", "data": "my-secret!"}}
    for body in (asking(user([secret])), asking(user([broken])), asking({"role": "my-secret", "content": ""})):
        assert "my-secret" not in refused(body)[1]
