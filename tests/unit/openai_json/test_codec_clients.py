"""Bodies as real clients make them: accepted, understood, and kept to the last member."""

from typing import Any

import pytest

from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ROLE_SYSTEM, ROLE_TOOL, ROLE_USER, CompleteChatRequest

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 9007199254740993}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": SCHEMA}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}

LANGCHAIN = {
    "messages": [
        {"content": "Be brief.", "role": "system"},
        {"content": "Weather in Paris?", "role": "user"},
        {"content": None, "role": "assistant", "tool_calls": [CALL]},
        {"content": "sunny", "role": "tool", "tool_call_id": "call_1"},
    ],
    "model": "qwen-max", "stream": False, "temperature": 0.7, "parallel_tool_calls": False,
    "tools": [{**TOOL, "function": {**TOOL["function"], "strict": True}}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
}  # fmt: skip
QWEN_CODE = {
    "model": "qwen3-coder-plus",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "You are Qwen Code."}]},
        {"role": "user", "content": [{"type": "text", "text": "List files."}, {"type": "text", "text": "Now."}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "a.py"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "One file."}]},
    ],
    "max_tokens": 32768, "stream": True, "stream_options": {"include_usage": True}, "tools": [TOOL],
    "metadata": {"sessionId": "s", "promptId": "p"},
}  # fmt: skip
CLAUDE_CODE_ROUTER = {
    "model": "qwen3-coder-plus", "max_tokens": 128000, "stream": True, "temperature": 1,
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [{"type": "text", "text": "U", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "ok", "tool_call_id": "call_1", "cache_control": {"type": "ephemeral"}},
    ],
    "tools": [TOOL], "tool_choice": "auto", "reasoning": {"effort": "high", "enabled": True},
}  # fmt: skip
VISION = {
    "model": "qwen-vl-max",
    "messages": [
        {"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg", "detail": "high"}},
            {"type": "text", "text": "What differs?"},
        ]},
    ],
    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}},
    "max_completion_tokens": 100, "seed": 42, "user": "u", "n": 1, "stop": None,
}  # fmt: skip
BODIES = {"langchain": LANGCHAIN, "qwen-code": QWEN_CODE, "claude-code-router": CLAUDE_CODE_ROUTER, "vision": VISION}


def read(body: dict[str, Any]) -> CompleteChatRequest:
    return REQUESTS.read(CompleteChatRequest, body)


@pytest.mark.parametrize("name", BODIES)
def test_the_body_of_a_client_is_accepted_and_kept(name: str) -> None:
    REQUESTS.check(CompleteChatRequest, BODIES[name])
    wire = read(BODIES[name]).SerializeToString()
    assert REQUESTS.write(CompleteChatRequest.FromString(wire)) == BODIES[name]


def test_qwen_code_is_understood_with_lists_for_every_role() -> None:
    request = read(QWEN_CODE)
    assert [(one.role, [part.text for part in one.parts]) for one in request.messages] == [
        (ROLE_SYSTEM, ["You are Qwen Code."]),
        (ROLE_USER, ["List files.", "Now."]),
        (ROLE_ASSISTANT, []),
        (ROLE_TOOL, ["a.py"]),
        (ROLE_ASSISTANT, ["One file."]),
    ]
    assert (request.max_tokens, request.include_usage, request.extra_json) == (32768, True, '{"stream":true}')


def test_claude_code_router_is_understood_with_its_reasoning_and_cache_marks() -> None:
    request = read(CLAUDE_CODE_ROUTER)
    assert (request.thinking.effort, request.thinking.enabled) == ("high", True)
    assert request.messages[0].parts[0].extra_json == '{"cache_control":{"type":"ephemeral"}}'
    assert request.messages[3].extra_json == '{"cache_control":{"type":"ephemeral"}}'
    assert request.extra_json == '{"stream":true,"reasoning":{"effort":"high","enabled":true}}'


def test_langchain_is_understood_with_its_named_tool() -> None:
    request = read(LANGCHAIN)
    assert request.tool_choice.function_name == "weather"
    assert request.tools[0].function.parameters_json.startswith('{"type":"object","properties":')
    assert (request.messages[2].tool_calls[0].name, request.messages[2].extra_json) == ("weather", '{"content":null}')


def test_a_picture_in_the_body_arrives_as_bytes() -> None:
    media = read(VISION).messages[0].parts[0].image.media
    assert (media.mime_type, media.data) == ("image/png", b"\x89PNG\r\n\x1a\n")
