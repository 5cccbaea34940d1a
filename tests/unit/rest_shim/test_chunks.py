"""The chunks of a stream, as OpenAI's clients read them."""

import json
from typing import Any

import pytest

from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ROLE_ASSISTANT,
    Annotation,
    ChatDelta,
    Logprobs,
    StreamChatResponse,
    StreamStart,
    TokenLogprob,
    ToolCallDelta,
)
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.chunks import ChunkWriter

START = StreamStart(id="chatcmpl-1", created=1795339336, model="qwen3-max", system_fingerprint="fp")
CONSTANT = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1795339336,
    "model": "qwen3-max",
    "system_fingerprint": "fp",
}


def opened(*, include_usage: bool = False, start: StreamStart = START) -> ChunkWriter:
    """A writer that has written its first chunk."""
    writer = ChunkWriter(start, include_usage)
    writer.write(StreamChatResponse(start=start))
    return writer


def chunks(written: bytes) -> list[dict[str, Any]]:
    records = written.split(b"\n\n")
    assert records.pop() == b""
    assert all(record.startswith(b"data: ") and b"\n" not in record for record in records)
    return [json.loads(record.removeprefix(b"data: ")) for record in records]


def chunk(delta: dict[str, Any], index: int = 0, **choice: Any) -> dict[str, Any]:
    one = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None, **choice}
    return {**CONSTANT, "choices": [one]}


def written(*deltas: ChatDelta, writer: ChunkWriter | None = None, **fields: Any) -> list[dict[str, Any]]:
    return chunks((writer or opened()).write(StreamChatResponse(deltas=deltas, **fields)))


def test_the_first_chunk_says_the_role_to_the_byte() -> None:
    assert ChunkWriter(START, False).write(StreamChatResponse(start=START)) == (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795339336,"model":"qwen3-max",'
        b'"system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""},'
        b'"logprobs":null,"finish_reason":null}]}\n\n'
    )


def test_a_text_delta_is_one_record_to_the_byte() -> None:
    assert (
        opened(include_usage=True).write(StreamChatResponse(deltas=[ChatDelta(content='é"\n')]))
        == (
            'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795339336,"model":"qwen3-max",'
            '"system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":"é\\"\\n"},'
            '"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
        ).encode()
    )


def test_each_delta_of_a_message_is_a_chunk_in_order() -> None:
    assert written(
        ChatDelta(reasoning_content="hm", phase="think"),
        ChatDelta(phase="answer"),
        ChatDelta(content="a", role=ROLE_ASSISTANT),
        ChatDelta(content="\0"),
        ChatDelta(finish_reason=FINISH_REASON_STOP),
    ) == [
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "a"}),
        chunk({"content": "\0"}),
        chunk({}, finish_reason="stop"),
    ]


def test_both_texts_in_one_delta_are_one_chunk() -> None:
    assert written(ChatDelta(content="a", reasoning_content="b")) == [chunk({"content": "a", "reasoning_content": "b"})]


@pytest.mark.parametrize("delta", [ChatDelta(phase="think"), ChatDelta(role=ROLE_ASSISTANT), ChatDelta()])
def test_a_delta_that_openai_has_no_member_for_is_no_chunk(delta: ChatDelta) -> None:
    assert opened().write(StreamChatResponse(deltas=[delta])) == b""


def test_an_empty_message_is_nothing() -> None:
    assert opened().write(StreamChatResponse()) == b""


def test_other_choices_say_their_role_before_their_first_text() -> None:
    assert written(ChatDelta(index=2, content="x"), ChatDelta(index=2, content="y"), ChatDelta(content="z")) == [
        chunk({"role": "assistant", "content": ""}, index=2),
        chunk({"content": "x"}, index=2),
        chunk({"content": "y"}, index=2),
        chunk({"content": "z"}),
    ]


def test_pieces_of_tool_calls_have_the_index_always_and_the_name_once() -> None:
    first = ToolCallDelta(id="c1", name="f")
    assert written(
        ChatDelta(tool_calls=[first]),
        ChatDelta(tool_calls=[ToolCallDelta(arguments='{"a')]),
        ChatDelta(finish_reason=FINISH_REASON_TOOL_CALLS),
    ) == [
        chunk({"tool_calls": [
            {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]}),
        chunk({}, finish_reason="tool_calls"),
    ]  # fmt: skip


def test_two_pieces_of_one_tool_call_are_never_in_one_chunk() -> None:
    calls = [
        ToolCallDelta(index=0, arguments="1"),
        ToolCallDelta(index=1, arguments="2"),
        ToolCallDelta(index=1, arguments="3"),
        ToolCallDelta(index=0, arguments="4"),
    ]
    delta = ChatDelta(content="x", tool_calls=calls, finish_reason=FINISH_REASON_TOOL_CALLS)
    assert written(delta) == [
        chunk({"content": "x", "tool_calls": [
            {"index": 0, "function": {"arguments": "1"}}, {"index": 1, "function": {"arguments": "2"}}]}),
        chunk({"tool_calls": [
            {"index": 1, "function": {"arguments": "3"}}, {"index": 0, "function": {"arguments": "4"}}]},
            finish_reason="tool_calls"),
    ]  # fmt: skip


def test_logprobs_stand_beside_the_delta_and_annotations_within() -> None:
    citation = Annotation(url_citation=Annotation.UrlCitation(url="u", title="t", end_index=3))
    token = TokenLogprob(token="a", logprob=-1, utf8=b"a")
    delta = ChatDelta(content="a", logprobs=Logprobs(content=[token]), annotations=[citation])
    assert written(delta) == [
        chunk(
            {"content": "a", "annotations": [{"type": "url_citation", "url_citation": {
                "url": "u", "title": "t", "start_index": 0, "end_index": 3}}]},
            logprobs={"content": [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}], "refusal": None},
        )
    ]  # fmt: skip


def test_usage_comes_last_without_choices_and_only_if_asked_for() -> None:
    usage = Usage(prompt_tokens=9, completion_tokens=2, total_tokens=11, reasoning_tokens=1)
    counted = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
               "completion_tokens_details": {"reasoning_tokens": 1}}  # fmt: skip
    end = ChatDelta(finish_reason=FINISH_REASON_STOP)

    assert written(end, usage=usage) == [chunk({}, finish_reason="stop")]
    assert written(end, usage=usage, writer=opened(include_usage=True)) == [
        {**chunk({}, finish_reason="stop"), "usage": None},
        {**CONSTANT, "choices": [], "usage": counted},
    ]


def test_members_that_the_upstream_added_are_kept_where_they_were() -> None:
    start = StreamStart(id="x", extra_json='{"provider":"p"}', service_tier="flex")
    delta = ChatDelta(content="a", extra_json='{"odd":"\\ud83d"}')
    assert written(delta, writer=opened(start=start), extra_json='{"more":1}') == [
        {
            "id": "x", "object": "chat.completion.chunk", "created": 0, "model": "", "service_tier": "flex",
            "provider": "p", "more": 1,
            "choices": [{"index": 0, "delta": {"content": "a", "odd": "\ud83d"},
                         "logprobs": None, "finish_reason": None}],
        }
    ]  # fmt: skip


def test_members_of_a_message_are_on_its_texts_too() -> None:
    assert written(ChatDelta(content="a"), extra_json='{"more":1}') == [{**chunk({"content": "a"}), "more": 1}]


def test_the_stored_chat_is_named_once() -> None:
    start = StreamStart(id="x")
    start.conversation.chat_id = "c"
    writer = ChunkWriter(start, False)
    first = chunks(writer.write(StreamChatResponse(start=start)))
    later = chunks(writer.write(StreamChatResponse(deltas=[ChatDelta(content="a"), ChatDelta(index=1, content="b")])))
    assert [one.get("conversation") for one in first + later] == [{"chat_id": "c"}, None, None, None]
