"""Tools that are refused before anybody is called."""

from typing import Any

import pytest

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.schemas import Schemas
from qwen_grpc.tools.checks import ToolChecks
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest


def tool(name: str, **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def request_of(*tools: Any, **body: Any) -> CompleteChatRequest:
    messages = [{"role": "user", "content": "hi"}]
    return REQUESTS.read(CompleteChatRequest, {"model": "q", "messages": messages, "tools": list(tools), **body})


def refused(request: CompleteChatRequest) -> str:
    with pytest.raises(InvalidParameter) as caught:
        ToolChecks(Schemas()).check(request)
    assert caught.value.field in caught.value.message or caught.value.field == "tool_choice"
    return caught.value.field


GOOD: list[Any] = [
    {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9007199254740993}}, "required": ["city"]},
    {"type": "object", "properties": {}, "additionalProperties": False},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "string"}]},
    {"$schema": "https://example.org/own", "type": "object"},
    {"properties": {"a": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/a"}]}}, "$defs": {"a": {"type": "null"}}},
    {"type": ["object", "null"], "nullable": True, "x-order": 1},
    {},
]
BAD: list[tuple[Any, str]] = [
    ({"type": "objekt"}, ".type"),
    ({"type": "object", "properties": {"city": {"type": 5}}}, ".properties.city.type"),
    ({"type": "object", "properties": []}, ".properties"),
    ({"type": "object", "required": "city"}, ".required"),
    ({"properties": {"a b": {"minimum": "0"}}}, ".properties['a b'].minimum"),
    ({"$schema": "https://json-schema.org/draft/2020-12/schema", "items": [{}]}, ".items"),
]


def test_good_tools_pass() -> None:
    ToolChecks(Schemas()).check(
        request_of(*(tool(f"f{at}", parameters=schema) for at, schema in enumerate(GOOD)), tool("none"))
    )


@pytest.mark.parametrize(("schema", "place"), BAD)
def test_a_schema_that_is_none_is_refused_with_its_place(schema: Any, place: str) -> None:
    assert refused(request_of(tool("a"), tool("b", parameters=schema))) == f"tools[1].function.parameters{place}"


def test_parameters_that_are_no_json_are_refused() -> None:
    request = request_of(tool("a"))
    for text in ("{", "[1]", "5"):
        request.tools[0].function.parameters_json = text
        assert refused(request) == "tools[0].function.parameters"


def test_two_tools_of_one_name_are_refused() -> None:
    assert refused(request_of(tool("a"), {"type": "web_search"}, tool("b"), tool("a"))) == "tools[3].function.name"


def test_a_tool_without_a_name_is_refused() -> None:
    assert refused(request_of(tool(""))) == "tools[0].function.name"


def test_a_choice_of_what_is_not_there_is_refused() -> None:
    chosen = {"type": "function", "function": {"name": "b"}}
    assert refused(request_of(tool("a"), tool_choice=chosen)) == "tool_choice.function.name"
    assert refused(request_of(tool_choice=chosen)) == "tool_choice.function.name"
    assert refused(request_of(tool_choice="required")) == "tool_choice"
    ToolChecks(Schemas()).check(request_of(tool("b"), tool_choice=chosen))
    ToolChecks(Schemas()).check(request_of(tool_choice="none"))


def test_a_result_without_a_call_is_refused() -> None:
    messages = [{"role": "tool", "tool_call_id": "c1", "content": "x"}]
    assert refused(request_of(messages=messages)) == "messages[0].tool_call_id"


def test_a_schema_is_checked_once_as_long_as_it_is_remembered() -> None:
    seen: list[str] = []
    checker = ToolChecks(Schemas(lambda text, _: seen.append(text), known=2))
    for number in (0, 0, 1, 0, 2, 0):
        checker.check(request_of(tool("a", parameters={"title": str(number)})))
    assert seen == [f'{{"title":"{number}"}}' for number in (0, 1, 2, 0)]
