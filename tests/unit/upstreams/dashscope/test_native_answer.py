"""The decoder of DashScope's own dialect, as it is spoken for searches."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.errors import (
    ContentFiltered,
    QwenError,
    TokenQuota,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
    UpstreamTruncated,
)
from qwen_grpc.upstreams.dashscope.native_answer import NativeAnswer
from qwen_grpc.upstreams.sse import EventDecoder
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Usage

HOST = "dashscope.test"
PAGES = [
    {"index": 1, "title": "One", "url": "https://one.test", "site_name": "one", "icon": None},
    {"index": 2, "title": "Two", "url": "https://two.test"},
]


def event(message: dict[str, Any], finish: str = "null", pages: list[Any] | None = None, tokens: int = 1) -> bytes:
    output: dict[str, Any] = {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": finish}]}
    if pages is not None:
        output["search_info"] = {"search_results": pages, "extra_tool_info": []}
    usage = {"input_tokens": 5, "output_tokens": tokens, "total_tokens": 5 + tokens}
    usage |= {"output_tokens_details": {"reasoning_tokens": 1}, "prompt_tokens_details": {"cached_tokens": 0}}  # type: ignore[dict-item]
    return json.dumps({"output": output, "usage": usage, "request_id": "9f-1"}).encode()


def decoded(*payloads: bytes) -> pb.StreamChatResponse:
    answer, message = NativeAnswer(HOST), pb.StreamChatResponse()
    answer.decode(payloads, message)
    answer.end(message)
    message.start.CopyFrom(answer.start)
    return message


def citation(number: int, start: int, end: int) -> pb.Annotation:
    page = PAGES[number - 1]
    return pb.Annotation(
        url_citation=pb.Annotation.UrlCitation(
            url=str(page["url"]), title=str(page["title"]), start_index=start, end_index=end
        )
    )


def test_thoughts_then_words_then_the_sources_and_the_end() -> None:
    found = decoded(
        event({"content": "", "reasoning_content": "Hm"}, pages=PAGES),
        event({"content": "Yes [2]", "reasoning_content": None}, pages=[]),
        event({"content": " and [1]."}, "stop", pages=[], tokens=7),
    )
    assert list(found.deltas) == [
        pb.ChatDelta(reasoning_content="Hm"),
        pb.ChatDelta(content="Yes [2]"),
        pb.ChatDelta(content=" and [1]."),
        pb.ChatDelta(annotations=[citation(2, 4, 7), citation(1, 12, 15)]),
        pb.ChatDelta(finish_reason=pb.FINISH_REASON_STOP),
    ]
    assert found.start.id == "chatcmpl-9f-1"
    assert found.usage == Usage(
        prompt_tokens=5, completion_tokens=7, total_tokens=12, cached_tokens=0, reasoning_tokens=1
    )


@pytest.mark.parametrize(("text", "places"), [("See [ref_2]", [(2, 4, 11)]), ("No mark", [(1, 7, 7), (2, 7, 7)])])
def test_marks_of_the_other_form_and_pages_that_nothing_cites(text: str, places: list[tuple[int, int, int]]) -> None:
    found = decoded(event({"content": text}, "stop", pages=PAGES))
    assert list(found.deltas[1].annotations) == [citation(*place) for place in places]


def test_content_may_be_a_list() -> None:
    found = decoded(
        event({"content": []}), event({"content": [{"text": "a"}, {"text": "b"}]}), event({"content": []}, "length")
    )
    assert [(delta.content, delta.finish_reason) for delta in found.deltas] == [
        ("ab", pb.FINISH_REASON_UNSPECIFIED),
        ("", pb.FINISH_REASON_LENGTH),
    ]


def test_the_last_fragment_of_a_call_shares_its_event_with_the_end() -> None:
    first = {"index": 0, "id": "call_a", "type": "function", "function": {"name": "x", "arguments": '{"a"'}}
    last = {"index": 0, "id": "", "type": "function", "function": {"arguments": ":1}"}}
    found = decoded(
        event({"content": "", "tool_calls": [first]}), event({"content": "", "tool_calls": [last]}, "tool_calls")
    )
    assert [step.arguments for delta in found.deltas for step in delta.tool_calls] == ['{"a"', ":1}"]
    assert found.deltas[-1].finish_reason == pb.FINISH_REASON_TOOL_CALLS


HELLO = event({"content": "Hello"})


@pytest.mark.parametrize(
    ("payloads", "kind", "text"),
    [
        ([], UpstreamEmpty, ""),
        ([HELLO], UpstreamTruncated, "Hello"),
        ([HELLO, b"{"], UpstreamProtocol, "Hello"),
        ([b'{"output":{"choices":7}}'], UpstreamProtocol, ""),
        ([HELLO, b'{"code":"DataInspectionFailed","message":"Output data may"}'], ContentFiltered, "Hello"),
        ([HELLO, event({"content": "Throttling: TPM(2/1)"}, "error_finish")], TokenQuota, "Hello"),
        ([HELLO, event({"content": ""}, "abort")], UpstreamError, "Hello"),
        ([event({"tool_calls": [{"index": 0, "id": "c"}]}), event({}, "stop")], UpstreamProtocol, ""),
    ],
)
def test_an_answer_without_a_proper_end_is_a_failure(payloads: list[bytes], kind: type[QwenError], text: str) -> None:
    answer, message = NativeAnswer(HOST), pb.StreamChatResponse()
    error = None
    try:
        answer.decode(payloads, message)
        answer.end(message)
    except QwenError as raised:
        error = raised
    assert type(error) is kind
    assert "".join(delta.content for delta in message.deltas) == text


def test_the_answer_is_over_at_the_last_finish_reason() -> None:
    answer = NativeAnswer(HOST, choices=2)
    over = []
    for index in (0, 1):
        body = json.loads(event({"content": "x"}, "stop"))
        body["output"]["choices"][0]["index"] = index
        answer.decode([json.dumps(body).encode()], pb.StreamChatResponse())
        over.append(answer.over)
    assert over == [False, True]


STREAM = [
    event({"content": "", "reasoning_content": "想"}, pages=PAGES),
    event({"content": "ответ 🤖 [1]"}),
    event({"content": "."}, "stop", tokens=9),
]


@given(st.lists(st.integers(0, 3000), max_size=30))
def test_reads_may_be_cut_anywhere(cuts: list[int]) -> None:
    frames = [b"id:%d\nevent:result\n:HTTP_STATUS/200\ndata:%b\n\n" % (at, data) for at, data in enumerate(STREAM, 1)]
    body = b"".join(frames)
    places = [0, *sorted(cut % len(body) for cut in cuts), len(body)]
    decoder, answer, merged = EventDecoder(), NativeAnswer(HOST), pb.StreamChatResponse()
    for start, end in zip(places, places[1:], strict=False):
        message = pb.StreamChatResponse()
        answer.decode(decoder.feed(body[start:end]), message)
        merged.MergeFrom(message)
    answer.end(merged)
    whole = decoded(*STREAM)
    assert (list(merged.deltas), merged.usage) == (list(whole.deltas), whole.usage)
