"""The form of an answer: how it is asked for, and what is wrong with an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.emulation.form import Form, form_of, unfenced
from qwen_grpc.errors import InvalidParameter, Unsupported
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def form(schema: Any) -> Form:
    return Form(json.dumps(schema))


def complaint(wanted: Form, text: str) -> str:
    found = wanted.complaint(text)
    return found.plain if found else ""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{}", "{}"),
        (' \n{"a": 1}\n', '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```JSON5 \r\n{"a": 1}```\n', '{"a": 1}'),
        ('\n```\n{\n  "a": "```"\n}\n```', '{\n  "a": "```"\n}'),
        ("Here it is:\n```json\n{}\n```", "Here it is:\n```json\n{}\n```"),
        ("```json\n{}\n```\nand\n```json\n{}\n```x", "```json\n{}\n```\nand\n```json\n{}\n```x"),
        ("```python\nprint()\n```", "```python\nprint()\n```"),
        ("```json\n{}", "```json\n{}"),
    ],
)
def test_a_code_block_around_the_whole_answer_is_left_out(written: str, shown: str) -> None:
    assert unfenced(written) == shown


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9), st.lists, max_leaves=9))
def test_json_in_a_code_block_is_the_same_json(value: Any) -> None:
    text = json.dumps({"value": value}, indent=1)
    assert unfenced(f"```json\n{text}\n```\n") == text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"name": "Ann", "age": 3}', ""),
        ('{"name": "Ann", "age": "3"}', "$.age breaks the schema's type"),
        ('{"name": "Ann", "age": -1}', "$.age breaks the schema's minimum"),
        ('{"name": "Ann"}', "$ breaks the schema's required"),
        ('{"name": "Ann", "age": 3, "more": 1}', "$ breaks the schema's additionalProperties"),
        ("[]", "$ breaks the schema's type"),
        ('{"name": "Ann", "age": NaN}', "it is no JSON"),
        ('{"name": "Ann", "age": 3} done', "it is no JSON"),
        ("", "it is no JSON"),
        ("[" * 5000 + "]" * 5000, "it is no JSON"),
    ],
)
def test_an_answer_is_held_against_its_schema(text: str, wrong: str) -> None:
    assert complaint(form(PERSON), text) == wrong


def test_an_object_is_any_object_and_nothing_else() -> None:
    assert [complaint(Form(), text) for text in ('{"a": [1]}', "[1]", '"a"', "null")] == [
        "",
        *["it is no JSON object"] * 3,
    ]


def test_the_model_hears_what_it_wrote_and_others_do_not() -> None:
    found = form(PERSON).complaint('{"name": "Ann", "age": "secret"}')
    assert found is not None
    assert "'secret' is not of type 'integer'" in found.quoting
    assert "secret" not in found.plain


@pytest.mark.parametrize(
    ("schema", "value", "wrong"),
    [
        ({"prefixItems": [{"type": "string"}]}, [1], "$[0] breaks the schema's type"),
        ({"items": [{"type": "string"}]}, [1], "$[0] breaks the schema's type"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}, 1, "$ breaks the schema's type"),
        ({"pattern": "^(a+)+$"}, "a" * 40 + "b", ""),
        ({"format": "date"}, "tomorrow", ""),
    ],
)
def test_schemas_of_old_and_new_drafts_are_understood(schema: Any, value: Any, wrong: str) -> None:
    assert complaint(form(schema), json.dumps(value)) == wrong


def doubling(levels: int) -> dict[str, Any]:
    """A schema of some lines that refers to itself 2 ** levels times."""
    defs: dict[str, Any] = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": {}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "https://example.org/schema"},
        {"$ref": "file:///etc/hostname"},
        doubling(30),
    ],
)
def test_references_are_neither_fetched_nor_followed_without_end(schema: Any) -> None:
    with pytest.raises(InvalidParameter) as caught:
        form(schema).complaint("{}")
    assert caught.value.field == "response_format.json_schema.schema"


def test_a_schema_that_is_its_own_reference_complains_of_the_answer() -> None:
    assert complaint(form({"$ref": "#"}), "{}") == "it is nested too deeply"


# -- asking ---------------------------------------------------------------------------------------------------------


def request_of(**body: Any) -> CompleteChatRequest:
    messages = [{"role": "user", "content": "hi"}]
    return REQUESTS.read(CompleteChatRequest, {"model": "q", "messages": messages, **body})


def wanted(schema: Any = PERSON, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, **more}}


def test_the_instruction_is_the_schema_with_few_words() -> None:
    told = form_of(request_of(response_format=wanted({"type": "array"}, description="Some people."))).told()
    assert told == (
        "# Form of the answer\n\n"
        "Answer with JSON that follows the JSON Schema below, and with nothing else: no words before or behind it, "
        'and no code block.\nSome people.\n{"type":"array"}'
    )
    told = form_of(request_of(response_format={"type": "json_object"})).told()
    assert told.endswith(
        "Answer with one JSON object, and with nothing else: no words before or behind it, and no code block."
    )


def test_with_tools_the_form_is_that_of_the_last_answer() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert "where you call a function" in form_of(request_of(response_format=wanted(), tools=tools)).told()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"stop": ["}"]}, "stop"),
        ({"n": 2}, "n"),
        ({"response_format": wanted({"patternProperties": {"a": {}}})}, "response_format.json_schema.schema"),
    ],
)
def test_what_cannot_be_had_with_a_form_in_words_is_refused(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Unsupported) as caught:
        form_of(request_of(**{"response_format": wanted(), **body}))
    assert caught.value.field == field
