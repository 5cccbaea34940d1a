"""response_format on chat.qwen.ai, which has none: what the site is told, and what callers see."""

import json
from typing import Any

import grpc
import pytest
from both_doors import all_ways, grpc_failure, http_failure, metadata, question, request_of
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from support import House, open_house

from qwen_grpc.simulator import Behaviour, Simulator

COMPLETION = "/api/v2/chat/completions"
NEW = "/api/v2/chats/new"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}
OBJECT = {"type": "json_object"}
RIGHT = '{"city": "Paris?", "degrees": 1}'


def told(simulator: Simulator) -> list[str]:
    """The words that the site was told, turn by turn."""
    return [one.json["messages"][0]["content"] for one in simulator.requests if one.path == COMPLETION]


async def answer(house: House, content: str, **more: Any) -> dict[str, Any]:
    """A whole answer."""
    reply = await house.complete(content, **{"response_format": FORM, **more})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def content(reply: dict[str, Any]) -> Any:
    (choice,) = reply["choices"]
    return choice["message"]["content"]


@pytest.mark.asyncio
@pytest.mark.parametrize("cue", ["", " [[sim:json_fenced]]"])
async def test_the_answer_is_the_json_and_nothing_else(house: House, cue: str) -> None:
    assert content(await answer(house, f"Paris?{cue}")) == RIGHT
    (text,) = told(house.simulator)
    assert text.startswith("System:\n# Form of the answer\n")
    assert json.dumps(SCHEMA, separators=(",", ":")) in text


@pytest.mark.asyncio
async def test_an_object_needs_no_schema(house: House) -> None:
    assert content(await answer(house, "Paris?", response_format=OBJECT)) == '{"answer": "Paris?"}'


@pytest.mark.asyncio
@pytest.mark.parametrize("cue", ["json_wrapped", "json_wrong", "plain"])
async def test_a_wrong_answer_is_corrected_in_the_same_chat(house: House, cue: str) -> None:
    reply = await answer(house, f"Paris? [[sim:{cue}]]")
    assert set(json.loads(content(reply))) == {"city", "degrees"}
    _, correction = told(house.simulator)
    assert correction.startswith("That answer is not in the form that was asked for: ")
    assert len([one for one in house.simulator.requests if one.path == NEW]) == 1
    assert reply["usage"]["prompt_tokens"] > 1500


@pytest.mark.asyncio
async def test_at_every_door_nothing_comes_before_it_is_valid() -> None:
    async with open_house(Behaviour(scenario="json_wrong")) as house:
        outcomes = await all_ways(house, question("Paris?", response_format=FORM))
        assert len(told(house.simulator)) == 2 * len(outcomes)
    for way, outcome in outcomes.items():
        assert outcome.text == "", way
        failure: Any = outcome.failure
        assert failure.message.endswith("even after a correction: $ breaks the schema's type")
        assert getattr(failure, "reason", "SCHEMA_MISMATCH") == "SCHEMA_MISMATCH"
        assert getattr(failure, "should_retry", "false") == "false"
        assert failure.code in (grpc.StatusCode.INTERNAL, "schema_mismatch")


@pytest.mark.asyncio
async def test_a_mismatch_shows_what_the_model_wrote() -> None:
    async with open_house(Behaviour(scenario="json_wrong")) as house:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await house.chat.CompleteChat(
                request_of(question("Paris?", response_format=FORM)), metadata=metadata(), timeout=20
            )
        reply = await house.complete("Paris?", response_format=FORM)
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    info = ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert info.metadata["answer"] == '["something", "else"]'
    assert info.metadata["complaint"] == "$ breaks the schema's type"
    assert reply.status_code == 502
    assert reply.json()["error"]["answer"] == '["something", "else"]'


@pytest.mark.asyncio
async def test_a_stream_is_one_piece_of_content_with_its_end(house: House) -> None:
    chunks = await house.stream("Paris? [[sim:think_json_plain]]", response_format=FORM, enable_thinking=True)
    deltas = [choice for chunk in chunks[:-1] for choice in chunk["choices"]]
    assert [one["delta"]["content"] for one in deltas if one["delta"].get("content")] == [RIGHT]
    assert any(one["delta"].get("reasoning_content") for one in deltas)
    assert (deltas[-1]["finish_reason"], chunks[-1]) == ("stop", "[DONE]")


@pytest.mark.asyncio
async def test_while_an_answer_is_held_back_a_stream_stays_alive() -> None:
    behaviour = Behaviour(pace_s=0.1)
    async with open_house(behaviour, shim={"early_headers": 0.1, "heartbeat": 0.1}) as house:
        body = question("Paris?", response_format=FORM, stream=True)
        reply = await house.http.post("/v1/chat/completions", json=body, headers=dict(metadata()))
    beats = [line for line in reply.text.split("\n") if line.startswith(":")]
    assert beats
    assert reply.text.index(beats[0]) < reply.text.index("city")
    assert reply.text.endswith("data: [DONE]\n\n")


@pytest.mark.asyncio
async def test_the_conversation_goes_on_in_its_chat(house: House) -> None:
    first = content(await answer(house, "Paris?"))
    messages = [{"role": "user", "content": "Paris?"}, {"role": "assistant", "content": first}]
    await answer(house, "", messages=[*messages, {"role": "user", "content": "And Rome?"}])
    assert len([one for one in house.simulator.requests if one.path == NEW]) == 1
    assert told(house.simulator)[1] == "And Rome?"


@pytest.mark.asyncio
async def test_a_chat_that_the_caller_names_is_corrected_where_it_is(house: House) -> None:
    named = (await house.complete("Hello")).json()["conversation"]
    await answer(house, "Paris? [[sim:json_wrong]]", conversation={"chat_id": named["chat_id"]})
    asked = [one.json for one in house.simulator.requests if one.path == COMPLETION]
    assert {one["chat_id"] for one in asked} == {named["chat_id"]}
    assert asked[1]["parent_id"] == named["message_id"]
    assert asked[2]["parent_id"] not in (None, named["message_id"])


@pytest.mark.asyncio
async def test_calls_of_tools_come_before_the_form(house: House) -> None:
    tool = {"type": "function", "function": {"name": "clock"}}
    reply = await answer(house, "Now?", tools=[tool])
    (choice,) = reply["choices"]
    call = choice["message"]["tool_calls"][0]
    assert choice["finish_reason"] == "tool_calls"
    messages = [
        {"role": "user", "content": "Now?"},
        choice["message"],
        {"role": "tool", "tool_call_id": call["id"], "content": "noon"},
    ]
    last = await answer(house, "", tools=[tool], messages=messages)
    assert set(json.loads(content(last))) == {"city", "degrees"}


@pytest.mark.asyncio
async def test_an_answer_that_a_limit_cuts_says_so_and_is_no_mismatch(house: House) -> None:
    reply = await answer(house, "Paris?", max_tokens=6)
    assert reply["choices"][0]["finish_reason"] == "length"
    assert len(told(house.simulator)) == 1


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"response_format": {"type": "json_schema"}}, "invalid_parameter", "response_format.json_schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        "invalid_parameter",
        "response_format.json_schema.schema",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "objekt"}}}},
        "invalid_parameter",
        "response_format.json_schema.schema.type",
    ),
    (
        {"response_format": {**OBJECT, "json_schema": FORM["json_schema"]}},
        "invalid_parameter",
        "response_format.json_schema",
    ),
    ({"response_format": FORM, "stop": "}"}, "unsupported_parameter", "stop"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("fields", "code", "path"), BAD)
async def test_forms_that_contradict_themselves_are_refused_at_both_doors(
    house: House, fields: dict[str, Any], code: str, path: str
) -> None:
    failure = http_failure(await house.complete("Hello", **fields))
    assert (failure.status, failure.code, failure.param) == (400, code, path)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await house.chat.CompleteChat(request_of(question("Hello", **fields)), metadata=metadata(), timeout=20)
    assert grpc_failure(caught.value).field == path
    assert told(house.simulator) == []
