"""The person's stored chats, as messages of the contract.

As seen in the browser's own traffic, Sep 2026, with the forms of 2025 accepted.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams.chat_qwen_ai.decode import Answer
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.shown import Shown
from qwen_grpc.upstreams.chat_qwen_ai.site import Site
from qwen_grpc.upstreams.chat_qwen_ai.stored import StoredAnswer, StoredChat, decode_chat
from qwen_grpc.upstreams.chat_qwen_ai.text import readable
from qwen_grpc.upstreams.chat_qwen_ai.wire import UNREADABLE, Created
from qwen_grpc.v1 import chats_pb2 as pb
from qwen_grpc.v1.chat_pb2 import (
    ROLE_ASSISTANT,
    ROLE_FUNCTION,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    ChatMessage,
    ContentPart,
    StreamChatResponse,
)

T = TypeVar("T")
Json = dict[str, Any]

ROLES = {
    "user": ROLE_USER,
    "assistant": ROLE_ASSISTANT,
    "system": ROLE_SYSTEM,
    "tool": ROLE_TOOL,
    "function": ROLE_FUNCTION,
}
# Members that have fields of their own, or say again what other members say.
TOLD_OF_CHATS = ("id", "title", "created_at", "updated_at", "pinned", "currentId", "currentResponseIds", "chat")
TOLD_OF_MESSAGES = (
    "id",
    "role",
    "content",
    "reasoning_content",
    "content_list",
    "parentId",
    "childrenIds",
    "timestamp",
    "model",
)
# Times of more than this are in milliseconds: in seconds it is the year 5138.
SECONDS_BELOW = 1e11
MAX_SECONDS = 253_402_300_799


class Chats:
    """Lists, reads and deletes chats."""

    def __init__(self, site: Site, sessions: Sessions) -> None:
        self._site = site
        self._sessions = sessions

    async def page(self, number: int, session: WebSession) -> list[pb.Chat]:
        """A page of the list; see `Upstream.list_chats`."""
        return decode_page(await self._call(session, lambda fresh: self._site.chats(fresh, number)))

    async def get(self, chat_id: str, session: WebSession) -> pb.Chat:
        """A chat with its messages; see `Upstream.get_chat`."""
        document = await self._call(session, lambda fresh: self._site.chat_document(fresh, chat_id))
        return decode_detail(document, self._site.base_url)

    async def delete(self, chat_id: str, session: WebSession) -> None:
        """Deletes a chat; see `Upstream.delete_chat`."""
        await self._call(session, lambda fresh: self._site.delete_chat(fresh, chat_id))

    async def delete_all(self, session: WebSession) -> None:
        """Deletes all chats; see `Upstream.delete_all_chats`."""
        await self._call(session, self._site.delete_chats)

    async def _call(self, session: WebSession, call: Callable[[WebSession], Awaitable[T]]) -> T:
        return await self._sessions.once_more(await self._sessions.fresh(session), call)


def decode_page(rows: Any) -> list[pb.Chat]:
    """The rows of a list. Raises `UpstreamProtocol` for another form."""
    if not isinstance(rows, list):
        raise UpstreamProtocol(f"{SITE} listed the stored chats in an unknown form")
    return [_chat(row) for row in rows]


def decode_detail(document: bytes, base_url: str) -> pb.Chat:
    """A chat with its whole tree. Raises `UpstreamProtocol` for another form."""
    try:
        reply = readable(document)
    except UNREADABLE as error:
        raise UpstreamProtocol(f"{SITE} sent a chat that is not JSON") from error
    chat = _chat(reply.get("data") if isinstance(reply, dict) else None)
    stored = decode_chat(msgspec.json.encode(reply))
    entries = _entries(stored)
    for message_id, parent_id in _parents_first(entries).items():
        entry = entries[message_id]
        answer = Answer(Shown(base_url))
        answer.created = Created(chat_id=chat.id)
        message = _message(entry, stored.answer(message_id), answer)
        chat.messages.append(_placed(message, entry, message_id, parent_id))
    chat.active_message_id = stored.current_id if stored.current_id in entries else ""
    return chat


def _chat(found: Any) -> pb.Chat:
    if not isinstance(found, dict) or not _text(found.get("id")):
        raise UpstreamProtocol(f"{SITE} described a stored chat in an unknown form")
    models = found.get("models")
    return pb.Chat(
        id=found["id"],
        title=_text(found.get("title")),
        create_time=_moment(found.get("created_at")),
        update_time=_moment(found.get("updated_at")),
        model=_text(models[0]) if isinstance(models, list) and models else "",
        pinned=found.get("pinned") is True,
        extra_json=_rest(found, TOLD_OF_CHATS),
    )


# -- the tree -----------------------------------------------------------------------------------------------------


def _entries(stored: StoredChat) -> dict[str, Json]:
    decoded = {id_: msgspec.json.decode(raw) for id_, raw in stored.chat.history.messages.items()}
    return {id_: entry for id_, entry in decoded.items() if isinstance(entry, dict)}


def _parents_first(entries: Mapping[str, Json]) -> dict[str, str]:
    """The parent of each message, in an order in which parents come first; one that is not there is none."""
    placed: dict[str, str] = {}
    for start in entries:
        # A dict for its order and its quick look-up; a tree that runs in a circle is cut open.
        way: dict[str, str] = {}
        here = start
        while here in entries and here not in placed and here not in way:
            way[here] = here = _text(entries[here].get("parentId"))
        for member in reversed(way):
            placed[member] = way[member] if way[member] in placed else ""
    return placed


def _placed(message: ChatMessage, entry: Json, message_id: str, parent_id: str) -> pb.StoredMessage:
    return pb.StoredMessage(
        id=message_id,
        parent_id=parent_id,
        create_time=_moment(entry.get("timestamp")),
        message=message,
        model=_text(entry.get("model")) if message.role != ROLE_USER else "",
    )


# -- a message ----------------------------------------------------------------------------------------------------


def _message(entry: Json, stored: StoredAnswer, answer: Answer) -> ChatMessage:
    """A message of today, with a list of phases, or of 2025, with two texts."""
    message = ChatMessage(role=ROLES.get(_text(entry.get("role")), ROLE_ASSISTANT))
    extra = _rest(entry, TOLD_OF_MESSAGES)
    if stored.content_list:
        told = StreamChatResponse()
        answer.recall(stored.content_list, told)
        _fold(told, message)
        extra = _joined(extra, *(delta.extra_json for delta in told.deltas), _counted(entry["content_list"]))
    if not message.HasField("content"):
        _say(message, entry.get("content"))
    if not message.HasField("reasoning_content") and (thought := _text(entry.get("reasoning_content"))):
        message.reasoning_content = thought
    message.extra_json = extra
    return message


def _fold(told: StreamChatResponse, message: ChatMessage) -> None:
    if content := "".join(delta.content for delta in told.deltas):
        message.content = content
    if thought := "".join(delta.reasoning_content for delta in told.deltas):
        message.reasoning_content = thought
    for delta in told.deltas:
        message.annotations.extend(delta.annotations)


def _say(message: ChatMessage, content: Any) -> None:
    """The words of a question, or of an answer of 2025: a text, or a list of parts."""
    if not isinstance(content, list):
        message.content = _text(content)
        return
    for item in content:
        words = item.get("text") if isinstance(item, dict) and item.get("type") == "text" else None
        message.parts.append(
            ContentPart(text=words) if isinstance(words, str) else ContentPart(raw_json=_json(item)),
        )


def _counted(phases: Sequence[Json]) -> str:
    """The usage of the last phase that tells one: it counts the whole answer."""
    usages = [phase["usage"] for phase in phases if phase.get("usage")]
    return _json({"usage": usages[-1]}) if usages else ""


# -- JSON ---------------------------------------------------------------------------------------------------------


def _rest(found: Json, told: Sequence[str]) -> str:
    """The members that have no field, as the text of a JSON object; null tells nothing."""
    rest = {name: value for name, value in found.items() if name not in told and value is not None}
    return _json(rest) if rest else ""


def _joined(*objects: str) -> str:
    members: Json = {}
    for text in filter(None, objects):
        members |= msgspec.json.decode(text)
    return _json(members) if members else ""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: Any) -> Timestamp | None:
    """A time, which the site writes as seconds or milliseconds, as a number or as text, or in ISO form."""
    seconds = _number(value)
    if seconds is None:
        return None
    seconds = seconds / 1000 if seconds > SECONDS_BELOW else seconds
    return Timestamp(seconds=int(seconds)) if 0 <= seconds <= MAX_SECONDS else None


def _number(value: Any) -> float | None:
    with suppress(ValueError, OverflowError):
        return float(value if isinstance(value, int | float) else _text(value))
    with suppress(ValueError):
        moment = datetime.fromisoformat(_text(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
