"""ChatsService over gRPC: stored chats of the caller's own account, and of no other."""

import json
from typing import Any

import grpc
import pytest
from both_doors import metadata
from google.protobuf.timestamp_pb2 import Timestamp
from stored_chats import EPOCH, STRANGER, chats, kept, stored
from support import House, open_house, session
from upstream_record import CHATS, REFRESH, calls, failed

from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ROLE_USER, ChatMessage
from qwen_grpc.v1.chats_pb2 import (
    Chat,
    DeleteChatRequest,
    DeleteChatResponse,
    GetChatRequest,
    ListChatsRequest,
    ListChatsResponse,
    PurgeChatsRequest,
    StoredMessage,
)

NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


async def listed(house: House, **request: Any) -> ListChatsResponse:
    return await chats(house).ListChats(ListChatsRequest(**request), metadata=metadata())


async def paged(house: House, size: int) -> list[list[str]]:
    """The ids of all pages."""
    pages, token = [], ""
    while True:
        page = await listed(house, page_size=size, page_token=token)
        pages.append([chat.id for chat in page.chats])
        token = page.next_page_token
        if not token:
            return pages


def delete(house: House, chat_id: str, **more: Any) -> Any:
    return chats(house).DeleteChat(DeleteChatRequest(chat_id=chat_id, **more), metadata=metadata())


def purge(house: House, **more: Any) -> Any:
    return chats(house).PurgeChats(PurgeChatsRequest(**more), metadata=metadata())


# -- lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("size", "lengths"), [(20, [20] * 6 + [10]), (60, [60, 60, 10]), (100, [100, 30]), (65, [65, 65])]
)
async def test_pages_of_our_own_hide_those_of_the_site(house: House, size: int, lengths: list[int]) -> None:
    ids = stored(house, 130)

    pages = await paged(house, size)

    assert [len(page) for page in pages] == lengths
    assert [chat_id for page in pages for chat_id in page] == ids


@pytest.mark.asyncio
async def test_a_page_has_twenty_chats_when_nobody_says_how_many(house: House) -> None:
    ids = stored(house, 21)

    assert [chat.id for chat in (await listed(house)).chats] == ids[:20]


@pytest.mark.asyncio
async def test_a_listed_chat_has_no_messages(house: House) -> None:
    stored(house, 1)

    (chat,) = (await listed(house)).chats

    assert json.loads(chat.extra_json) == {"chat_type": "t2t"}
    chat.ClearField("extra_json")
    at = Timestamp(seconds=EPOCH)
    assert chat == Chat(id="chat-0", title="Chat 0", create_time=at, update_time=at)


@pytest.mark.asyncio
async def test_a_token_can_be_used_again(house: House) -> None:
    ids = stored(house, 90)
    token = (await listed(house, page_size=50)).next_page_token

    for _ in range(2):
        page = await listed(house, page_size=100, page_token=token)
        assert ([chat.id for chat in page.chats], page.next_page_token) == (ids[50:], "")


@pytest.mark.asyncio
async def test_deleting_a_page_before_asking_for_the_next_leaves_nothing_out(house: House) -> None:
    ids = stored(house, 130)
    seen, token = [], ""
    while True:
        page = await listed(house, page_size=50, page_token=token)
        for chat in page.chats:
            await delete(house, chat.id)
        seen += [chat.id for chat in page.chats]
        token = page.next_page_token
        if not token:
            break

    assert (seen, kept(house)) == (ids, [])


@pytest.mark.asyncio
async def test_an_account_without_chats_has_one_empty_page(house: House) -> None:
    assert await listed(house) == ListChatsResponse()


@pytest.mark.asyncio
@pytest.mark.parametrize("request_", [{"page_size": -1}, {"page_size": 101}, {"page_token": "x"}, {"page_token": "20"}])
async def test_a_wrong_page_is_refused_before_anybody_is_asked(house: House, request_: dict[str, Any]) -> None:
    assert await failed(chats(house).ListChats(ListChatsRequest(**request_), metadata=metadata())) == INVALID
    assert calls(house.simulator, CHATS) == []


# -- one chat -------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("old", [False, True])
async def test_a_chat_that_was_held_here_can_be_read(old: bool) -> None:
    async with open_house(Behaviour(old_content=old)) as house:
        made = (await house.complete("Hello", model="qwen-max-thinking")).json()
        conversation = made["conversation"]
        chat_id, answer_id = conversation["chat_id"], conversation["message_id"]

        found = (await chats(house).GetChat(GetChatRequest(chat_id=chat_id), metadata=metadata())).chat

    assert (found.id, found.model, found.active_message_id) == (chat_id, "qwen3.8-max", answer_id)
    assert min(found.create_time.seconds, found.update_time.seconds) > EPOCH
    question, answer = found.messages
    assert [question.parent_id, answer.parent_id] == ["", question.id]
    assert min(question.create_time.seconds, answer.create_time.seconds) > EPOCH
    thought = answer.message.reasoning_content
    assert " ".join(thought.split()) == "The person wants to hear the words again. An echo is enough."
    assert [plain(question), plain(answer)] == [
        StoredMessage(message=ChatMessage(role=ROLE_USER, content="Hello")),
        StoredMessage(
            model="qwen3.8-max",
            message=ChatMessage(role=ROLE_ASSISTANT, content="You said: Hello", reasoning_content=thought),
        ),
    ]


def plain(stored_message: StoredMessage) -> StoredMessage:
    """A message without its ids, its time and what has no field."""
    for name in ("id", "parent_id", "create_time"):
        stored_message.ClearField(name)
    stored_message.message.ClearField("extra_json")
    return stored_message


@pytest.mark.asyncio
async def test_a_branch_stays_in_the_tree(house: House) -> None:
    first = (await house.complete("One")).json()["conversation"]
    place = {"chat_id": first["chat_id"], "parent_message_id": first["message_id"]}
    left = (await house.complete("Two", conversation=place)).json()["conversation"]
    right = (await house.complete("Three", conversation=place)).json()["conversation"]

    request = GetChatRequest(chat_id=first["chat_id"])
    found = (await chats(house).GetChat(request, metadata=metadata())).chat

    parents = {kept.id: kept.parent_id for kept in found.messages}
    assert found.active_message_id == right["message_id"]
    assert parents[parents[left["message_id"]]] == parents[parents[right["message_id"]]] == first["message_id"]
    assert [kept.message.content for kept in found.messages if kept.message.role == ROLE_USER] == [
        "One",
        "Two",
        "Three",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("chat_id", ["theirs-0", "nothing", "../auths", "a b", "x" * 200])
async def test_a_chat_of_somebody_else_is_one_that_is_not_there(house: House, chat_id: str) -> None:
    theirs = stored(house, 1, user=STRANGER, prefix="theirs")

    assert await failed(chats(house).GetChat(GetChatRequest(chat_id=chat_id), metadata=metadata())) == NOT_FOUND
    assert await failed(delete(house, chat_id)) == NOT_FOUND
    assert kept(house) == theirs


@pytest.mark.asyncio
async def test_a_chat_without_an_id_is_refused(house: House) -> None:
    assert await failed(chats(house).GetChat(GetChatRequest(), metadata=metadata())) == INVALID
    assert await failed(delete(house, "", allow_missing=True)) == INVALID


# -- deleting -------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_one_chat_is_deleted_and_the_others_stay(house: House) -> None:
    stored(house, 3)

    assert await delete(house, "chat-1") == DeleteChatResponse()

    assert kept(house) == ["chat-0", "chat-2"]
    assert await failed(delete(house, "chat-1")) == NOT_FOUND
    assert await delete(house, "chat-1", allow_missing=True) == DeleteChatResponse()


@pytest.mark.asyncio
async def test_without_force_chats_are_only_counted(house: House) -> None:
    stored(house, 130)

    assert (await purge(house)).purge_count == 130

    assert len(kept(house)) == 130
    assert [request.path for request in house.simulator.requests if request.method == "DELETE"] == []


@pytest.mark.asyncio
async def test_with_force_all_chats_of_the_account_go_and_no_others(house: House) -> None:
    stored(house, 61)
    theirs = stored(house, 2, user=STRANGER, prefix="theirs")

    assert (await purge(house, force=True)).purge_count == 61

    assert sorted(kept(house)) == sorted(theirs)
    assert (await purge(house, force=True)).purge_count == 0


@pytest.mark.asyncio
async def test_a_conversation_goes_on_after_its_chat_was_deleted(house: House) -> None:
    first = (await house.complete("One")).json()
    await purge(house, force=True)
    history = [
        {"role": "user", "content": "One"},
        first["choices"][0]["message"],
        {"role": "user", "content": "Two"},
    ]

    again = await house.complete("", messages=history)

    assert again.status_code == 200
    assert again.json()["conversation"]["chat_id"] != first["conversation"]["chat_id"]


# -- whose ----------------------------------------------------------------------------------------------------------

METHODS = pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("ListChats", ListChatsRequest()),
        ("GetChat", GetChatRequest(chat_id="chat-0")),
        ("DeleteChat", DeleteChatRequest(chat_id="chat-0")),
        ("PurgeChats", PurgeChatsRequest(force=True)),
    ],
)


@METHODS
@pytest.mark.asyncio
async def test_without_the_callers_own_credential_nothing_is_told(house: House, method: str, request_: Any) -> None:
    stored(house, 1)

    assert await failed(getattr(chats(house), method)(request_)) == (UNAUTHENTICATED, "TOKEN_MISSING")
    bad = (("authorization", "Bearer garbage"),)
    assert await failed(getattr(chats(house), method)(request_, metadata=bad)) == (UNAUTHENTICATED, "TOKEN_MALFORMED")
    assert calls(house.simulator, CHATS) == []
    assert kept(house) == ["chat-0"]


@METHODS
@pytest.mark.asyncio
async def test_a_session_that_ran_out_is_renewed_once(house: House, method: str, request_: Any) -> None:
    stored(house, 1)

    await getattr(chats(house), method)(request_, metadata=metadata(session(ttl_s=-5)))

    assert len(calls(house.simulator, REFRESH)) == 1


@METHODS
@pytest.mark.asyncio
async def test_a_session_that_cannot_be_renewed_is_refused(house: House, method: str, request_: Any) -> None:
    over = metadata(session(ttl_s=-5, refresh=False))

    assert await failed(getattr(chats(house), method)(request_, metadata=over)) == (
        UNAUTHENTICATED,
        "CREDENTIAL_EXPIRED",
    )


@pytest.mark.asyncio
async def test_everybody_sees_their_own_chats(house: House) -> None:
    mine, theirs = stored(house, 2), stored(house, 3, user=STRANGER, prefix="theirs")

    stranger = metadata(session(STRANGER))
    answer = await chats(house).ListChats(ListChatsRequest(), metadata=stranger)

    assert [chat.id for chat in (await listed(house)).chats] == mine
    assert [chat.id for chat in answer.chats] == theirs
