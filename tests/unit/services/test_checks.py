"""What a chat request has to be, before anybody is called."""

from typing import Any

import pytest

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.schemas import Schemas
from qwen_grpc.services.checks import (
    MAX_MESSAGES,
    MAX_STOP_CHARS,
    MAX_STOPS,
    RANGES,
    Range,
    check_chat,
    check_form,
)
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ROLE_USER, ChatMessage, CompleteChatRequest, ResponseFormat

HELLO = ChatMessage(role=ROLE_USER, content="Hello")


def request(**fields: Any) -> CompleteChatRequest:
    return CompleteChatRequest(**{"model": "m", "messages": [HELLO]} | fields)


def complaint(**fields: Any) -> tuple[str, str]:
    with pytest.raises(InvalidParameter) as failure:
        check_chat(request(**fields))
    return failure.value.field, failure.value.message


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"model": ""}, "model", "model is missing: name one that GET /v1/models (ListModels) lists"),
        ({"messages": []}, "messages", "messages is empty: send at least one message"),
        ({"messages": [HELLO] * (MAX_MESSAGES + 1)}, "messages", "messages has more than 2048 entries"),
        ({"stop": ["x"] * (MAX_STOPS + 1)}, "stop", "stop has more than 16 entries"),
        ({"stop": ["a", "x" * (MAX_STOP_CHARS + 1)]}, "stop[1]", "stop[1] has more than 1024 characters"),
        (
            {"top_logprobs": 2},
            "top_logprobs",
            "top_logprobs needs logprobs: set it to true, or leave both away",
        ),
        ({"temperature": 2.5}, "temperature", "temperature is 2.5: expected 0 to 2"),
        ({"temperature": float("nan")}, "temperature", "temperature is nan: expected 0 to 2"),
        ({"max_tokens": 0}, "max_tokens", "max_tokens is 0: expected 1 to 2.14748e+09"),
        ({"n": 0}, "n", "n is 0: expected 1 to 128"),
        (
            {"messages": [HELLO, ChatMessage()]},
            "messages[1].role",
            "messages[1].role is missing or unknown: expected system, developer, user, assistant, tool, function",
        ),
    ],
)
def test_the_first_wrong_field_is_named(fields: dict[str, Any], field: str, message: str) -> None:
    assert complaint(**fields) == (field, message)


def test_a_role_of_a_newer_contract_is_unknown() -> None:
    assert complaint(messages=[ChatMessage(role=99)])[0] == "messages[0].role"  # type: ignore[arg-type]


@pytest.mark.parametrize("bounds", RANGES, ids=lambda bounds: bounds.field)
def test_bounds_are_part_of_the_range(bounds: Range) -> None:
    whole = bounds.field not in ("temperature", "top_p", "frequency_penalty", "presence_penalty")
    number = int if whole else float
    step = 1 if whole else 0.01
    beside = {"logprobs": True} if bounds.field == "top_logprobs" else {}
    check_chat(request(**{bounds.field: number(bounds.low)}))
    assert complaint(**{bounds.field: number(bounds.low) - step}, **beside)[0] == bounds.field
    if bounds.high < 1 << 31:
        assert complaint(**{bounds.field: number(bounds.high) + step}, **beside)[0] == bounds.field


def test_a_full_request_passes() -> None:
    answer = ChatMessage(role=ROLE_ASSISTANT)
    check_chat(request(messages=[HELLO, answer] * (MAX_MESSAGES // 2), stop=["x"] * MAX_STOPS, n=1, temperature=0))


def form(type_: ResponseFormat.Type, **schema: str) -> ResponseFormat:
    return ResponseFormat(type=type_, json_schema=ResponseFormat.JsonSchema(**schema) if schema else None)


SCHEMA = ResponseFormat.TYPE_JSON_SCHEMA


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (form(SCHEMA), ""),
        (form(SCHEMA, schema_json="{}"), ".name"),
        (form(SCHEMA, name="a"), ".schema"),
        (form(SCHEMA, name="a", schema_json="["), ".schema"),
        (form(SCHEMA, name="a", schema_json='{"properties":{"b":{"type":"txt"}}}'), ".schema.properties.b.type"),
        (form(ResponseFormat.TYPE_JSON_OBJECT, name="a", schema_json="{}"), ""),
        (form(ResponseFormat.TYPE_UNSPECIFIED, name="a"), ""),
    ],
)
def test_a_form_that_contradicts_itself_is_refused_with_its_place(wrong: ResponseFormat, field: str) -> None:
    with pytest.raises(InvalidParameter) as failure:
        check_form(wrong, Schemas())
    assert failure.value.field == f"response_format.json_schema{field}"
    assert failure.value.field in failure.value.message


def test_forms_that_say_all_that_they_need_pass() -> None:
    for right in (ResponseFormat(), form(ResponseFormat.TYPE_TEXT), form(ResponseFormat.TYPE_JSON_OBJECT)):
        check_form(right, Schemas())
    check_form(form(SCHEMA, name="a", schema_json='{"type":"array"}'), Schemas())
