"""From the site's events to deltas: every phase, every ending."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_grpc.errors import (
    InvalidParameter,
    QuotaExhausted,
    QwenError,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
    UpstreamTruncated,
)
from qwen_grpc.upstreams.chat_qwen_ai.decode import Answer
from qwen_grpc.upstreams.chat_qwen_ai.wire import Created
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, Annotation, ChatDelta, StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

STOP = ChatDelta(finish_reason=FINISH_REASON_STOP)
CREATED = b'{"response.created":{"chat_id": "c1", "parent_id": "u1", "response_id":"a1", "response_index": "0"}} '


def step(content: str | None = "", phase: str | None = "answer", status: str = "typing", **more: Any) -> bytes:
    delta = {"role": "assistant", "content": content, "phase": phase, "status": status, **more}
    return json.dumps({"choices": [{"delta": delta}], "response_id": "a1"}).encode()


FINISHED = step(status="finished")


def heard(*events: bytes) -> tuple[Answer, list[ChatDelta]]:
    answer, message = Answer(), StreamChatResponse()
    answer.decode(events, message)
    return answer, list(message.deltas)


def deltas(*events: bytes) -> list[ChatDelta]:
    return heard(*events)[1]


def ended(*events: bytes) -> StreamChatResponse:
    answer, message = Answer(), StreamChatResponse()
    answer.decode(events, message)
    assert answer.finished
    answer.end(message)
    return message


def text(message: StreamChatResponse) -> str:
    return "".join(delta.content for delta in message.deltas)


def thought(*paragraphs: str, status: str = "typing") -> bytes:
    titles = [f"Title {number}" for number in range(len(paragraphs))]
    extra = {"summary_title": {"content": titles}, "summary_thought": {"content": list(paragraphs)}}
    return step(phase="thinking_summary", status=status, extra=extra)


# -- plain answers ------------------------------------------------------------------------------------------------


def test_a_plain_answer() -> None:
    events = (CREATED, step("Hel"), step("lo!"), step(), step(), FINISHED)
    assert ended(*events) == StreamChatResponse(
        deltas=[ChatDelta(phase="answer", content="Hel"), ChatDelta(content="lo!"), STOP]
    )
    assert heard(*events)[0].created == Created("c1", "u1", "a1")


def test_the_finish_may_bring_the_last_text() -> None:
    assert text(ended(step("a"), step("b", status="finished"))) == "ab"


def test_what_follows_the_finish_is_ignored() -> None:
    assert text(ended(step("a"), FINISHED, step("b"), b'{"error":"Internal error!"}', b"garbage")) == "a"


def test_the_marker_of_other_dialects_is_ignored() -> None:
    assert text(ended(step("a"), b"[DONE]", step("b"), FINISHED)) == "ab"


@pytest.mark.parametrize("event", [b"true", b"7", b'"x"', b"[]", b"{}", b'{"timestamp":1}', b'{"choices":[]}'])
def test_events_of_no_meaning_are_ignored(event: bytes) -> None:
    assert text(ended(step("a"), event, step("b"), FINISHED)) == "ab"


def test_text_without_a_phase_is_the_answer() -> None:
    assert deltas(step("a", phase=None)) == [ChatDelta(phase="answer", content="a")]


def test_a_completed_response_is_a_finish_too() -> None:
    assert text(ended(step("a"), b'{"response.completed":{}}')) == "a"


def test_text_that_was_held_back_comes_before_the_finish() -> None:
    assert ended(step("a"), step("ab"), FINISHED).deltas == [
        ChatDelta(phase="answer", content="a"),
        ChatDelta(content="ab"),
        STOP,
    ]


def test_half_an_emoji_waits_for_the_other_half() -> None:
    assert ended(step("a\ud83d"), step("\ude00b"), FINISHED).deltas == [
        ChatDelta(phase="answer", content="a"),
        ChatDelta(content="😀b"),
        STOP,
    ]


def test_half_an_emoji_in_a_page_title_ends_nothing() -> None:
    found = {"web_search_info": [{"url": "https://a.example/", "title": "cut \ud83d"}]}
    note = Annotation.UrlCitation(url="https://a.example/", title="cut \ufffd", start_index=1, end_index=1)
    assert ended(step(phase="web_search", extra=found), step("a"), FINISHED).deltas[-2:] == [
        ChatDelta(annotations=[Annotation(url_citation=note)]),
        STOP,
    ]


# -- phases -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["ReportGeneration", "deep_research_answer", "slides"])
def test_reports_are_text_and_their_finish_is_not_the_end(phase: str) -> None:
    answer, found = heard(step("# Re", phase=phase), step("port", phase=phase, status="finished"))
    assert found == [ChatDelta(phase=phase, content="# Re"), ChatDelta(content="port")]
    assert not answer.finished


@pytest.mark.parametrize(
    "phase",
    [
        *("web_search", "web_extractor", "web_search_image", "image_search", "image_zoom_in_tool"),
        *("history_retriever", "bio", "code_interpreter", "image_gen", "image_edit", "image_gen_tool"),
        *("image_edit_tool", "generate_image", "image", "image_gen_think", "image_gen_websearch", "tool_call"),
        *("local_tool", "WebResearch", "PdfMdGen"),
        *("single_answer", "analyze", "travel_plan", "invented_tomorrow"),
    ],
)
def test_other_phases_are_named_once_and_never_printed(phase: str) -> None:
    events = (step("not text", phase=phase), step("nor this", phase=phase, status="finished"), step("a"), FINISHED)
    assert ended(*events).deltas == [ChatDelta(phase=phase), ChatDelta(phase="answer", content="a"), STOP]


@pytest.mark.parametrize("phase", ["KeepAlive", "finished", "InterruptReceived"])
def test_signs_of_life_leave_no_trace(phase: str) -> None:
    answer, found = heard(step("x", phase=phase), step("x", phase=phase, status="finished"))
    assert (found, answer.finished) == ([], False)


def test_a_tool_event_without_a_phase_goes_by_its_name() -> None:
    found = {"web_search_info": [{"title": "no address"}]}
    assert deltas(json.dumps({"choices": [{"delta": {"name": "web_search", "extra": found}}]}).encode()) == [
        ChatDelta(phase="web_search")
    ]


def test_every_change_of_phase_is_told() -> None:
    events = (step("t", phase="think"), step("a"), step(phase="web_search"), step("b"), FINISHED)
    assert ended(*events).deltas == [
        ChatDelta(phase="think", reasoning_content="t"),
        ChatDelta(phase="answer", content="a"),
        ChatDelta(phase="web_search"),
        ChatDelta(phase="answer", content="b"),
        STOP,
    ]


# -- thinking -----------------------------------------------------------------------------------------------------


def test_raw_thinking_comes_in_increments_and_its_finish_is_not_the_end() -> None:
    answer, found = heard(step("The ", phase="think"), step("The ", phase="think"), step("", "think", "finished"))
    assert found == [ChatDelta(phase="think", reasoning_content="The "), ChatDelta(reasoning_content="The ")]
    assert not answer.finished


def test_summaries_are_cumulative_and_only_their_growth_is_told() -> None:
    answer, found = heard(
        thought("19 is"),
        thought("19 is close to 20."),
        thought("19 is close to 20.", "17*20"),
        thought("19 is close to 20.", "17*20"),
        step(phase="thinking_summary", status="finished"),
    )
    assert found == [
        ChatDelta(phase="thinking_summary", reasoning_content="19 is"),
        ChatDelta(reasoning_content=" close to 20."),
        ChatDelta(reasoning_content="\n\n17*20"),
    ]
    assert not answer.finished


def test_a_rewritten_summary_tells_what_follows_the_common_beginning() -> None:
    assert deltas(thought("abc"), thought("abX"), thought("abXy")) == [
        ChatDelta(phase="thinking_summary", reasoning_content="abc"),
        ChatDelta(reasoning_content="X"),
        ChatDelta(reasoning_content="y"),
    ]


def test_thinking_without_any_text_is_still_told() -> None:
    events = (step(phase="thinking_summary"), step(phase="thinking_summary", status="finished"))
    assert deltas(*events) == [ChatDelta(phase="thinking_summary")]


@pytest.mark.parametrize("extra", [None, [], "x", {"summary_thought": None}, {"summary_thought": {"content": [None]}}])
def test_a_summary_of_unknown_form_is_thinking_without_text(extra: object) -> None:
    assert deltas(step(phase="thinking_summary", extra=extra)) == [ChatDelta(phase="thinking_summary")]


# -- citations ----------------------------------------------------------------------------------------------------


def test_a_mark_that_straddles_events_is_cited() -> None:
    result = {"docs": [{"url": "https://w.example/", "title": "W"}], "used_id": 2}
    found = step(phase="web_search", role="function", status="finished", extra={"tool_result": result})
    note = Annotation.UrlCitation(url="https://w.example/", title="W", start_index=3, end_index=8)
    assert ended(found, step("It [[1"), step("]]."), FINISHED).deltas[-2:] == [
        ChatDelta(annotations=[Annotation(url_citation=note)]),
        STOP,
    ]


def test_pages_of_older_streams_come_beside_the_choices() -> None:
    info = b'{"response.info":{"web_search_info":[{"title":"R","url":"https://r.example/"}]}}'
    note = Annotation.UrlCitation(url="https://r.example/", title="R", start_index=4, end_index=9)
    assert ended(info, step("See [[1]]."), FINISHED).deltas[-2:] == [
        ChatDelta(annotations=[Annotation(url_citation=note)]),
        STOP,
    ]


# -- usage --------------------------------------------------------------------------------------------------------


def counted(**block: Any) -> bytes:
    return json.dumps({"choices": [], "usage": block}).encode()


def test_the_last_usage_counts() -> None:
    last = counted(
        input_tokens=827,
        output_tokens=477,
        characters=0,
        total_tokens=1304,
        output_tokens_details={"reasoning_tokens": 439, "text_tokens": 477},
        prompt_tokens_details={"cached_tokens": 0},
    )
    message = ended(counted(input_tokens=827, output_tokens=1), last, b'{"usage":null}', step("a"), FINISHED)
    assert message.usage == Usage(
        prompt_tokens=827, completion_tokens=477, total_tokens=1304, cached_tokens=0, reasoning_tokens=439
    )


def test_a_missing_total_is_the_sum_and_missing_details_stay_missing() -> None:
    message = ended(counted(input_tokens=2, output_tokens=3), step("a"), FINISHED)
    assert message.usage == Usage(prompt_tokens=2, completion_tokens=3, total_tokens=5)


@pytest.mark.parametrize(
    "block", [{}, {"input_tokens": "7"}, {"input_tokens": 1 << 70, "output_tokens": 1}, {"input_tokens": -1}, [1]]
)
def test_a_usage_that_makes_no_sense_is_left_out(block: object) -> None:
    message = ended(json.dumps({"usage": block}).encode(), step("a"), FINISHED)
    assert not message.HasField("usage")


# -- failures -----------------------------------------------------------------------------------------------------


QUOTA = {"code": "RateLimited", "details": "You've reached the upper limit.", "num": 10}


@pytest.mark.parametrize(
    ("event", "kind", "retry_after"),
    [
        ({"error": "Internal error!"}, UpstreamError, None),
        (
            {"error": {"code": "invalid_input", "details": "输入或附件无效。"}, "response_id": "a1"},
            InvalidParameter,
            None,
        ),
        ({"error": {"code": "what_is_this"}}, UpstreamError, None),
        ({"success": False, "data": QUOTA}, QuotaExhausted, 36_000),
        ({"success": False, "error": None, "data": QUOTA}, QuotaExhausted, 36_000),
        ({"success": False}, UpstreamError, None),
        ({"choices": [{"delta": {"status": "error", "extra": {"error": QUOTA}}}]}, QuotaExhausted, 36_000),
        ({"choices": [{"delta": {"status": "error", "extra": {"error": "x"}}}]}, UpstreamError, None),
        ({"choices": [{"delta": {"status": "error", "phase": "answer"}}]}, UpstreamError, None),
    ],
)
def test_a_failure_in_the_stream(event: dict[str, Any], kind: type[QwenError], retry_after: float | None) -> None:
    answer, message = Answer(), StreamChatResponse()
    with pytest.raises(QwenError) as failure:
        answer.decode([step("a"), json.dumps(event).encode(), step("b")], message)
    assert (type(failure.value), failure.value.retry_after) == (kind, retry_after)
    assert message.deltas == [ChatDelta(phase="answer", content="a")]


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"<html>",
        b"not json",
        b'{"choices":{}}',
        b'{"choices":[{"delta":{"content":7}}]}',
        b'{"error":"\xff"',
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_an_event_that_is_not_of_the_protocol(payload: bytes) -> None:
    with pytest.raises(UpstreamProtocol, match="^chat.qwen.ai sent an event that is not JSON of the known form$"):
        heard(payload)


def test_an_answer_without_anything_is_no_success() -> None:
    answer, _ = heard(CREATED, FINISHED)
    with pytest.raises(UpstreamEmpty):
        answer.end(StreamChatResponse())
    assert isinstance(heard(CREATED)[0].broken(), UpstreamEmpty)


def test_an_answer_without_a_finish_is_incomplete() -> None:
    assert isinstance(heard(CREATED, step("a"))[0].broken(), UpstreamTruncated)


def test_text_that_was_held_back_is_not_lost_with_the_stream() -> None:
    answer, _ = heard(step("a"), step("ab"))
    message = StreamChatResponse()
    answer.flush(message)
    answer.flush(message)
    assert list(message.deltas) == [ChatDelta(content="ab")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = ("content", "phase", "status", "name", "extra", "function_call")
hostile_deltas = st.dictionaries(st.sampled_from(names), json_values)
members = ("response.created", "response.info", "response.completed", "usage", "error", "success", "data")
hostile_events = st.builds(
    lambda event, delta: event | ({"choices": [{"delta": delta}]} if delta is not None else {}),
    st.dictionaries(st.sampled_from(members), json_values, max_size=3),
    st.none() | hostile_deltas,
)


@settings(max_examples=50)
@given(st.lists(hostile_events.map(lambda event: json.dumps(event).encode()) | st.binary(max_size=20), max_size=4))
def test_whatever_the_site_sends_only_our_own_errors_come_out(events: list[bytes]) -> None:
    answer, message = Answer(), StreamChatResponse()
    try:
        answer.decode(events, message)
        answer.end(message)
    except QwenError:
        return
    assert message.deltas[-1] == STOP
