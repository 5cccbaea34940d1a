"""A chat as the site stores it."""

import json
from typing import Any

import pytest

from qwen_grpc.upstreams.chat_qwen_ai.stored import StoredChat, decode_chat
from qwen_grpc.upstreams.chat_qwen_ai.wire import Page


def chat(messages: dict[str, Any], current: str | None = "a1") -> StoredChat:
    history = {"currentId": current, "messages": messages}
    return decode_chat(
        json.dumps({"success": True, "data": {"currentId": "outer", "chat": {"history": history}}}).encode()
    )


def searched(*names: str) -> dict[str, Any]:
    return {"phase": "web_search", "extra": {"web_search_info": [{"url": name, "title": name} for name in names]}}


def test_the_active_leaf_is_the_last_message() -> None:
    assert chat({}).current_id == "a1"


@pytest.mark.parametrize("current", [None, ""])
def test_the_chats_own_word_stands_in_for_the_trees(current: str | None) -> None:
    assert chat({}, current).current_id == "outer"


def test_the_pages_are_those_of_the_last_answer() -> None:
    messages = {
        "u1": {"role": "user", "content": "?"},
        "a0": {"content_list": [searched("x")]},
        "a1": {"content_list": [{"phase": "answer"}, searched("a", "b"), {"extra": None}, searched("c")]},
    }
    assert chat(messages).pages == {1: Page("a", "a"), 2: Page("b", "b"), 3: Page("c", "c")}


@pytest.mark.parametrize("messages", [{}, {"a1": {}}, {"a1": {"content_list": None}}, {"a0": {"content_list": []}}])
def test_a_chat_without_an_answer_has_no_pages(messages: dict[str, Any]) -> None:
    assert chat(messages).pages == {}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"data":null}', b'{"data":{"chat":7}}', b'{"data":{"currentId":"\xff"}}', b"[" * 99_999],
)
def test_a_chat_that_is_not_understood_reads_as_empty(body: bytes) -> None:
    found = decode_chat(body)
    assert (found.current_id, found.pages) == ("", {})
