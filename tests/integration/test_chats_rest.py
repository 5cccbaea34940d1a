"""The stored chats over REST."""

from typing import Any

import httpx
import pytest
from stored_chats import EPOCH, STRANGER, kept, stored
from support import House, bearer

DELETE = "/v1/chats/delete"
BOTH = pytest.mark.parametrize("verb", ["DELETE", "POST"])


async def get(house: House, path: str) -> httpx.Response:
    return await house.http.get(path, headers=bearer())


async def send(house: House, verb: str, body: Any = None) -> httpx.Response:
    content = {} if body is None else {"json": body}
    return await house.http.request(verb, DELETE, headers=bearer(), **content)


def error_of(reply: httpx.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


def row(number: int) -> dict[str, Any]:
    """A chat of `stored` as the list shows it."""
    return {
        "id": f"chat-{number}",
        "object": "chat",
        "title": f"Chat {number}",
        "pinned": False,
        "created_at": EPOCH + number,
        "updated_at": EPOCH + number,
        "chat_type": "t2t",
    }


@pytest.mark.asyncio
async def test_the_list_has_openais_form(house: House) -> None:
    stored(house, 3)

    whole, part, none = [
        await get(house, path) for path in ("/v1/chats", "/v1/chats?limit=2", "/v1/chats?after=chat-0")
    ]

    rows = [row(2), row(1), row(0)]
    ends = {"first_id": "chat-2", "last_id": "chat-0", "has_more": False}
    assert whole.json() == {"object": "list", "data": rows, **ends}
    ends = {"first_id": "chat-2", "last_id": "chat-1", "has_more": True}
    assert part.json() == {"object": "list", "data": rows[:2], **ends}
    ends = {"first_id": None, "last_id": None, "has_more": False}
    assert none.json() == {"object": "list", "data": [], **ends}


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", [20, 65, 100])
async def test_all_chats_can_be_read_page_by_page(house: House, limit: int) -> None:
    ids = stored(house, 130)
    seen, after = [], ""
    while True:
        page = (await get(house, f"/v1/chats?limit={limit}{after}")).json()
        seen += [chat["id"] for chat in page["data"]]
        after = f"&after={page['last_id']}"
        if not page["has_more"]:
            break

    assert seen == ids


@pytest.mark.asyncio
@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=-1", "after=nothing"])
async def test_a_wrong_page_is_refused_by_name(house: House, query: str) -> None:
    stored(house, 2)

    assert error_of(await get(house, f"/v1/chats?{query}")) == (400, "invalid_value", query.partition("=")[0])


@pytest.mark.asyncio
async def test_a_chat_is_shown_with_its_messages(house: House) -> None:
    conversation = (await house.complete("Hello")).json()["conversation"]

    found = (await get(house, f"/v1/chats/{conversation['chat_id']}")).json()

    question, answer = found["messages"]
    assert {name: found[name] for name in ("id", "object", "title", "model", "active_message_id", "chat_type")} == {
        "id": conversation["chat_id"],
        "object": "chat",
        "title": "You said: Hello",
        "model": "qwen3.8-max",
        "active_message_id": conversation["message_id"],
        "chat_type": "t2t",
    }
    assert (question["parent_id"], answer["parent_id"]) == (None, question["id"])
    assert [answer[name] for name in ("id", "model")] == [conversation["message_id"], "qwen3.8-max"]
    assert question["message"] | {"role": "user", "content": "Hello", "refusal": None} == question["message"]
    assert answer["message"] | {"role": "assistant", "content": "You said: Hello"} == answer["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize("verb", ["GET", "DELETE"])
@pytest.mark.parametrize("chat_id", ["theirs-0", "nothing"])
async def test_a_chat_of_somebody_else_is_one_that_is_not_there(house: House, verb: str, chat_id: str) -> None:
    theirs = stored(house, 1, user=STRANGER, prefix="theirs")

    reply = await house.http.request(verb, f"/v1/chats/{chat_id}", headers=bearer())

    assert error_of(reply) == (404, "not_found", None)
    assert kept(house) == theirs


@pytest.mark.asyncio
async def test_a_chat_is_deleted_by_its_path(house: House) -> None:
    stored(house, 2)

    reply = await house.http.delete("/v1/chats/chat-1", headers=bearer())

    assert (reply.status_code, reply.json()) == (200, {"id": "chat-1", "object": "chat.deleted", "deleted": True})
    assert kept(house) == ["chat-0"]


@BOTH
@pytest.mark.asyncio
async def test_one_chat_is_deleted_by_a_body(house: House, verb: str) -> None:
    stored(house, 2)

    reply = await send(house, verb, {"chat_id": "chat-1"})

    assert (reply.status_code, reply.json()) == (200, {"deleted": 1, "chat_ids": ["chat-1"]})
    assert kept(house) == ["chat-0"]
    assert error_of(await send(house, verb, {"chat_id": "chat-1"})) == (404, "not_found", None)


@BOTH
@pytest.mark.asyncio
async def test_of_a_list_those_are_deleted_that_there_are(house: House, verb: str) -> None:
    stored(house, 4)
    theirs = stored(house, 1, user=STRANGER, prefix="theirs")

    reply = await send(house, verb, {"chat_ids": ["chat-1", "gone", "chat-3", "theirs-0", "chat-1"]})

    assert (reply.status_code, reply.json()) == (200, {"deleted": 2, "chat_ids": ["chat-1", "chat-3"]})
    assert kept(house) == ["chat-0", "chat-2", *theirs]


@BOTH
@pytest.mark.asyncio
@pytest.mark.parametrize("body", [None, {}])
async def test_no_body_deletes_all_chats_of_the_account(house: House, verb: str, body: Any) -> None:
    stored(house, 61)
    theirs = stored(house, 1, user=STRANGER, prefix="theirs")

    reply = await send(house, verb, body)

    assert (reply.status_code, reply.json()) == (200, {"deleted": 61})
    assert kept(house) == theirs


@BOTH
@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"chat_id": ""}, "chat_id"),
        ({"chat_id": None}, "chat_id"),
        ({"chat_id": 7}, "chat_id"),
        ({"chat_ids": []}, "chat_ids"),
        ({"chat_ids": "chat-0"}, "chat_ids"),
        ({"chat_ids": ["chat-0", None]}, "chat_ids"),
        ({"chat_ids": ["chat-0", ""]}, "chat_ids"),
        ({"chat_ids": ["chat-0"] * 101}, "chat_ids"),
        ({"chatId": "chat-0"}, "chatId"),
        ({"chat_id": "chat-0", "dry_run": True}, "dry_run"),
        ({"chat_id": "chat-0", "chat_ids": ["chat-1"]}, "chat_id"),
    ],
)
async def test_a_slip_of_the_pen_deletes_nothing(house: House, verb: str, body: Any, param: str) -> None:
    stored(house, 2)

    assert error_of(await send(house, verb, body)) == (400, "invalid_value", param)
    assert kept(house) == ["chat-0", "chat-1"]


@pytest.mark.asyncio
@pytest.mark.parametrize("content", ["[]", '"all"', "{", "null"])
async def test_a_body_that_is_no_object_deletes_nothing(house: House, content: str) -> None:
    stored(house, 1)

    reply = await house.http.post(DELETE, content=content, headers=bearer())

    assert reply.status_code == 400
    assert kept(house) == ["chat-0"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v1/chats"),
        ("GET", "/v1/chats/chat-0"),
        ("DELETE", "/v1/chats/chat-0"),
        ("DELETE", DELETE),
        ("POST", DELETE),
    ],
)
async def test_without_a_credential_nothing_is_told_or_deleted(house: House, verb: str, path: str) -> None:
    stored(house, 1)

    assert error_of(await house.http.request(verb, path)) == (401, "invalid_api_key", None)
    assert kept(house) == ["chat-0"]
