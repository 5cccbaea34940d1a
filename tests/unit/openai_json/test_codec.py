"""Golden pairs: OpenAI's JSON on one side, the message on the other."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES, InvalidBody
from qwen_grpc.openai_json.jsontext import dump, load
from qwen_grpc.v1 import chat_pb2 as chat
from qwen_grpc.v1.common_pb2 import Media, Usage
from qwen_grpc.v1.models_pb2 import Capability, ListModelsResponse, Model

PIXEL = "data:image/png;base64,iVBORw0KGgo="
PIXEL_BYTES = b"\x89PNG\r\n\x1a\n"
Body = dict[str, Any]


def text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def request(**fields: Any) -> chat.CompleteChatRequest:
    return chat.CompleteChatRequest(**fields)


def message(**fields: Any) -> chat.ChatMessage:
    return chat.ChatMessage(**fields)


def part(**fields: Any) -> chat.ContentPart:
    return chat.ContentPart(**fields)


THINKING = chat.ThinkingOptions
PAIRS: list[tuple[Body, Message]] = [
    # Plain members.
    ({"model": "q", "temperature": 0, "n": 2.0}, request(model="q", temperature=0, n=2)),
    ({"logit_bias": {"5": -1, "6": 0}}, request(logit_bias={"5": -1, "6": 0})),
    ({"metadata": {"a": "b"}}, request(metadata={"a": "b"})),
    ({"conversation": {"chat_id": "c", "ephemeral": True}}, request(conversation={"chat_id": "c", "ephemeral": True})),
    ({"stop": ["a", "b"]}, request(stop=["a", "b"])),
    # Members that are understood and kept, as they have more than one spelling or more in them.
    ({"stop": "a"}, request(stop=["a"], extra_json='{"stop":"a"}')),
    ({"conversation": {"chat_id": "c", "x": 1}},
     request(conversation={"chat_id": "c"}, extra_json='{"conversation":{"chat_id":"c","x":1}}')),
    # Members without an exact field.
    ({"stream": True}, request(extra_json='{"stream":true}')),
    ({"temperature": None}, request(extra_json='{"temperature":null}')),
    ({"seed": 2**63}, request(extra_json='{"seed":9223372036854775808}')),
    ({"seed": True}, request(extra_json='{"seed":true}')),
    ({"user": ""}, request(extra_json='{"user":""}')),
    ({"tools": []}, request(extra_json='{"tools":[]}')),
    ({"extra_json": "{}"}, request(extra_json='{"extra_json":"{}"}')),
    # The name that follows the first half of an emoji is repaired, and kept.
    ({"user": "a\ud83d"}, request(user="a\ufffd", extra_json='{"user":"a\\ud83d"}')),
    ({"metadata": {"a": "b", "c": "\ud83d"}}, request(extra_json='{"metadata":{"a":"b","c":"\\ud83d"}}')),
    # Usage in a stream.
    ({"stream_options": {"include_usage": True}}, request(include_usage=True)),
    ({"stream_options": {"include_usage": False}}, request(extra_json='{"stream_options":{"include_usage":false}}')),
    ({"stream_options": {"include_usage": True, "include_obfuscation": False}},
     request(include_usage=True,
             extra_json='{"stream_options":{"include_usage":true,"include_obfuscation":false}}')),
    # Thinking.
    ({"enable_thinking": False, "thinking_budget": 9, "reasoning_effort": "low"},
     request(thinking=THINKING(enabled=False, budget_tokens=9, effort="low"))),
    ({"chat_template_kwargs": {"enable_thinking": False, "x": 1}},
     request(thinking=THINKING(enabled=False), extra_json='{"chat_template_kwargs":{"enable_thinking":false,"x":1}}')),
    ({"thinking": {"type": "enabled", "budget_tokens": 7}},
     request(thinking=THINKING(enabled=True, budget_tokens=7),
             extra_json='{"thinking":{"type":"enabled","budget_tokens":7}}')),
    ({"thinking": {"type": "adaptive"}}, request(extra_json='{"thinking":{"type":"adaptive"}}')),
    ({"reasoning": {"effort": "high", "enabled": True, "max_tokens": 5}},
     request(thinking=THINKING(enabled=True, budget_tokens=5, effort="high"),
             extra_json='{"reasoning":{"effort":"high","enabled":true,"max_tokens":5}}')),
    ({"thinking": {"type": "enabled"}, "enable_thinking": False},
     request(thinking=THINKING(enabled=False), extra_json='{"thinking":{"type":"enabled"},"enable_thinking":false}')),
    # Search.
    ({"enable_search": True, "search_options": {"forced": True}},
     request(search={"enabled": True, "options_json": '{"forced":true}'})),
    ({"web_search_options": {}},
     request(search={"enabled": True, "options_json": "{}"}, extra_json='{"web_search_options":{}}')),
    # Tools.
    ({"tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": False,
                                                  "parameters": {"z": 9007199254740993, "a": 1.0}}}]},
     request(tools=[{"function": {"name": "f", "description": "d", "strict": False,
                                  "parameters_json": '{"z":9007199254740993,"a":1.0}'}}])),
    ({"tools": [{"type": "web_search"}]}, request(tools=[{"raw_json": '{"type":"web_search"}'}])),
    ({"tools": [{"type": "function", "function": {"name": "f"}, "cache_control": {}}]},
     request(tools=[{"function": {"name": "f"}}],
             extra_json='{"tools":[{"type":"function","function":{"name":"f"},"cache_control":{}}]}')),
    ({"tool_choice": "required"}, request(tool_choice={"mode": chat.ToolChoice.MODE_REQUIRED})),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, request(tool_choice={"function_name": "f"})),
    ({"tool_choice": {"type": "allowed_tools"}}, request(tool_choice={"raw_json": '{"type":"allowed_tools"}'})),
    ({"tool_choice": "any"}, request(extra_json='{"tool_choice":"any"}')),
    # The shape of the answer.
    ({"response_format": {"type": "json_object"}},
     request(response_format={"type": chat.ResponseFormat.TYPE_JSON_OBJECT})),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"b": 1, "a": 2}}}},
     request(response_format={"type": chat.ResponseFormat.TYPE_JSON_SCHEMA,
                              "json_schema": {"name": "n", "schema_json": '{"b":1,"a":2}'}})),
    # Messages.
    ({"role": "user", "content": ""}, message(role=chat.ROLE_USER, content="")),
    ({"role": "assistant", "content": None}, message(role=chat.ROLE_ASSISTANT, extra_json='{"content":null}')),
    ({"role": "critic", "content": "x"}, message(content="x", extra_json='{"role":"critic"}')),
    ({"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "7"}]},
     message(role=chat.ROLE_TOOL, tool_call_id="c", parts=[part(text="7")])),
    ({"reasoning_content": "hm"}, message(reasoning_content="hm")),
    ({"reasoning": "hm"}, message(reasoning_content="hm", extra_json='{"reasoning":"hm"}')),
    ({"reasoning": "b", "reasoning_content": "a"},
     message(reasoning_content="a", extra_json='{"reasoning":"b","reasoning_content":"a"}')),
    ({"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]},
     message(tool_calls=[{"id": "c", "type": "function", "name": "f"}])),
    ({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "x"}}]},
     message(tool_calls=[{"id": "c", "type": "custom", "extra_json": '{"custom":{"name":"x"}}'}])),
    ({"tool_calls": [{"function": {"name": "f"}}]},
     message(tool_calls=[{"name": "f", "extra_json": '{"function":{"name":"f"}}'}])),
    ({"annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 1}}]},
     message(annotations=[{"url_citation": {"url": "u", "title": "t", "start_index": 1}}])),
    ({"audio": {"id": "a", "data": "AAAA", "expires_at": 5}},
     message(audio={"id": "a", "data": b"\0\0\0", "expires_at": 5})),
    # Parts.
    ({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
     part(text="hi", extra_json='{"cache_control":{"type":"ephemeral"}}')),
    ({"type": "refusal", "refusal": "no"}, part(refusal="no")),
    ({"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
     part(image={"media": {"data": PIXEL_BYTES, "mime_type": "image/png"}, "detail": "low"})),
    ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAB="}},
     part(image={"media": {"url": "data:image/png;base64,AAB="}})),
    ({"type": "image_url", "image_url": {"url": "data:é;base64,AAAA"}},
     part(image={"media": {"url": "data:é;base64,AAAA"}})),
    ({"type": "image_url", "image_url": {"url": "http://h/i", "min_pixels": 4}},
     part(image={"media": {"url": "http://h/i"}},
          extra_json='{"type":"image_url","image_url":{"url":"http://h/i","min_pixels":4}}')),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
     part(audio={"media": {"data": b"\0\0\0"}, "format": "wav"})),
    ({"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,AAAA"}},
     part(audio={"media": {"data": b"\0\0\0", "mime_type": "audio/wav"}})),
    ({"type": "input_audio", "input_audio": {"data": "data:;base64,AAAA"}},
     part(audio={"media": {"url": "data:;base64,AAAA"}})),
    ({"type": "video_url", "video_url": {"url": "http://h/v"}, "fps": 2},
     part(video={"media": {"url": "http://h/v"}, "fps": 2})),
    ({"type": "video", "video": ["http://h/1", "http://h/2"], "fps": 0.5},
     part(video={"frames": [Media(url="http://h/1"), Media(url="http://h/2")], "fps": 0.5})),
    ({"type": "video", "video": "http://h/v"},
     part(video={"media": {"url": "http://h/v"}}, extra_json='{"type":"video","video":"http://h/v"}')),
    ({"type": "video", "video": ["http://h/1", "\ud83d"]},
     part(raw_json='{"type":"video","video":["http://h/1","\\ud83d"]}')),
    ({"type": "file", "file": {"file_id": "f-1", "filename": "a.pdf"}},
     part(file={"file_id": "f-1", "filename": "a.pdf"})),
    ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
     part(file={"data": b"\0\0\0", "mime_type": "application/pdf"})),
    ({"type": "hologram", "hologram": 1}, part(raw_json='{"type":"hologram","hologram":1}')),
    ({"type": "text", "text": 5}, part(raw_json='{"type":"text","text":5}')),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), PAIRS, ids=lambda value: text(value)[:70] if type(value) is dict else "")
def test_json_and_message_say_the_same(body: Body, expected: Message) -> None:
    read = REQUESTS.read(type(expected), body)
    assert read == expected
    assert REQUESTS.write(read) == body


ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1795339336, "model": "qwen3-max",
    "choices": [{
        "index": 0,
        "message": {
            "role": "assistant", "content": "2", "refusal": None, "reasoning_content": "1+1",
            "annotations": [{"type": "url_citation",
                             "url_citation": {"url": "u", "title": "", "start_index": 0, "end_index": 1}}],
        },
        "logprobs": {"refusal": None, "content": [
            {"token": "2", "logprob": -0.5, "bytes": [50],
             "top_logprobs": [{"token": "3", "logprob": -2.0, "bytes": None}]}]},
        "finish_reason": "stop",
    }],
    "usage": {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9,
              "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 3}},
    "system_fingerprint": "fp", "service_tier": "default", "conversation": {"chat_id": "c", "message_id": "m"},
}  # fmt: skip


def test_a_whole_answer_is_typed_through_and_through() -> None:
    read = RESPONSES.read(chat.CompleteChatResponse, ANSWER)
    choice = chat.Choice(
        message=message(
            role=chat.ROLE_ASSISTANT,
            content="2",
            reasoning_content="1+1",
            annotations=[{"url_citation": {"url": "u", "end_index": 1}}],
        ),
        logprobs={"content": [{"token": "2", "logprob": -0.5, "utf8": b"2", "top": [{"token": "3", "logprob": -2}]}]},
        finish_reason=chat.FINISH_REASON_STOP,
    )
    assert read == chat.CompleteChatResponse(
        id="chatcmpl-1",
        created=1795339336,
        model="qwen3-max",
        choices=[choice],
        usage=Usage(prompt_tokens=9, total_tokens=9, cached_tokens=0, reasoning_tokens=3),
        system_fingerprint="fp",
        service_tier="default",
        conversation={"chat_id": "c", "message_id": "m"},
    )
    assert RESPONSES.write(read) == ANSWER


def test_an_answer_has_the_nulls_that_openai_requires_and_no_empty_lists() -> None:
    answer = chat.CompleteChatResponse(
        id="x",
        choices=[chat.Choice(message=message(tool_calls=[{"id": "c", "name": "f"}]), finish_reason=3)],
    )
    assert RESPONSES.write(answer) == {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
    }


def test_an_answer_keeps_what_the_upstream_said_beside_the_contract() -> None:
    answer = chat.CompleteChatResponse(extra_json='{"object":"odd","x":"\\ud83d"}')
    written = RESPONSES.write(answer)
    assert written == {"id": "", "object": "odd", "created": 0, "model": "", "choices": [], "x": "\ud83d"}
    assert load(dump(written)) == written


def test_models_are_written_as_a_list_of_openai_models() -> None:
    model = Model(id="qwen3-max", owned_by="qwen", capabilities=[Capability.CAPABILITY_IMAGE_EDIT], active=True)
    model.create_time.seconds = 1700000000
    assert RESPONSES.write(ListModelsResponse(models=[model])) == {
        "object": "list",
        "data": [
            {
                "id": "qwen3-max",
                "object": "model",
                "created": 1700000000,
                "owned_by": "qwen",
                "capabilities": ["image_edit"],
                "active": True,
            }
        ],
    }
    assert RESPONSES.read(Model, RESPONSES.write(model)) == model


def test_the_epoch_is_a_time() -> None:
    read = RESPONSES.read(ListModelsResponse, {"object": "list", "data": [], "fetch_time": 0})
    assert read.HasField("fetch_time")
    assert RESPONSES.write(read) == {"object": "list", "data": [], "fetch_time": 0}


def test_a_word_that_is_newer_than_this_version_is_left_out() -> None:
    assert REQUESTS.write(message(role=99, content="x")) == {"content": "x"}


def test_an_extra_json_that_is_no_object_is_reported() -> None:
    with pytest.raises(ValueError, match="expected the text of a JSON object"):
        RESPONSES.write(chat.CompleteChatResponse(extra_json="[1]"))


@pytest.mark.parametrize(
    "bad", ["NaN", "[1e400]", "{", '["\\ud800", NaN]', '["\\ud800", 1e400]', "[" * 9000, "", "9" * 9000]
)
def test_what_is_no_json_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=".+"):
        load(bad)


def test_reading_does_not_share_lists_between_answers() -> None:
    RESPONSES.write(chat.CompleteChatResponse())["choices"].append(1)
    assert RESPONSES.write(chat.CompleteChatResponse())["choices"] == []


def test_invalid_body_hides_the_value() -> None:
    with pytest.raises(InvalidBody) as caught:
        REQUESTS.check(chat.CompleteChatRequest, {"model": "q", "messages": [{"role": "my secret"}]})
    assert "secret" not in caught.value.message


def test_a_typed_message_shows_what_a_grpc_client_would_see() -> None:
    read = REQUESTS.read(chat.CompleteChatRequest, {"messages": [{"role": "user", "content": "hi"}], "x": 1})
    assert MessageToDict(read) == {"messages": [{"role": "ROLE_USER", "content": "hi"}], "extraJson": '{"x":1}'}
