from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from support import House, bearer
from upstream_record import NEW, calls, failed, sent

from qwen_grpc.simulator import models as simulated
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

ALWAYS = {"output_schema": "phase", "research_mode": "normal"}
FAST = {"thinking_enabled": False, "auto_thinking": False, "thinking_mode": "Fast"}
SLOW = {"thinking_enabled": True, "auto_thinking": False, "thinking_mode": "Thinking", "thinking_format": "summary"}
AUTO = {**SLOW, "auto_thinking": True, "thinking_mode": "Auto"}
CLOCK = {"type": "function", "function": {"name": "clock"}}


async def asked(house: House, model: str, **more: Any) -> dict[str, Any]:
    """What the site is asked for."""
    reply = await house.complete("Hello", model=model, **more)
    assert reply.status_code == 200, reply.text
    (body,) = sent(house.simulator)
    return body


def error_of(reply: Any) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "fields", "chat_type", "thinking"),
    [
        ("qwen-max", {}, "t2t", FAST),
        ("qwen-max-thinking", {}, "t2t", SLOW),
        ("qwen-max-no-thinking", {}, "t2t", FAST),
        ("qwen-max-search", {}, "search", FAST),
        ("qwen-max-thinking-search", {}, "search", SLOW),
        ("qwen3.7-plus-thinking", {}, "t2t", SLOW),
        ("qwen-max", {"enable_thinking": True}, "t2t", SLOW),
        ("qwen-max-thinking", {"enable_thinking": False}, "t2t", FAST),
        ("qwen-max-no-thinking", {"enable_thinking": True}, "t2t", SLOW),
        ("qwen-max", {"enable_thinking": True, "thinking_budget": 1000}, "t2t", SLOW | {"thinking_budget": 1000}),
        ("qwen-max-thinking", {"thinking_budget": 10**9}, "t2t", SLOW | {"thinking_budget": 81_920}),
        ("qwen-max", {"reasoning_effort": "none"}, "t2t", FAST),
        ("qwen-max-thinking", {"reasoning_effort": "none"}, "t2t", FAST),
        ("qwen-max", {"reasoning_effort": "minimal"}, "t2t", SLOW | {"thinking_budget": 1024}),
        ("qwen-max", {"reasoning_effort": "low"}, "t2t", SLOW | {"thinking_budget": 4096}),
        ("qwen-max", {"reasoning_effort": "medium"}, "t2t", SLOW | {"thinking_budget": 16_384}),
        ("qwen-max", {"reasoning_effort": "high"}, "t2t", SLOW | {"thinking_budget": 32_768}),
        ("qwen-max", {"reasoning_effort": "xhigh"}, "t2t", SLOW),
        ("qwen-max", {"reasoning_effort": "auto"}, "t2t", AUTO),
        ("qwen-max", {"reasoning_effort": "high", "thinking_budget": 500}, "t2t", SLOW | {"thinking_budget": 500}),
        ("qwen-max", {"thinking": {"type": "enabled", "budget_tokens": 600}}, "t2t", SLOW | {"thinking_budget": 600}),
        ("qwen-max", {"enable_search": True}, "search", FAST),
        ("qwen-max", {"web_search_options": {}}, "search", FAST),
        ("qwen-max-search", {"enable_search": False}, "t2t", FAST),
        ("qwen-max", {"tools": [{"type": "web_search"}]}, "search", FAST),
        ("qwen-max", {"tools": [CLOCK], "tool_choice": "none"}, "t2t", FAST),
        ("qwen-max", {"response_format": {"type": "text"}, "logprobs": False}, "t2t", FAST),
    ],
)
async def test_name_and_fields_decide_how_the_site_is_asked(
    house: House, model: str, fields: dict[str, Any], chat_type: str, thinking: dict[str, Any]
) -> None:
    body = await asked(house, model, **fields)

    (message,) = body["messages"]
    assert message["feature_config"] == {**ALWAYS, "auto_search": chat_type == "search", **thinking}
    assert (message["chat_type"], message["sub_chat_type"]) == (chat_type, chat_type)
    assert message["extra"] == {"meta": {"subChatType": chat_type}}
    (new,) = calls(house.simulator, NEW)
    assert (new.json["chat_type"], new.json["models"]) == (chat_type, [body["model"]])
    assert (body["stream"], body["incremental_output"], body["version"]) == (True, True, "2.1")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "code_interpreter"}]}, "tools"),
        ({"tools": [CLOCK, {"type": "code_interpreter"}]}, "tools"),
        ({"tools": [CLOCK], "tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice"),
        ({"model": "qwen-deep-research", "response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_object"}, "stop": "x"}, "stop"),
        ({"logprobs": True}, "logprobs"),
        ({"n": 2}, "n"),
    ],
)
async def test_what_the_site_would_ignore_is_refused_by_name(house: House, fields: dict[str, Any], param: str) -> None:
    assert error_of(await house.complete("Hello", **fields)) == (400, "unsupported_parameter", param)
    assert error_of(await house.complete("Hello", stream=True, **fields)) == (400, "unsupported_parameter", param)
    assert calls(house.simulator, NEW) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("qwen-max-search", {}),
        ("qwen-max-thinking-search", {}),
        ("qwen-max", {"enable_search": True}),
        ("qwen-max", {"tools": [{"type": "web_search"}]}),
        ("qwen3-coder-plus-thinking", {}),
    ],
)
async def test_what_a_model_does_not_offer_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, model: str, fields: dict[str, Any]
) -> None:
    monkeypatch.setitem(simulated.META, "qwen3.8-max", {"chat_type": ["t2t"]})

    reply = await house.complete("Hello", model=model, **fields)

    assert error_of(reply)[:2] == (400, "unsupported_parameter")
    assert calls(house.simulator, NEW) == []


@pytest.mark.asyncio
async def test_over_grpc_the_refused_field_is_named_too(house: House) -> None:
    request = ParseDict(
        {"model": "qwen-max", "messages": [{"role": "ROLE_USER", "content": "x"}], "logprobs": True},
        CompleteChatRequest(),
    )
    found = await failed(house.chat.CompleteChat(request, metadata=tuple(bearer().items())))

    assert found == (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED")
