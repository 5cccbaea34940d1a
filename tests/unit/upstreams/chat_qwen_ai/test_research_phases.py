"""A deep research in the stream: plans and searches are reasoning, the report is content, its references citations."""

import json
from typing import Any

import pytest

from qwen_grpc.upstreams.chat_qwen_ai.decode import Answer
from qwen_grpc.upstreams.chat_qwen_ai.wire import Page
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, Annotation, ChatDelta, StreamChatResponse

STOP = ChatDelta(finish_reason=FINISH_REASON_STOP)
THOUGHTS = pytest.mark.parametrize("phase", ["ResearchNotice", "ResearchPlanning", "DeepThinking"])


def step(phase: str, content: str = "", status: str = "typing", **more: Any) -> bytes:
    delta = {"role": "assistant", "content": content, "phase": phase, "status": status, **more}
    return json.dumps({"choices": [{"delta": delta}], "response_id": "a1"}).encode()


FINISHED = step("answer", status="finished")


def searched(*steps: dict[str, Any]) -> bytes:
    return step("WebResearch", extra={"deep_research": list(steps)})


def search(index: int, *names: str, status: str = "WebSearchFinished", **more: Any) -> dict[str, Any]:
    sites = [{"title": name, "url": f"https://{name}.example/"} for name in names]
    return {"index": index, "query": f"q{index}", "status": status, "webSites": sites, **more}


def referring(**numbers: int) -> bytes:
    pages = [{"index_number": n, "title": name, "url": f"https://{name}.example/"} for name, n in numbers.items()]
    return step("ReportGeneration", status="finished", extra={"deep_research": {"references": pages}})


def cited(name: str, start: int, end: int) -> Annotation:
    return Annotation(
        url_citation=Annotation.UrlCitation(
            url=f"https://{name}.example/", title=name, start_index=start, end_index=end
        )
    )


def ended(*events: bytes) -> list[ChatDelta]:
    answer, message = Answer(), StreamChatResponse()
    for event in events:
        answer.decode([event], message)
    assert answer.finished
    answer.end(message)
    return list(message.deltas)


def reasoning(*events: bytes) -> str:
    return "".join(delta.reasoning_content for delta in ended(*events, FINISHED))


@THOUGHTS
def test_thoughts_in_increments_are_reasoning(phase: str) -> None:
    assert ended(step(phase, "First, "), step(phase, "then"), step("ReportGeneration", "R"), FINISHED) == [
        ChatDelta(phase=phase, reasoning_content="First, "),
        ChatDelta(reasoning_content="then"),
        ChatDelta(phase="ReportGeneration", content="R"),
        STOP,
    ]


@THOUGHTS
def test_thoughts_in_snapshots_are_told_once(phase: str) -> None:
    assert reasoning(step(phase, "a"), step(phase, "a b"), step(phase, "a b c"), step(phase, "a b c")) == "a b c"


def test_a_thought_that_is_held_back_comes_before_the_report() -> None:
    events = (step("ResearchPlanning", "a"), step("ResearchPlanning", "ab"), step("ReportGeneration", "R"), FINISHED)
    assert ended(*events) == [
        ChatDelta(phase="ResearchPlanning", reasoning_content="a"),
        ChatDelta(reasoning_content="ab"),
        ChatDelta(phase="ReportGeneration", content="R"),
        STOP,
    ]


def test_a_thought_without_words_shows_what_goes_on() -> None:
    assert ended(step("ResearchPlanning"), step("ResearchPlanning"), step("answer", "x"), FINISHED) == [
        ChatDelta(phase="ResearchPlanning"),
        ChatDelta(phase="answer", content="x"),
        STOP,
    ]


def test_each_step_is_told_once_when_it_has_finished() -> None:
    events = (
        searched(search(1, status="WebSearching")),
        searched(search(1, "a"), search(2, status="WebSearching")),
        searched(search(1, "a"), search(2, "b", "c")),
        searched(search(1, "a", status="AllFinished"), search(2, "b", "c"), search(3)),
    )
    assert reasoning(*events) == (
        "Searched the web for q1: 1 page.\nSearched the web for q2: 2 pages.\nSearched the web for q3: 0 pages."
    )


def test_thoughts_and_searches_are_paragraphs_of_one_text() -> None:
    events = (
        step("ResearchNotice", "Started."),
        step("ResearchPlanning", "A plan."),
        searched(search(1, "a")),
        step("DeepThinking", "Hm."),
        searched(search(1, "a"), search(2, "b")),
        step("DeepThinking", "Yes."),
    )
    assert reasoning(*events) == (
        "Started.\n\nA plan.\n\nSearched the web for q1: 1 page.\n\nHm.\n\nSearched the web for q2: 1 page.\n\nYes."
    )


def test_marks_go_by_the_numbers_of_the_references_alone() -> None:
    found = ended(
        searched(search(1, "a", "b", "c")),
        step("ReportGeneration", "See [[2]], [[3]] and [[7,9]]."),
        referring(b=2, z=7),
        FINISHED,
    )
    assert found[-2] == ChatDelta(annotations=[cited("b", 4, 9), cited("z", 21, 28)])


def test_pages_that_no_mark_cites_stand_at_the_end() -> None:
    events = (searched(search(1, "a", "b"), search(2, "a")), step("ReportGeneration", "Report"))
    read = ended(*events, FINISHED)
    referred = ended(*events, referring(b=1), FINISHED)
    assert read[-2] == ChatDelta(annotations=[cited("a", 6, 6), cited("b", 6, 6)])
    assert referred[-2] == ChatDelta(annotations=[cited("b", 6, 6)])


def test_a_number_without_a_reference_is_asked_for() -> None:
    answer = Answer()
    answer.decode([searched(search(1, "a", "b")), step("ReportGeneration", "[[2]]"), FINISHED], StreamChatResponse())
    assert answer.sources.unknown("[[2]]")
    answer.sources.learn({2: Page("https://b.example/")})
    assert not answer.sources.unknown("[[2]]")


@pytest.mark.parametrize("odd", [7, "x", [7], [{"webSites": 1}], {"references": [{"index_number": "one"}]}])
def test_what_is_not_understood_of_a_research_ends_nothing(odd: Any) -> None:
    events = (step("WebResearch", extra={"deep_research": odd}), step("ReportGeneration", "R"))
    assert ended(*events, FINISHED) == [
        ChatDelta(phase="WebResearch"),
        ChatDelta(phase="ReportGeneration", content="R"),
        STOP,
    ]


def test_the_end_of_the_report_is_not_the_end() -> None:
    answer = Answer()
    answer.decode([step("ReportGeneration", "R"), referring(a=1)], StreamChatResponse())
    assert not answer.finished
