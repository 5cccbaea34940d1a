"""Stored chats as messages of the contract, in the site's forms of today and of 2025."""

import json
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams.chat_qwen_ai.chats import decode_detail, decode_page
from qwen_grpc.v1.chat_pb2 import (
    ROLE_ASSISTANT,
    ROLE_SYSTEM,
    ROLE_USER,
    Annotation,
    ChatMessage,
    ContentPart,
)
from qwen_grpc.v1.chats_pb2 import Chat, StoredMessage

BASE = "https://chat.example"
NOON = Timestamp(seconds=1_790_356_321)


def question(content: Any = "hello", parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, "parentId": parent, "childrenIds": ["?"], **more}


def answer(*phases: dict[str, Any], parent: str | None = "u1", **more: Any) -> dict[str, Any]:
    whole = {"role": "assistant", "content": "", "reasoning_content": "", "parentId": parent, "model": "qwen3.7-plus"}
    return {**whole, "content_list": list(phases), **more}


def phase(name: str, content: str = "", **more: Any) -> dict[str, Any]:
    return {"content": content, "phase": name, "status": "finished", **more}


def chat(messages: dict[str, Any], current: str | None = None, **more: Any) -> Chat:
    history = {"currentId": current, "messages": messages}
    data = {"id": "c1", "title": "Hello", "chat": {"history": history, "messages": ["again"]}, **more}
    return decode_detail(json.dumps({"success": True, "data": data}).encode(), BASE)


def message(entry: dict[str, Any]) -> ChatMessage:
    (found,) = chat({"m": entry}).messages
    return found.message


def extra_of(found: ChatMessage | Chat) -> Any:
    return json.loads(found.extra_json or "{}")


def citing(name: str, start: int, end: int) -> Annotation:
    page = {"url": f"https://{name}.example/", "title": name.upper()}
    return Annotation(url_citation=Annotation.UrlCitation(**page, start_index=start, end_index=end))


def page(name: str) -> dict[str, str]:
    return {"url": f"https://{name}.example/", "title": name.upper()}


# -- the list -----------------------------------------------------------------------------------------------------


def test_a_row_keeps_what_has_no_field() -> None:
    row = {"id": "c1", "title": "Hello", "updated_at": 1_790_356_346, "created_at": 1_790_356_321, "pinned": True}
    (found,) = decode_page([{**row, "chat_type": "t2t", "project_id": "", "content": None}])
    assert extra_of(found) == {"chat_type": "t2t", "project_id": ""}
    found.ClearField("extra_json")
    changed = Timestamp(seconds=1_790_356_346)
    assert found == Chat(id="c1", title="Hello", create_time=NOON, update_time=changed, pinned=True)


def test_an_empty_page_is_one() -> None:
    assert decode_page([]) == []


@pytest.mark.parametrize("rows", [None, {}, {"data": []}, "x", [None], [{}], [{"id": 7}], [{"id": ""}]])
def test_a_list_of_another_form_is_refused(rows: Any) -> None:
    with pytest.raises(UpstreamProtocol):
        decode_page(rows)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (1_790_356_321, 1_790_356_321),
        (1_790_356_321.9, 1_790_356_321),
        (1_790_356_321_000, 1_790_356_321),
        ("1790356321", 1_790_356_321),
        ("1790356321000", 1_790_356_321),
        ("2026-09-25T17:12:01Z", 1_790_356_321),
        ("2026-09-25T17:12:01", 1_790_356_321),
        ("2026-09-26T00:12:01+07:00", 1_790_356_321),
        (0, 0),
    ],
)
def test_a_time_may_be_written_in_many_ways(written: Any, seconds: int) -> None:
    (found,) = decode_page([{"id": "c1", "created_at": written}])
    assert (found.HasField("create_time"), found.create_time.seconds) == (True, seconds)


@pytest.mark.parametrize("written", [None, "", "yesterday", [], {}, -1, "nan", "inf", 1e300, "9" * 400])
def test_a_time_that_is_none_is_left_out(written: Any) -> None:
    (found,) = decode_page([{"id": "c1", "created_at": written}])
    assert not found.HasField("create_time")


# -- messages -----------------------------------------------------------------------------------------------------


def test_a_chat_of_today_is_told_whole() -> None:
    thoughts = {"summary_title": {"content": ["t"]}, "summary_thought": {"content": ["First.", "Second."]}}
    found = {"web_search_info": [page("a")], "tool_result": {"docs": [page("a")], "used_id": 2}}
    entry = answer(
        phase("thinking_summary", extra=thoughts),
        phase("web_search", extra=found),
        phase("answer", "See [[1]].", usage={"input_tokens": 5}),
        timestamp=1_790_356_323,
        done=True,
        is_stop=False,
        error=None,
    )
    told = chat(
        {"u1": question(timestamp="1790356321", files=[]), "r1": entry},
        "r1",
        created_at="1790356321",
        models=["qwen3.7-plus"],
        archived=False,
    )

    asked, answered = told.messages
    assert (extra_of(told), extra_of(asked.message), extra_of(answered.message)) == (
        {"models": ["qwen3.7-plus"], "archived": False},
        {"files": []},
        {"done": True, "is_stop": False, "usage": {"input_tokens": 5}},
    )
    for part in (told, asked.message, answered.message):
        part.ClearField("extra_json")
    assert told == Chat(
        id="c1",
        title="Hello",
        create_time=NOON,
        model="qwen3.7-plus",
        active_message_id="r1",
        messages=[
            StoredMessage(id="u1", create_time=NOON, message=ChatMessage(role=ROLE_USER, content="hello")),
            StoredMessage(
                id="r1",
                parent_id="u1",
                create_time=Timestamp(seconds=1_790_356_323),
                model="qwen3.7-plus",
                message=ChatMessage(
                    role=ROLE_ASSISTANT,
                    content="See [[1]].",
                    reasoning_content="First.\n\nSecond.",
                    annotations=[citing("a", 4, 9)],
                ),
            ),
        ],
    )


def test_raw_thinking_is_reasoning_too() -> None:
    assert message(answer(phase("think", "Hm."), phase("answer", "Yes."))) == ChatMessage(
        role=ROLE_ASSISTANT, content="Yes.", reasoning_content="Hm."
    )


def test_thoughts_after_a_search_are_all_there() -> None:
    def thinking(*thoughts: str) -> dict[str, Any]:
        return phase("thinking_summary", extra={"summary_thought": {"content": list(thoughts)}})

    anew = message(answer(thinking("The one."), phase("web_search"), thinking("The other."), phase("answer", "x")))
    on = message(answer(thinking("The one."), phase("web_search"), thinking("The one.", "Two."), phase("answer", "x")))
    assert [anew.reasoning_content, on.reasoning_content] == ["The one.\n\nThe other.", "The one.\n\nTwo."]


def test_a_report_cites_its_references_by_their_own_numbers() -> None:
    steps = [{"index": 1, "query": "echoes", "status": "WebSearchFinished", "webSites": [page("x"), page("b")]}]
    references = {"references": [{"index_number": 7, **page("b")}]}
    found = message(
        answer(
            phase("ResearchPlanning", "A plan."),
            phase("WebResearch", extra={"deep_research": steps}),
            phase("ReportGeneration", "So [[7]].", extra={"deep_research": references}),
            phase("answer"),
        )
    )
    assert found == ChatMessage(
        role=ROLE_ASSISTANT,
        content="So [[7]].",
        reasoning_content="A plan.\n\nSearched the web for echoes: 2 pages.",
        annotations=[citing("b", 3, 8)],
    )


def test_a_picture_is_told_as_in_an_answer() -> None:
    url = f"{BASE}/output/x.png"
    found = message(answer(phase("image_gen", url)))
    assert found.content == f"![image]({url})"
    assert extra_of(found) == {"images": [{"type": "image_url", "image_url": {"url": url}}]}


def test_a_chat_of_2025_has_two_texts() -> None:
    old = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "parentId": None, "done": True}
    found = message(old)
    assert (extra_of(found), found.content, found.reasoning_content) == ({"done": True}, "Yes.", "Hm.")


def test_parts_of_2025_stay_parts() -> None:
    image = {"type": "image", "image": "https://a.example/x.png"}
    found = message(question([{"type": "text", "text": "What is it?"}, image, "odd"]))
    text, *others = found.parts
    assert (found.HasField("content"), text) == (False, ContentPart(text="What is it?"))
    assert [json.loads(part.raw_json) for part in others] == [image, "odd"]


def test_an_answer_that_failed_says_so() -> None:
    failed = phase("answer", "lost", status="error", extra={"error": {"code": "x"}})
    found = message(answer(failed, error={"code": "x"}, done=False))
    assert (found.content, extra_of(found)) == ("", {"error": {"code": "x"}, "done": False})


@pytest.mark.parametrize(("word", "role"), [("user", ROLE_USER), ("system", ROLE_SYSTEM), ("model", ROLE_ASSISTANT)])
def test_a_role_that_is_not_known_is_the_assistants(word: str, role: int) -> None:
    assert message({"role": word, "content": "x"}).role == role


def test_phases_of_an_odd_form_take_nothing_else_away() -> None:
    odd = answer(content="as text", content_list=[7], parent="r0")
    found = chat({"u1": question(), "r1": odd, "r2": 7, "r3": answer(phase("answer", "x"))})
    assert [(kept.id, kept.message.content) for kept in found.messages] == [
        ("u1", "hello"),
        ("r1", "as text"),
        ("r3", "x"),
    ]


def test_half_an_emoji_in_a_title_ends_nothing() -> None:
    document = rb'{"success":true,"data":{"id":"c1","title":"cut \ud83d","chat":{"history":{"messages":{}}}}}'
    assert decode_detail(document, BASE) == Chat(id="c1", title="cut \ufffd")


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"data":null}', b'{"data":{"id":7}}', b"[" * 99_999])
def test_a_chat_of_another_form_is_refused(document: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        decode_detail(document, BASE)


# -- the tree -----------------------------------------------------------------------------------------------------


def tree(*parents: tuple[str, str | None], current: str | None = None) -> Chat:
    return chat({name: question(parent=parent) for name, parent in parents}, current)


def placed(found: Chat) -> list[tuple[str, str]]:
    return [(kept.id, kept.parent_id) for kept in found.messages]


def test_parents_come_before_children_whatever_the_order() -> None:
    found = tree(("b2", "a"), ("c", "b1"), ("a", None), ("b1", "a"), current="c")
    assert placed(found) == [("a", ""), ("b2", "a"), ("b1", "a"), ("c", "b1")]
    assert found.active_message_id == "c"


def test_a_parent_that_is_not_there_is_none() -> None:
    assert placed(tree(("b", "gone"), ("c", "b"))) == [("b", ""), ("c", "b")]


def test_a_tree_that_runs_in_a_circle_is_cut_open() -> None:
    assert placed(tree(("a", "b"), ("b", "c"), ("c", "a"), ("d", "d"))) == [
        ("c", ""),
        ("b", "c"),
        ("a", "b"),
        ("d", ""),
    ]


def test_an_active_message_that_is_not_there_is_none() -> None:
    assert tree(("a", None), current="gone").active_message_id == ""


def test_a_long_chat_is_read_in_good_time() -> None:
    length = 20_000
    backwards = [(str(number), str(number - 1) if number else None) for number in range(length)][::-1]
    assert placed(tree(*backwards))[-1] == (str(length - 1), str(length - 2))
