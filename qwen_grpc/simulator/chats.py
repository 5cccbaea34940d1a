"""The stored chats: creating, listing, reading and deleting them, as chat.qwen.ai does it."""

from __future__ import annotations

from typing import Any

import msgspec
from sanic import Request

from qwen_grpc.simulator.faults import CREATION_GATES, Attempt, first_refusal, not_found, signed_in, unauthorized
from qwen_grpc.simulator.models import name_of
from qwen_grpc.simulator.replies import Answer, ok, refusal
from qwen_grpc.simulator.state import Chat, Message, Part, Simulator

PAGE_ROWS = 60
THINKING_PHASES = ("think", "thinking_summary")


class NewChat(msgspec.Struct):
    """The body of chats/new; an empty one is accepted."""

    models: list[str] = []
    project_id: str = ""
    chat_type: str = "t2t"
    chat_mode: str = "normal"


async def create(simulator: Simulator, request: Request) -> Answer:
    """A new chat; listed at once unless it is `local`."""
    attempt = Attempt(simulator, request)
    if refused := first_refusal(attempt, CREATION_GATES):
        return refused
    try:
        body = msgspec.json.decode(request.body or b"{}", type=NewChat)
    except msgspec.DecodeError as error:
        return refusal("RequestValidationError", str(error))
    now = int(simulator.now())
    chat = Chat(simulator.new_id(), attempt.user.id, body.chat_type, body.chat_mode, body.models, now, now)
    chat.project_id = body.project_id or None
    simulator.chats[chat.id] = chat
    return ok({"id": chat.id})


async def list_page(simulator: Simulator, request: Request) -> Answer:
    """A page of always 60 rows, newest first; other paging parameters are ignored, an empty page is the end."""
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    project = request.args.get("project_id") or None
    mine = [
        chat
        for chat in reversed(simulator.chats.values())
        if chat.user_id == user.id and chat.mode != "local" and chat.project_id == project
    ]
    # The sort is stable: among chats of one second the newest is first.
    rows = sorted(mine, key=lambda chat: chat.updated_at, reverse=True)
    page = request.args.get("page", "1")
    start = (max(1, int(page)) - 1) * PAGE_ROWS if page.isdecimal() else 0
    return ok([row(chat) for chat in rows[start : start + PAGE_ROWS]])


def row(chat: Chat) -> dict[str, Any]:
    """A chat as the list shows it."""
    return {
        "id": chat.id,
        "title": chat.title,
        "updated_at": chat.updated_at,
        "created_at": chat.created_at,
        "chat_type": chat.chat_type,
        "project_id": chat.project_id,
        "pinned": False,
        "content": None,
        "highlight_indexes": None,
        "message_id": None,
    }


async def list_none(simulator: Simulator, request: Request) -> Answer:
    """The pinned and the archived chats: nobody has any."""
    return ok([]) if signed_in(simulator, request) else unauthorized()


def _own(simulator: Simulator, request: Request, chat_id: str) -> Chat | Answer:
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    chat = simulator.chats.get(chat_id)
    return chat if chat is not None and chat.user_id == user.id else not_found()


async def detail(simulator: Simulator, request: Request, chat_id: str) -> Answer:
    """The whole tree of a chat."""
    chat = _own(simulator, request, chat_id)
    return chat if isinstance(chat, Answer) else ok(describe(chat, old=simulator.behaviour.old_content))


async def delete(simulator: Simulator, request: Request, chat_id: str) -> Answer:
    """Delete a chat for good; an answer that is being written ends."""
    chat = _own(simulator, request, chat_id)
    if isinstance(chat, Answer):
        return chat
    _forget(simulator, chat)
    return ok({"status": True})


async def delete_all(simulator: Simulator, request: Request) -> Answer:
    """Delete every chat of the user."""
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    for chat in [chat for chat in simulator.chats.values() if chat.user_id == user.id]:
        _forget(simulator, chat)
    return ok({"status": True})


def _forget(simulator: Simulator, chat: Chat) -> None:
    del simulator.chats[chat.id]
    if chat.generation:
        chat.generation.stop.set()


def describe(chat: Chat, *, old: bool = False) -> dict[str, Any]:
    """A chat with all its messages, by id and along the active branch; `old` is the form of an earlier era."""
    leaf = {"currentId": chat.current_id, "currentResponseIds": [chat.current_id] if chat.current_id else []}
    messages = {message.id: _message(message, old=old) for message in chat.messages.values()}
    return {
        "id": chat.id,
        "user_id": chat.user_id,
        "title": chat.title,
        "chat_type": chat.chat_type,
        "pinned": False,
        "archived": False,
        "project_id": chat.project_id,
        "folder_id": None,
        "share_id": None,
        **leaf,
        "models": chat.models,
        "created_at": str(chat.created_at) if old else chat.created_at,
        "updated_at": str(chat.updated_at) if old else chat.updated_at,
        "meta": {"timestamp": chat.created_at * 1000, "tags": []},
        "chat": {
            "models": chat.models,
            "history": {**leaf, "messages": messages},
            "messages": [messages[message.id] for message in _branch(chat)],
        },
    }


def _branch(chat: Chat) -> list[Message]:
    """The messages from the root to the leaf."""
    branch, place = [], chat.messages.get(chat.current_id)
    while place is not None:
        branch.append(place)
        place = chat.messages.get(place.parent_id or "")
    return branch[::-1]


def _message(message: Message, *, old: bool) -> dict[str, Any]:
    shared = {
        "id": message.id,
        "role": message.role,
        "content": message.content,
        "parentId": message.parent_id,
        "childrenIds": message.children,
        "chat_type": message.chat_type,
        "sub_chat_type": message.sub_chat_type,
        "timestamp": message.timestamp,
    }
    if message.role == "user":
        return {**shared, **_question(message)}
    return {**shared, **_answer(message), **(_old_content(message) if old else _content_list(message))}


def _question(message: Message) -> dict[str, Any]:
    return {
        "models": [message.model],
        "files": message.files,
        "feature_config": message.feature_config,
        "extra": {"meta": {"subChatType": message.sub_chat_type}},
    }


def _answer(message: Message) -> dict[str, Any]:
    return {
        "model": message.model,
        "modelName": name_of(message.model),
        "modelIdx": 0,
        "reasoning_content": "",
        "done": message.done,
        "is_stop": message.is_stop,
        "edited": False,
        "error": None,
        "info": None,
        "annotation": None,
        "feedbackId": None,
        "turn_id": None,
        "extra": message.extra,
    }


def _content_list(message: Message) -> dict[str, Any]:
    return {"content_list": [_part(message, part) for part in message.parts]}


def _part(message: Message, part: Part) -> dict[str, Any]:
    status = "finished" if message.done else "typing"
    return {
        "content": part.text,
        "phase": part.phase,
        "status": status,
        "timestamp": message.timestamp,
        "extra": part.extra,
    }


def _old_content(message: Message) -> dict[str, Any]:
    """The answer as one text and its thinking as another, without the list of parts."""
    thoughts = "".join(_thought(part) for part in message.parts if part.phase in THINKING_PHASES)
    answer = "".join(part.text for part in message.parts if part.phase not in THINKING_PHASES)
    return {"content": answer, "reasoning_content": thoughts}


def _thought(part: Part) -> str:
    summary = part.extra.get("summary_thought", {}).get("content", [])
    return part.text or "\n".join(summary)
