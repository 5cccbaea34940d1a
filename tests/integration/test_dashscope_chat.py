"""Chat by DashScope, through both doors."""

import base64
import json
from typing import Any

import pytest
from both_doors import WAYS, all_ways
from dashscope_house import CHAT, KEY, MULTIMODAL, TEXT, WEATHER, DashScopeHouse, asking, open_dashscope
from support import bearer

from qwen_grpc.v1 import chat_pb2 as pb

THOUGHTS = "The person wants to hear the words again.\nAn echo is enough.\n"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()


@pytest.mark.asyncio
@pytest.mark.parametrize("write_bytes", [0, 1, 7])
@pytest.mark.parametrize("text", ["Hello", "Grüße 👋 你好"])
async def test_an_answer_comes_by_every_way(text: str, write_bytes: int) -> None:
    async with open_dashscope(write_bytes=write_bytes) as house:
        outcomes = await all_ways(house.doors, asking(text), KEY)
        assert {way: outcomes[way].text for way in WAYS} == dict.fromkeys(WAYS, f"You said: {text}")


@pytest.mark.asyncio
async def test_the_answer_names_itself_its_model_and_its_cost() -> None:
    async with open_dashscope() as house:
        reply = await house.reply("Hello", model="qwen-turbo")
        whole = reply.json()
        assert whole["id"].startswith("chatcmpl-")
        assert (whole["model"], reply.headers["x-qwen-model"]) == ("qwen-flash", "qwen-flash")
        assert whole["usage"] == {
            "prompt_tokens": 10,
            "completion_tokens": 4,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        assert whole["choices"][0]["finish_reason"] == "stop"
        assert "x-qwen-notice" not in reply.headers


@pytest.mark.asyncio
async def test_a_request_carries_the_key_the_workspace_and_the_patience() -> None:
    async with open_dashscope({"workspace": "ws-7", "wait_timeout": 9}) as house:
        await house.message("Hello", frequency_penalty=1, base_url="http://elsewhere.test", api_key="sk-other")
        [arrived] = house.arrived()
        assert {
            name: arrived.headers[name] for name in arrived.headers if name.startswith(("authorization", "x-"))
        } == {
            "authorization": f"Bearer {KEY.value}",
            "x-dashscope-workspace": "ws-7",
            "x-dashscope-wait-timeout": "9",
        }
        assert arrived.json == {
            "model": "qwen-plus",
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }


@pytest.mark.asyncio
async def test_thinking_comes_before_the_answer_whole_and_streamed() -> None:
    async with open_dashscope() as house:
        message = await house.message("Hello", model="qwen-plus-thinking")
        streamed = await house.stream("Hello", model="qwen3.7-max")
        assert (message["reasoning_content"], message["content"]) == (THOUGHTS, "You said: Hello")
        assert "".join(delta.reasoning_content for delta in streamed.deltas) == THOUGHTS
        assert streamed.usage.reasoning_tokens > 0


@pytest.mark.asyncio
async def test_models_that_only_stream_while_they_think_answer_in_one_piece() -> None:
    async with open_dashscope() as house:
        message = await house.message("Hello", model="qwen3-32b")
        assert (message["reasoning_content"], message["content"]) == (THOUGHTS, "You said: Hello")


@pytest.mark.asyncio
async def test_tools_are_called_in_parallel() -> None:
    async with open_dashscope() as house:
        asked = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": True}
        message = await house.message("Oslo", **asked)
        streamed = await house.stream("Oslo", **asked)
        calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]
        assert calls == [("weather", '{"city": "Oslo"}')] * 2
        steps = [step for delta in streamed.deltas for step in delta.tool_calls]
        assert [(step.index, step.name) for step in steps if step.id] == [(0, "weather"), (1, "weather")]
        assert streamed.deltas[-1].finish_reason == pb.FINISH_REASON_TOOL_CALLS


@pytest.mark.asyncio
async def test_the_result_of_a_tool_goes_back() -> None:
    async with open_dashscope() as house:
        called = await house.message("Oslo", tools=[WEATHER], tool_choice="required")
        result = {
            "role": "tool",
            "tool_call_id": called["tool_calls"][0]["id"],
            "content": [{"type": "text", "text": "4 °C"}],
        }
        history = [{"role": "user", "content": "Oslo"}, called, result]
        assert (await house.message("", messages=history, tools=[WEATHER]))["content"] == "The tool said: 4 °C"


@pytest.mark.asyncio
@pytest.mark.parametrize(("forced", "choice"), [("stop_thinking", "required"), ("auto", "auto")])
async def test_a_forced_choice_while_thinking_is_served_and_told(forced: str, choice: str) -> None:
    async with open_dashscope({"forced_tools": forced}) as house:
        reply = await house.reply("Oslo", model="qwen3.7-max", tools=[WEATHER], tool_choice="required")
        assert reply.status_code == 200
        assert house.sent()["tool_choice"] == choice
        assert house.sent().get("enable_thinking") is (False if forced == "stop_thinking" else None)
        assert ("thinking was switched off" if forced == "stop_thinking" else "changed to auto") in reply.headers[
            "x-qwen-notice"
        ]


@pytest.mark.asyncio
async def test_a_picture_is_seen_as_data_and_by_its_address() -> None:
    async with open_dashscope() as house:
        for url in (f"data:image/png;base64,{PNG}", "https://pictures.test/fox.png"):
            parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
            message = await house.message(parts, model="qwen3-vl-plus")
            assert "What is this?" in message["content"]
            assert house.sent()["messages"][0]["content"] == parts


@pytest.mark.asyncio
async def test_a_large_picture_goes_by_the_temporary_store() -> None:
    large = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8 << 20)).decode()
    request = pb.CompleteChatRequest(model="qwen3-vl-plus", messages=[pb.ChatMessage(role=pb.ROLE_USER)])
    request.messages[0].parts.add().image.media.data = base64.b64decode(large)
    request.messages[0].parts.add(text="What is this?")
    async with open_dashscope() as house:
        model = await house.upstream.resolve("qwen3-vl-plus", KEY)
        said = [delta.content async for one in house.upstream.chat(request, model, KEY) for delta in one.deltas]
        assert "What is this?" in "".join(said)
        [part, _] = house.sent()["messages"][0]["content"]
        assert part["image_url"]["url"].startswith("oss://")
        assert house.arrived()[-1].headers["x-dashscope-ossresourceresolve"] == "enable"
        assert request.messages[0].parts[0].image.media.WhichOneof("source") == "data"


@pytest.mark.asyncio
async def test_the_last_words_of_a_vision_model_come_with_its_end() -> None:
    async with open_dashscope() as house:
        outcomes = await all_ways(house.doors, asking("[[sim:vl_finish]]a b c d", model="qwen3-vl-plus"), KEY)
        assert {outcome.text for outcome in outcomes.values()} == {"You said: a b c d"}


@pytest.mark.asyncio
async def test_a_long_answer_is_whole() -> None:
    async with open_dashscope() as house:
        outcomes = await all_ways(house.doors, asking("[[sim:long:2000]]"), KEY)
        assert {outcome.text for outcome in outcomes.values()} == {"".join(f"word {at} " for at in range(2000))}


@pytest.mark.asyncio
@pytest.mark.parametrize(("model", "path"), [("qwen-plus-search", TEXT), ("qwen3.7-plus-search", MULTIMODAL)])
async def test_a_search_tells_its_sources(model: str, path: str) -> None:
    async with open_dashscope() as house:
        message = await house.message("Echo", model=model)
        assert house.arrived() == []
        assert house.arrived(path)[0].headers["x-dashscope-sse"] == "enable"
        [cited] = [one["url_citation"] for one in message["annotations"]]
        text = message["content"]
        assert text[cited["start_index"] : cited["end_index"]] == "[1]"
        assert cited["url"] == "https://example.org/echo"


@pytest.mark.asyncio
async def test_a_search_without_marks_tells_all_pages_at_the_end() -> None:
    async with open_dashscope() as house:
        options = {"enable_citation": False}
        message = await house.message("Echo", enable_search=True, search_options=options)
        text = message["content"]
        places = [
            (one["url_citation"]["start_index"], one["url_citation"]["end_index"]) for one in message["annotations"]
        ]
        assert places == [(len(text), len(text))] * len(places)
        assert len(places) > 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"temperature": 2}, "temperature"),
        ({"tools": [{"type": "function", "function": {"name": "search"}}]}, "tools[0].function.name"),
        ({"response_format": {"type": "json_object"}}, "messages"),
        ({"model": "qwen3-coder-plus", "enable_search": True}, "enable_search"),
        ({"model": "wan2.7-t2v"}, None),
    ],
)
async def test_what_would_be_refused_is_refused_before_anybody_is_asked(
    body: dict[str, Any], field: str | None
) -> None:
    async with open_dashscope() as house:
        reply = await house.reply("Hello", **body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, field)
        assert house.arrived() == []


@pytest.mark.asyncio
async def test_an_answer_in_json_follows_its_schema() -> None:
    schema = {"type": "object", "properties": {"said": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    async with open_dashscope() as house:
        message = await house.message("Hello", model="qwen3.7-plus", response_format=wanted, enable_thinking=False)
        assert message["content"] == '{"said": "You said: Hello"}'


@pytest.mark.asyncio
async def test_several_answers_come_by_their_numbers() -> None:
    async with open_dashscope() as house:
        whole = await several(house, 3)
        assert whole == dict.fromkeys(range(3), "You said: Hello")
        assert house.sent()["n"] == 3


async def several(house: DashScopeHouse, count: int) -> dict[int, str]:
    request = pb.CompleteChatRequest(model="qwen-plus", n=count)
    request.messages.add(role=pb.ROLE_USER, content="Hello")
    model, said = await house.upstream.resolve("qwen-plus", KEY), dict[int, str]()
    async for message in house.upstream.chat(request, model, KEY):
        for delta in message.deltas:
            said[delta.index] = said.get(delta.index, "") + delta.content
    assert len(house.arrived(CHAT)) == 1
    return said


@pytest.mark.asyncio
async def test_a_document_is_uploaded_and_named_by_its_id() -> None:
    async with open_dashscope() as house:
        form = {"file": ("notes.txt", b"The fox is red.", "text/plain")}
        stored = await house.doors.http.post(
            "/v1/files", files=form, data={"purpose": "user_data"}, headers=bearer(KEY)
        )
        file = {"type": "file", "file": {"file_id": stored.json()["id"]}}
        parts = [{"type": "text", "text": "Which colour?"}, file]
        assert "Which colour?" in (await house.message(parts, model="qwen-long"))["content"]
        system, user = house.sent()["messages"]
        assert (system["role"], system["content"].startswith("fileid://")) == ("system", True)
        assert user == {"role": "user", "content": "Which colour?"}
        refused = await house.reply(parts, model="qwen-plus")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "messages[0].content[1].file")


@pytest.mark.asyncio
@pytest.mark.parametrize("cue", ["", " [[sim:json_fenced]]", " [[sim:json_wrong]]"])
async def test_a_model_without_schemas_is_asked_for_one_in_words(cue: str) -> None:
    schema = {"type": "object", "properties": {"said": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    async with open_dashscope() as house:
        message = await house.message(f"Hello{cue}", model="qwen-plus", response_format=wanted)
        assert list(json.loads(message["content"])) == ["said"]
        bodies = [one.json for one in house.arrived()]
    assert len(bodies) == (2 if "wrong" in cue else 1)
    assert all("response_format" not in body for body in bodies)
    assert '{"type":"object"' in bodies[0]["messages"][0]["content"]
