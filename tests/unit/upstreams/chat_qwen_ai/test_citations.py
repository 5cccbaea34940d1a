"""The numbers of web pages, and the marks that cite them."""

import msgspec
import pytest

from qwen_grpc.upstreams.chat_qwen_ai.citations import Sources
from qwen_grpc.upstreams.chat_qwen_ai.wire import Page, SearchExtra
from qwen_grpc.v1.chat_pb2 import Annotation


def pages(*names: str) -> list[dict[str, str]]:
    return [{"url": f"https://{name}.example/", "title": name.upper()} for name in names]


def extra(**members: object) -> SearchExtra:
    return msgspec.json.decode(msgspec.json.encode(members), type=SearchExtra)


def page(name: str) -> Page:
    return Page(f"https://{name}.example/", name.upper())


def citation(name: str, start: int, end: int) -> Annotation:
    found = Annotation.UrlCitation(url=f"https://{name}.example/", title=name.upper(), start_index=start, end_index=end)
    return Annotation(url_citation=found)


def knowing(*extras: SearchExtra) -> Sources:
    sources = Sources()
    for one in extras:
        sources.add(one)
    return sources


def test_pages_of_a_batch_end_before_the_next_free_number() -> None:
    found = knowing(
        extra(tool_result={"docs": pages("a", "b"), "used_id": 3}),
        extra(tool_result={"docs": pages("c"), "used_id": 4}),
    )
    assert found.pages == {1: page("a"), 2: page("b"), 3: page("c")}


def test_a_page_that_came_before_or_has_no_address_keeps_its_number_in_the_batch() -> None:
    found = knowing(
        extra(tool_result={"docs": pages("a"), "used_id": 2}),
        extra(tool_result={"docs": [*pages("a"), {"title": "no address"}, *pages("b")], "used_id": 5}),
    )
    assert found.pages == {1: page("a"), 2: page("a"), 4: page("b")}


def test_the_result_names_pages_when_it_has_documents_and_the_search_does_otherwise() -> None:
    both = extra(web_search_info=pages("a"), tool_result={"docs": pages("b"), "used_id": 8})
    bare = extra(web_search_info=pages("a"), tool_result={"used_id": 8})
    assert (knowing(both).pages, knowing(bare).pages) == ({7: page("b")}, {7: page("a")})


def test_streams_without_numbers_count_new_pages_as_they_come() -> None:
    found = knowing(
        extra(web_search_info=[{"title": "a headline without address"}]),
        extra(web_search_info=pages("a", "b")),
        extra(web_search_info=pages("b", "c")),
    )
    assert found.pages == {1: page("a"), 2: page("b"), 3: page("c")}


def test_counting_goes_on_behind_the_highest_number() -> None:
    found = knowing(extra(tool_result={"docs": pages("a"), "used_id": 9}), extra(web_search_info=pages("b")))
    assert found.pages == {8: page("a"), 9: page("b")}


@pytest.mark.parametrize("result", [None, "text", [1], {"docs": None}, {"docs": [{"url": 7}]}, {"used_id": "2"}])
def test_a_result_of_unknown_form_leaves_the_pages_of_the_search(result: object) -> None:
    assert knowing(extra(web_search_info=pages("a"), tool_result=result)).pages == {1: page("a")}


def test_marks_are_cited_in_the_order_of_the_text() -> None:
    sources = knowing(extra(tool_result={"docs": pages("a", "b"), "used_id": 3}))
    assert sources.annotations("é [[2]] and [[1, 2]].") == [
        citation("b", 2, 7),
        citation("a", 12, 20),
        citation("b", 12, 20),
    ]


def test_two_pages_in_one_mark() -> None:
    sources = Sources()
    sources.learn({55: page("a"), 113: page("b")})
    assert sources.annotations("[[55,113]]") == [citation("a", 0, 10), citation("b", 0, 10)]


def test_unknown_numbers_are_left_out_and_told() -> None:
    sources = knowing(extra(web_search_info=pages("a")))
    assert sources.annotations("[[1]] [[7]]") == [citation("a", 0, 5)]
    assert [sources.unknown(text) for text in ("[[1]]", "[[1]] [[7]]", "none", "[1] [[x]] [[12345]]")] == [
        False,
        True,
        False,
        False,
    ]


def test_pages_that_nothing_cites_stand_at_the_end_once_each() -> None:
    sources = knowing(
        extra(tool_result={"docs": pages("b", "a"), "used_id": 3}),
        extra(tool_result={"docs": pages("b"), "used_id": 4}),
    )
    assert sources.annotations("text") == [citation("b", 4, 4), citation("a", 4, 4)]


def test_what_the_stream_told_wins_over_the_stored_chat() -> None:
    sources = knowing(extra(web_search_info=pages("a")))
    sources.learn({1: page("x"), 2: page("b")})
    assert sources.pages == {1: page("a"), 2: page("b")}


def test_without_pages_there_are_no_citations() -> None:
    assert Sources().annotations("text [[1]]") == []


def test_a_page_may_lack_its_title() -> None:
    sources = knowing(extra(web_search_info=[{"url": "https://a.example/", "title": None}, *pages("b")]))
    assert sources.pages == {1: Page("https://a.example/"), 2: page("b")}
    assert [note.url_citation.title for note in sources.annotations("")] == ["", "B"]
