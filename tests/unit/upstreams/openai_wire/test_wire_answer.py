"""The decoder of OpenAI's stream: every quirk that a server was seen with, however the reads were cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.errors import (
    QwenError,
    RateLimited,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
    UpstreamTruncated,
)
from qwen_grpc.upstreams.openai_wire.answer import Answer, Dialect
from qwen_grpc.upstreams.sse import EventDecoder
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Usage

SERVER = Dialect("the server", lambda value: RateLimited(json.dumps(value)))
START = {"id": "chatcmpl-1", "object": "chunk", "created": 7, "model": "m", "system_fingerprint": None}
DONE = b"[DONE]"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return json.dumps({**START, "choices": [choice], "usage": None, **more}).encode()


def fragment(index: int, id_: str | None = "", name: str | None = None, arguments: Any = "") -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    return {"index": index, "id": id_, "type": "function", "function": function}


def decoded(*payloads: bytes, answer: Answer | None = None) -> pb.StreamChatResponse:
    answer, message = answer or Answer(SERVER), pb.StreamChatResponse()
    answer.decode(payloads, message)
    answer.end(message)
    return message


def failure(*payloads: bytes, dialect: Dialect = SERVER) -> tuple[QwenError, pb.StreamChatResponse]:
    answer, message = Answer(dialect), pb.StreamChatResponse()
    try:
        answer.decode(payloads, message)
        answer.end(message)
    except QwenError as error:
        return error, message
    raise AssertionError("the answer is a good one")


STOP = chunk({}, "stop")
STOPPED = pb.ChatDelta(finish_reason=pb.FINISH_REASON_STOP)


def test_a_piece_of_text_is_a_delta_and_the_role_and_empty_pieces_are_none() -> None:
    found = decoded(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({"content": ""}), STOP)
    assert list(found.deltas) == [pb.ChatDelta(content="Hi"), STOPPED]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
@pytest.mark.parametrize("odd", [{}, {"odd": 1}], ids=["usual", "with more"])
def test_thinking_goes_by_three_names(name: str, odd: dict[str, Any]) -> None:
    found = decoded(chunk({"content": None, name: "Hm"} | odd), STOP)
    extra = '{"odd":1}' if odd else ""
    assert list(found.deltas) == [pb.ChatDelta(reasoning_content="Hm", extra_json=extra), STOPPED]


def test_text_in_the_last_chunk_is_kept() -> None:
    found = decoded(chunk({"content": "the last words"}, "length"))
    assert list(found.deltas) == [pb.ChatDelta(content="the last words", finish_reason=pb.FINISH_REASON_LENGTH)]


def test_the_start_comes_from_the_first_chunk() -> None:
    answer = Answer(SERVER)
    decoded(chunk({"content": "x"}, system_fingerprint="fp", service_tier="flex"), STOP, answer=answer)
    assert answer.start == pb.StreamStart(
        id="chatcmpl-1", created=7, model="m", system_fingerprint="fp", service_tier="flex"
    )


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (USAGE, Usage(prompt_tokens=9, completion_tokens=4, total_tokens=13)),
        (
            USAGE
            | {"prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": None}, "completion_tokens_details": None},
            Usage(prompt_tokens=9, completion_tokens=4, total_tokens=13, cached_tokens=2),
        ),
        (
            USAGE | {"completion_tokens_details": {"reasoning_tokens": 3}, "x_tools": {"search": {"count": 1}}},
            Usage(
                prompt_tokens=9,
                completion_tokens=4,
                total_tokens=13,
                reasoning_tokens=3,
                extra_json='{"x_tools":{"search":{"count":1}}}',
            ),
        ),
    ],
)
def test_usage_is_read_behind_the_end_or_with_it(given: dict[str, Any], expected: Usage) -> None:
    behind = json.dumps({**START, "choices": [], "usage": given}).encode()
    assert decoded(chunk({"content": "x"}), STOP, behind, DONE).usage == expected
    assert decoded(chunk({"content": "x"}), chunk({}, "stop", usage=given)).usage == expected


def test_fragments_of_calls_are_joined_by_index_with_id_and_name_on_the_first() -> None:
    found = decoded(
        chunk({"content": None, "tool_calls": [fragment(0, "call_a", "one", None)]}),
        chunk({"tool_calls": [fragment(0, "", None, '{"x"')]}),
        chunk({"tool_calls": [fragment(1, "call_b", "two", "{}"), fragment(0, "call_a", None, ":1}")]}),
        chunk({"tool_calls": [fragment(0, "", None, None), fragment(1)]}),
        chunk({"content": ""}, "tool_calls"),
    )
    steps = [step for delta in found.deltas for step in delta.tool_calls]
    assert steps == [
        pb.ToolCallDelta(index=0, id="call_a", name="one", type="function"),
        pb.ToolCallDelta(index=0, arguments='{"x"'),
        pb.ToolCallDelta(index=1, id="call_b", name="two", arguments="{}", type="function"),
        pb.ToolCallDelta(index=0, arguments=":1}"),
    ]
    assert found.deltas[-1].finish_reason == pb.FINISH_REASON_TOOL_CALLS


def test_calls_that_all_say_index_0_are_told_apart_by_their_ids() -> None:
    calls = [fragment(0, "call_a", "one", "{}"), fragment(0, "call_b", "two", "{}")]
    found = decoded(chunk({"tool_calls": calls}), chunk({}, "tool_calls"))
    assert [(step.index, step.id, step.name) for step in found.deltas[0].tool_calls] == [
        (0, "call_a", "one"),
        (1, "call_b", "two"),
    ]


def test_a_name_that_comes_late_brings_the_arguments_along_and_an_id_is_made_where_there_is_none() -> None:
    found = decoded(
        chunk({"tool_calls": [fragment(0, None, None, '{"x"')]}),
        chunk({"tool_calls": [fragment(0, None, "one", ":1}")]}),
        chunk({}, "tool_calls"),
    )
    [step] = found.deltas[0].tool_calls
    assert (step.name, step.arguments, step.id[:5], len(step.id)) == ("one", '{"x":1}', "call_", 29)


def test_a_call_without_a_name_is_no_call() -> None:
    error, _ = failure(chunk({"tool_calls": [fragment(0, "call_a", None, "{}")]}), chunk({}, "tool_calls"))
    assert isinstance(error, UpstreamProtocol)


def test_an_object_as_arguments_becomes_its_text() -> None:
    found = decoded(chunk({"tool_calls": [fragment(0, "call_a", "one", {"x": 1})]}), chunk({}, "tool_calls"))
    assert found.deltas[0].tool_calls[0].arguments == '{"x":1}'


def test_what_has_no_field_is_kept_and_nulls_are_not() -> None:
    found = decoded(chunk({"content": "x", "odd": {"a": None, "b": 1}}, "stop", timings={"ms": 3}, nothing=None))
    assert (found.deltas[0].extra_json, found.extra_json) == ('{"odd":{"b":1}}', '{"timings":{"ms":3}}')


def test_logprobs_and_annotations_and_refusals_are_read() -> None:
    logprobs = {"content": [{"token": "x", "logprob": -0.5, "bytes": None, "top_logprobs": []}], "refusal": None}
    citation = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    payload = json.loads(chunk({"refusal": "no", "annotations": [citation]}))
    payload["choices"][0]["logprobs"] = logprobs
    found = decoded(json.dumps(payload).encode(), STOP).deltas[0]
    assert found == pb.ChatDelta(
        refusal="no",
        logprobs=pb.Logprobs(content=[pb.TokenLogprob(token="x", logprob=-0.5)]),
        annotations=[
            pb.Annotation(url_citation=pb.Annotation.UrlCitation(url="u", title="t", start_index=0, end_index=1))
        ],
    )


def test_each_of_several_choices_needs_its_own_end() -> None:
    def both(finish: str | None) -> bytes:
        choices = [{"index": at, "delta": {"content": f"{at}"}, "finish_reason": finish} for at in (0, 1)]
        return json.dumps({**START, "choices": choices}).encode()

    found = decoded(both(None), both("stop"), answer=Answer(SERVER, choices=2))
    assert [(delta.index, delta.content) for delta in found.deltas] == [(0, "0"), (1, "1")] * 2
    one_only = json.dumps({**START, "choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]}).encode()
    for payloads in ([both(None), one_only], [STOP]):
        answer, message = Answer(SERVER, choices=2), pb.StreamChatResponse()
        answer.decode(payloads, message)
        with pytest.raises(UpstreamTruncated):
            answer.end(message)


@pytest.mark.parametrize(
    ("payloads", "kind"),
    [
        ([], UpstreamEmpty),
        ([DONE], UpstreamEmpty),
        ([chunk({"role": "assistant", "content": ""})], UpstreamEmpty),
        ([chunk({"content": "x"})], UpstreamTruncated),
        ([chunk({"content": "x"}), DONE], UpstreamTruncated),
        ([chunk({"content": "x"}), b'{"choices":[{"delta"'], UpstreamProtocol),
        ([b"[]"], UpstreamProtocol),
        ([b'{"choices":[{"index":-1,"delta":{}}]}'], UpstreamProtocol),
        ([b'{"choices":[{"index":123456789012,"delta":{"content":"x"}}]}'], UpstreamProtocol),
        ([b'{"choices":7}'], UpstreamProtocol),
        ([b'{"choices":[{"delta":{"content":7}}]}'], UpstreamProtocol),
        ([b'{"choices":[{"delta":{"tool_calls":[{"function":"f"}]}}]}'], UpstreamProtocol),
        ([b"\xff\xfe"], UpstreamProtocol),
        ([b"[" * 100_000], UpstreamProtocol),
        ([chunk({}, "abort")], UpstreamError),
        ([b'{"error":{"code":"x"}}'], RateLimited),
        ([b'{"error":"plain text"}'], RateLimited),
        ([b'{"code":"x","message":"y"}'], RateLimited),
        ([b'{"object":"error","message":"flat","code":400}'], RateLimited),
    ],
)
def test_an_answer_without_a_proper_end_is_a_failure(payloads: list[bytes], kind: type[QwenError]) -> None:
    error, _ = failure(*payloads)
    assert type(error) is kind


@pytest.mark.parametrize("last", [DONE, b"{", b'{"error":{"code":"x"}}', chunk({"content": "lost"}, "abort")])
def test_what_came_before_a_failure_is_there_to_be_delivered(last: bytes) -> None:
    _, message = failure(chunk({"content": "x"}), last)
    assert [delta.content for delta in message.deltas] == ["x"]


def test_a_finish_reason_that_is_none_is_for_the_dialect_to_tell() -> None:
    dialect = Dialect("the server", SERVER.refused, lambda reason, text: UpstreamError(f"{reason}: {text}"))
    error, message = failure(chunk({"content": "too fast"}, "error_finish"), dialect=dialect)
    assert (error.message, list(message.deltas)) == ("error_finish: too fast", [])


def test_half_an_emoji_is_replaced() -> None:
    found = decoded(chunk({"content": "\ud83d"}), STOP)
    assert found.deltas[0].content == "\N{REPLACEMENT CHARACTER}"


STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": None, "reasoning_content": "想一想 🤔"}),
    chunk({"content": "ответ"}),
    chunk({"tool_calls": [fragment(0, "call_a", "one", "")]}),
    chunk({"tool_calls": [fragment(0, "", None, '{"x":"é"}')]}),
    chunk({"content": "fin"}, "tool_calls"),
    json.dumps({**START, "choices": [], "usage": USAGE}).encode(),
    DONE,
]


@given(st.lists(st.integers(0, 2000), max_size=30))
def test_reads_may_be_cut_anywhere(cuts: list[int]) -> None:
    body = b"".join(b"data: " + payload + b"\n\n" for payload in STREAM)
    places = [0, *sorted(cut % len(body) for cut in cuts), len(body)]
    decoder, answer, merged = EventDecoder(), Answer(SERVER), pb.StreamChatResponse()
    for start, end in zip(places, places[1:], strict=False):
        message = pb.StreamChatResponse()
        answer.decode(decoder.feed(body[start:end]), message)
        merged.MergeFrom(message)
    answer.end(merged)
    assert merged == decoded(*STREAM)
    assert answer.over
