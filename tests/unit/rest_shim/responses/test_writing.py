"""A whole answer as an object `response`, and what is kept of it."""

from typing import Any

import pytest
from unit.rest_shim.responses.answers import NOTE, events, head, result, writer_of

from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.v1 import responses_pb2 as pb
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ROLE_ASSISTANT,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    ChatDelta,
    ChatMessage,
    Choice,
    CompleteChatRequest,
    CompleteChatResponse,
    ContentPart,
    FinishReason,
    Logprobs,
    StreamChatResponse,
    TokenLogprob,
    ToolCall,
)
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.errors import REASONS, HttpError
from rest_shim.responses.echo import echo_of
from rest_shim.responses.ids import response_of
from rest_shim.responses.stored import conversation, items, stored, with_call_ids
from rest_shim.responses.write import response

CALL = ToolCall(id="call_1", name="f", arguments="{}")
MESSAGE = {"id": "msg_0a", "type": "message", "status": "completed", "role": "assistant"}


def answer(reason: FinishReason = FINISH_REASON_STOP, **message: Any) -> CompleteChatResponse:
    choice = Choice(message=ChatMessage(role=ROLE_ASSISTANT, **message), finish_reason=reason)
    return CompleteChatResponse(id="chatcmpl-1", created=7, model="qwen3-max", choices=[choice])


def output(reason: FinishReason = FINISH_REASON_STOP, *, summary: str | None = None, **message: Any) -> Any:
    return response(head(summary=summary), answer(reason, **message))["output"]


def text(said: str, **more: Any) -> JsonObject:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": [], **more}


def test_a_response_has_every_member_that_clients_look_for() -> None:
    found = response(head(), answer(content="Hi"), at=9.5)
    assert found == {
        "id": "resp_0a",
        "object": "response",
        "created_at": 1795339336,
        "status": "completed",
        "completed_at": 9,
        "error": None,
        "incomplete_details": None,
        "model": "qwen3-max",
        "output": [{**MESSAGE, "content": [text("Hi")]}],
        "usage": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "safety_identifier": None,
        "service_tier": "default",
        "temperature": None,
        "tool_choice": "auto",
        "top_logprobs": 0,
        "top_p": None,
        "user": None,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "background": False,
        "metadata": {},
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "text": {"format": {"type": "text"}},
        "tools": [],
        "truncation": "disabled",
    }


def test_parameters_are_repeated() -> None:
    body = {"temperature": 0.5, "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}], "truncation": "auto"}
    echo = echo_of({**body, "text": {"verbosity": "low"}, "metadata": {"a": "b"}, "top_p": None}, store=True)
    assert echo["temperature"] == 0.5
    assert echo["top_p"] is None
    assert echo["metadata"] == {"a": "b"}
    assert echo["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert echo["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
        {"type": "mcp"},
    ]
    # What is not done is not claimed.
    assert (echo["store"], echo["truncation"]) == (True, "disabled")


def test_thinking_text_and_calls_are_items_in_this_order() -> None:
    found = output(FINISH_REASON_TOOL_CALLS, reasoning_content="hm", content="Let me see.", tool_calls=[CALL])
    assert found == [
        {
            "id": "rs_0a",
            "type": "reasoning",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "hm"}],
            "status": "completed",
        },
        {**MESSAGE, "content": [text("Let me see.")]},
        {
            "id": "fc_0a_0",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "f",
            "arguments": "{}",
        },
    ]


def test_thinking_stands_where_the_client_looks_for_a_summary_if_it_asked_for_one() -> None:
    [thinking, _] = output(summary="auto", reasoning_content="hm", content="Hi")
    assert (thinking["summary"], "content" in thinking) == ([{"type": "summary_text", "text": "hm"}], False)


def test_calls_alone_have_no_message_beside_them() -> None:
    assert [item["type"] for item in output(content="", tool_calls=[CALL])] == ["function_call"]


def test_an_answer_of_nothing_is_a_message_of_nothing() -> None:
    assert output() == [{**MESSAGE, "content": [text("")]}]


def test_a_refusal_is_a_part_of_its_own() -> None:
    assert output(refusal="No.")[0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_sources_lie_flat() -> None:
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 1, "end_index": 3}
    assert output(content="Hi", annotations=[NOTE])[0]["content"] == [text("Hi", annotations=[note])]


def test_probabilities_stand_at_the_text() -> None:
    made = answer(content="a")
    made.choices[0].logprobs.CopyFrom(Logprobs(content=[TokenLogprob(token="a", logprob=-1, utf8=b"a")]))
    part = response(head(), made)["output"][0]["content"][0]
    assert part["logprobs"] == [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]


@pytest.mark.parametrize(
    ("reason", "word"),
    [(FINISH_REASON_LENGTH, "max_output_tokens"), (FINISH_REASON_CONTENT_FILTER, "content_filter")],
)
def test_a_cut_answer_says_why_and_where(reason: FinishReason, word: str) -> None:
    found = response(head(), answer(reason, reasoning_content="hm", content="Hi"))
    assert (found["status"], found["incomplete_details"], found["completed_at"]) == (
        "incomplete",
        {"reason": word},
        None,
    )
    assert [item["status"] for item in found["output"]] == ["completed", "incomplete"]


def test_usage_has_the_names_of_this_dialect() -> None:
    made = answer(content="Hi")
    usage = Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5, cached_tokens=1, reasoning_tokens=1)
    made.usage.CopyFrom(usage)
    assert response(head(), made)["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 5,
    }


def test_a_broken_stream_ends_with_one_event_that_holds_what_had_come() -> None:
    writer = writer_of(head())
    before = writer.write(StreamChatResponse(deltas=[ChatDelta(content="Hi")]))
    [*_, last] = events(before + writer.failed(HttpError(REASONS["UPSTREAM_ERROR"], "it broke")))
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "upstream_error", "message": "it broke"}
    assert (last["response"]["status"], last["response"]["usage"]) == ("failed", None)
    assert last["response"]["output"] == [{**MESSAGE, "status": "incomplete", "content": [text("Hi")]}]


def test_what_a_stream_gives_to_be_kept_is_what_the_answer_would_have_been_at_once() -> None:
    kept = []

    async def last(_: Any, made: CompleteChatResponse, whole: JsonObject) -> JsonObject:
        kept.append(made)
        return whole

    writer = writer_of(head(), last)
    step = ChatDelta(reasoning_content="hm", content="Hi", annotations=[NOTE], refusal="No.")
    step.tool_calls.add(index=0, id="call_1", name="f", arguments="{}")
    end = ChatDelta(finish_reason=FINISH_REASON_TOOL_CALLS)
    usage = Usage(prompt_tokens=1, completion_tokens=1, total_tokens=2)
    writer.write(StreamChatResponse(deltas=[step, end], usage=usage))
    result(writer.end())

    wanted = answer(
        FINISH_REASON_TOOL_CALLS,
        reasoning_content="hm",
        content="Hi",
        annotations=[NOTE],
        refusal="No.",
        tool_calls=[CALL],
    )
    wanted.created = 1795339336
    wanted.usage.CopyFrom(usage)
    assert kept == [wanted]


# -- what is kept -----------------------------------------------------------------------------------------------------


def kept(state: pb.ResponseState = pb.RESPONSE_STATE_SUCCEEDED, **more: Any) -> pb.Response:
    said = [
        ChatMessage(role=ROLE_SYSTEM, content="Be brief"),
        ChatMessage(role=ROLE_USER, parts=[ContentPart(text="What is"), ContentPart(text=" this?")]),
        ChatMessage(role=ROLE_ASSISTANT, reasoning_content="hm", tool_calls=[CALL]),
        ChatMessage(role=ROLE_TOOL, tool_call_id="call_1", content="a cat"),
    ]
    echo = echo_of({"instructions": "Be brief"}, store=True)
    found = pb.Response(
        id="resp_0a",
        state=state,
        request=CompleteChatRequest(model="m", messages=said),
        dialect_json=dump(echo).decode(),
    )
    found.create_time.seconds, found.complete_time.seconds = 5, 9
    if state == pb.RESPONSE_STATE_SUCCEEDED:
        found.answer.CopyFrom(answer(content="A cat.", annotations=[NOTE]))
    return found


def test_what_is_kept_looks_as_the_reply_did() -> None:
    found = stored(kept())
    assert (found["id"], found["created_at"], found["completed_at"], found["store"]) == ("resp_0a", 7, 9, True)
    assert found["output"][0]["content"][0]["text"] == "A cat."


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (pb.RESPONSE_STATE_QUEUED, "queued"),
        (pb.RESPONSE_STATE_RUNNING, "in_progress"),
        (pb.RESPONSE_STATE_CANCELLED, "cancelled"),
    ],
)
def test_what_has_no_answer_says_how_far_it_is(state: pb.ResponseState, word: str) -> None:
    found = stored(kept(state))
    assert (found["status"], found["output"], found["model"], found["created_at"]) == (word, [], "m", 5)


def test_what_failed_says_why() -> None:
    failed = kept(pb.RESPONSE_STATE_FAILED)
    failed.error.reason, failed.error.message = "RATE_LIMITED", "too fast"
    assert stored(failed)["error"] == {"code": "rate_limit_exceeded", "message": "too fast"}


def test_a_response_of_another_dialect_can_be_looked_at() -> None:
    found = kept()
    found.dialect_json = ""
    assert stored(found)["instructions"] is None


def test_a_conversation_goes_on_without_its_instructions_and_sources() -> None:
    found = conversation(kept())
    assert [message.role for message in found] == [ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLE_ASSISTANT]
    assert found[-1] == ChatMessage(role=ROLE_ASSISTANT, content="A cat.")


def test_the_input_is_shown_as_items() -> None:
    texts = [{"type": "input_text", "text": "What is"}, {"type": "input_text", "text": " this?"}]
    thoughts = [{"type": "reasoning_text", "text": "hm"}]
    call = {"call_id": "call_1", "name": "f", "arguments": "{}", "status": "completed"}
    result_of_call = {"call_id": "call_1", "output": "a cat", "status": "completed"}
    assert items(kept()) == [
        {"id": "msg_0a_in0", "type": "message", "status": "completed", "role": "user", "content": texts},
        {"id": "rs_0a_in1", "type": "reasoning", "summary": [], "content": thoughts, "status": "completed"},
        {"id": "fc_0a_in1_0", "type": "function_call", **call},
        {"id": "fco_0a_in2", "type": "function_call_output", **result_of_call},
    ]


def test_an_items_name_tells_the_response() -> None:
    found = [*items(kept()), *stored(kept())["output"]]
    assert {response_of(item["id"]) for item in found} == {"resp_0a"}
    assert response_of("item-of-somebody-else") is None


def test_a_call_without_an_id_gets_one_that_stays() -> None:
    made = with_call_ids("resp_0a", answer(tool_calls=[ToolCall(name="f"), CALL]))
    assert [call.id for call in made.choices[0].message.tool_calls] == ["call_0a_0", "call_1"]
