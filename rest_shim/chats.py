"""GET /v1/chats, GET and DELETE /v1/chats/{id}, DELETE|POST /v1/chats/delete."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from sanic import HTTPResponse

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.v1.chats_pb2 import Chat, DeleteChatRequest, GetChatRequest, ListChatsRequest, PurgeChatsRequest
from rest_shim.errors import bad_request
from rest_shim.exchange import Exchange, Json, answer

LIMIT = 20
MAX_LIMIT = 100


async def list_chats(exchange: Exchange) -> HTTPResponse:
    """The stored chats without messages, the latest changed first.

    `?limit=` from 1 to 100 (default 20), `?after=` the id of a chat that was
    listed. Answers `{"object": "list", "data": [chat, …], "first_id",
    "last_id", "has_more"}`; a chat is as `get_chat` shows it.
    """
    limit, after = _limit(exchange), exchange.request.args.get("after")
    found: list[Chat] = []
    has_more = False
    async for chat, followed in _chats(exchange, MAX_LIMIT if after else limit):
        has_more = followed
        if after is None:
            found.append(chat)
        elif chat.id == after:
            after = None
        if len(found) == limit:
            break
    if after is not None:
        raise bad_request("after", "expected the id of one of the stored chats", "invalid_value")
    return answer(_page(found, has_more=has_more))


async def get_chat(exchange: Exchange, chat_id: str) -> HTTPResponse:
    """A stored chat.

    Answers `{"id", "object": "chat", "title", "created_at", "updated_at",
    "model", "pinned", "messages": [{"id", "parent_id", "created_at", "model",
    "message": {"role", "content", …}}, …], "active_message_id"}` and what else
    the upstream tells. Parents come before children.
    """
    found = await exchange.call(exchange.stubs.chats.GetChat, GetChatRequest(chat_id=chat_id))
    return answer(RESPONSES.write(found.chat))


async def delete_chat(exchange: Exchange, chat_id: str) -> HTTPResponse:
    """Deletes a stored chat for good. Answers `{"id", "object": "chat.deleted", "deleted": true}`."""
    await exchange.call(exchange.stubs.chats.DeleteChat, DeleteChatRequest(chat_id=chat_id))
    return answer({"id": chat_id, "object": "chat.deleted", "deleted": True})


async def delete_chats(exchange: Exchange) -> HTTPResponse:
    """Deletes chats for good: one, some, or all of the account.

    `{"chat_id": id}` answers `{"deleted": 1, "chat_ids": [id]}`, or 404 when
    there is no such chat. `{"chat_ids": [id, …]}`, of at most 100, deletes
    those that there are, and answers their number and their ids. An empty body
    deletes all and answers `{"deleted": n}`, or null when they are too many to
    count. Any other body is a 400: a slip of the pen shall not delete
    everything.
    """
    match exchange.body:
        case {"chat_id": str(chat_id), **rest} if chat_id and not rest:
            await exchange.call(exchange.stubs.chats.DeleteChat, DeleteChatRequest(chat_id=chat_id))
            return answer(_deleted([chat_id]))
        case {"chat_ids": list(ids), **rest} if _are_ids(ids) and not rest:
            # Each once, in the order given.
            return answer(_deleted([id_ for id_ in dict.fromkeys(ids) if await _is_deleted(exchange, id_)]))
        case {**members} if not members:
            purged = await exchange.call(exchange.stubs.chats.PurgeChats, PurgeChatsRequest(force=True))
            return answer({"deleted": purged.purge_count if purged.purge_count >= 0 else None})
        case body:
            raise bad_request(_blamed(body), _EXPECTED, "invalid_value")


_EXPECTED = f'expected {{"chat_id": an id}}, {{"chat_ids": 1 to {MAX_LIMIT} ids}}, or no body, which deletes every chat'


def _are_ids(ids: list[Any]) -> bool:
    return 1 <= len(ids) <= MAX_LIMIT and all(isinstance(id_, str) and id_ for id_ in ids)


def _blamed(body: Json) -> str:
    """The member that is wrong: the first that is not known, else the first there is."""
    return next((name for name in body if name not in ("chat_id", "chat_ids")), next(iter(body)))


def _deleted(ids: list[str]) -> Json:
    return {"deleted": len(ids), "chat_ids": ids}


async def _is_deleted(exchange: Exchange, chat_id: str) -> bool:
    """Deletes a chat of several; False when there was none."""
    timeout, metadata = exchange.timeout, exchange.metadata_of_part(chat_id)
    try:
        await exchange.stubs.chats.DeleteChat(DeleteChatRequest(chat_id=chat_id), metadata=metadata, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _chats(exchange: Exchange, page_size: int) -> AsyncIterator[tuple[Chat, bool]]:
    """All chats, asked for as they are needed, each with whether another one follows."""
    request = ListChatsRequest(page_size=page_size)
    while True:
        found = await exchange.call(exchange.stubs.chats.ListChats, request)
        for number, chat in enumerate(found.chats, 1):
            yield chat, number < len(found.chats) or bool(found.next_page_token)
        if not found.next_page_token:
            return
        request = ListChatsRequest(page_size=page_size, page_token=found.next_page_token)


def _limit(exchange: Exchange) -> int:
    limit = exchange.request.args.get("limit", str(LIMIT))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_LIMIT):
        raise bad_request("limit", f"expected a number from 1 to {MAX_LIMIT}", "invalid_value")
    return int(limit)


def _page(chats: list[Chat], *, has_more: bool) -> Json:
    ends = {"first_id": chats[0].id, "last_id": chats[-1].id} if chats else {"first_id": None, "last_id": None}
    return {"object": "list", "data": [RESPONSES.write(chat) for chat in chats], **ends, "has_more": has_more}
