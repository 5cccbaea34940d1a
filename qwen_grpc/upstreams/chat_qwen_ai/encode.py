"""From a request to the site's JSON: the chat to open, the message to send."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.errors import ContextLength, InvalidParameter, Unsupported
from qwen_grpc.upstreams import efforts
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.chat_qwen_ai.attached import check_parts, file_entry
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.chat_qwen_ai.wire import UNREADABLE
from qwen_grpc.upstreams.clocks import Work
from qwen_grpc.v1.chat_pb2 import (
    ROLE_ASSISTANT,
    ROLE_DEVELOPER,
    ROLE_FUNCTION,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    ChatMessage,
    CompleteChatRequest,
    ResponseFormat,
    Role,
    ThinkingOptions,
    Tool,
    ToolChoice,
)
from qwen_grpc.v1.models_pb2 import CAPABILITY_SEARCH

# Bodies of 117 KB passed and bodies of 129 KB met a challenge (measured by users, August 2026).
MAX_BODY_BYTES = 110 * 1024

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn goes: a chat, and the answer that it follows (empty on the first turn)."""

    chat_id: str
    parent_id: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn in the site's words: what is the same wherever it goes. Only research has stages."""

    model_id: str
    chat_type: str
    feature_config: Json
    stage: str = ""

    @property
    def work(self) -> Work:
        """What the site may do while it is silent."""
        if self.stage == RESEARCHING:
            return Work.RESEARCHING
        thinks = self.stage or self.feature_config.get("thinking_enabled")
        return Work.THINKING if thinks else Work.ANSWERING

    @property
    def sub_chat_type(self) -> str:
        """The stage, or the chat type where there is none."""
        return self.stage or self.chat_type


@dataclass(frozen=True, slots=True)
class Said:
    """What is said in a turn: a text, and the files that go with it."""

    text: str
    files: Sequence[Attachment] = ()


def encode_turn(request: CompleteChatRequest, model: ResolvedModel) -> Turn:
    """Chooses route and thinking mode. Raises `Unsupported` for what the site would silently ignore."""
    if model.mode is Mode.VIDEO:
        raise Unsupported(f"{model.asked!r} makes videos, which are no answers: use POST /v1/videos", field="model")
    _refuse_what_it_ignores(request)
    if model.mode is Mode.DEEP_RESEARCH:
        return _research(request, model)
    search = request.search.enabled if request.search.HasField("enabled") else model.search or _web_search(request)
    if search and CAPABILITY_SEARCH not in model.base.capabilities:
        raise Unsupported(f"the model {model.id!r} offers no web search", field="search")
    config = _thinking(request.thinking, model) | {
        "output_schema": "phase",
        "research_mode": "normal",
        "auto_search": search,
    }
    return Turn(model.id, "search" if search else "t2t", config)


# The stages of a research: the site asks back, then it works.
ASKING, RESEARCHING = "deep_thinking", "deep_research"


def _research(request: CompleteChatRequest, model: ResolvedModel) -> Turn:
    # The stage goes by what the caller sends: whoever sends an answer along, or names a chat, has been asked back,
    # be it here, elsewhere, or in a chat that is gone; to ask once more would only cost them a turn.
    answered = any(message.role == ROLE_ASSISTANT for message in request.messages)
    stage = RESEARCHING if answered or request.conversation.chat_id else ASKING
    effort = "advance" if request.thinking.effort in ("high", "xhigh") else "normal"
    config = FAST | {"output_schema": "phase", "research_mode": effort, "auto_search": False}
    return Turn(model.id, "deep_research", config, stage)


def _web_search(request: CompleteChatRequest) -> bool:
    """Whether the tools ask for the site's own search: `{"type": "web_search"}`."""
    return any(_type_of(tool) == "web_search" for tool in request.tools)


def _type_of(tool: Tool) -> str:
    try:
        raw = msgspec.json.decode(tool.raw_json or "{}")
    except UNREADABLE:
        return ""
    return raw.get("type", "") if isinstance(raw, dict) else ""


def _refuse_what_it_ignores(request: CompleteChatRequest) -> None:
    chosen_none = request.tool_choice.mode == ToolChoice.MODE_NONE
    foreign = any(_type_of(tool) != "web_search" for tool in request.tools)
    shape = request.response_format.type
    for asked, field, what in (
        (foreign and not chosen_none, "tools", "function calling"),
        (shape > ResponseFormat.TYPE_TEXT, "response_format", "structured output"),
        (request.logprobs, "logprobs", "log probabilities"),
    ):
        if asked:
            raise Unsupported(f"{SITE} has no {what} and would ignore the field silently", field=field)


FAST: Json = {"thinking_enabled": False, "auto_thinking": False, "thinking_mode": "Fast"}
_SLOW: Json = {"thinking_enabled": True, "thinking_format": "summary"}


def _thinking(options: ThinkingOptions, model: ResolvedModel) -> Json:
    """The closed set Fast, Auto, Thinking; any other word makes the site hang."""
    on = options.enabled if options.HasField("enabled") else model.thinking
    asked = on or options.effort or options.budget_tokens
    if on is False or options.effort == "none" or not asked:
        return FAST
    if options.effort == "auto":
        return _SLOW | {"auto_thinking": True, "thinking_mode": "Auto"}
    return _SLOW | {"auto_thinking": False, "thinking_mode": "Thinking"} | _budget(options, model)


def _budget(options: ThinkingOptions, model: ResolvedModel) -> Json:
    budget = options.budget_tokens or efforts.TOKENS.get(options.effort, 0)
    limit = model.base.max_thinking_tokens or budget
    return {"thinking_budget": min(budget, limit)} if budget else {}


def encode_new_chat(turn: Turn, now: float) -> bytes:
    """The body of `POST /api/v2/chats/new`; times are in milliseconds there."""
    return msgspec.json.encode(
        {
            "chatId": "",
            "models": [turn.model_id],
            "project_id": "",
            "timestamp": int(now * 1000),
            "chat_type": turn.chat_type,
            "chat_mode": "normal",
        }
    )


def encode_completion(turn: Turn, place: Place, said: Said, *, now: float, new_id: Callable[[], str]) -> bytes:
    """The body of `POST /api/v2/chat/completions`; times are in seconds there.

    Raises `ContextLength` when the body is longer than the site takes.
    """
    parent = place.parent_id or None
    message = {
        "id": None,
        "fid": new_id(),
        "parentId": parent,
        "parent_id": parent,
        "childrenIds": [new_id()],
        "role": "user",
        "content": said.text,
        "user_action": "chat",
        "files": [file_entry(file, now=now, new_id=new_id) for file in said.files],
        "timestamp": int(now),
        "models": [turn.model_id],
        "model": "",
        "chat_type": turn.chat_type,
        "sub_chat_type": turn.sub_chat_type,
        "feature_config": turn.feature_config,
        "extra": {"meta": {"subChatType": turn.sub_chat_type}},
    }
    body = msgspec.json.encode(_envelope(turn, place, int(now)) | {"messages": [message]})
    if len(body) > MAX_BODY_BYTES:
        raise ContextLength(
            f"the request to {SITE} is {len(body)} bytes long and the site takes about {MAX_BODY_BYTES}; "
            "shorten the conversation",
            field="messages",
        )
    return body


def _envelope(turn: Turn, place: Place, seconds: int) -> Json:
    return {
        "stream": True,
        "version": "2.1",
        "incremental_output": True,
        "chatId": place.chat_id,
        "parentId": place.parent_id,
        "chat_id": place.chat_id,
        "chat_mode": "normal",
        "model": turn.model_id,
        "parent_id": place.parent_id or None,
        "timestamp": seconds,
    }


# -- folding ------------------------------------------------------------------------------------------------------

_NAMES = {
    ROLE_SYSTEM: "System",
    ROLE_DEVELOPER: "System",
    ROLE_USER: "User",
    ROLE_ASSISTANT: "Assistant",
    ROLE_TOOL: "Tool",
    ROLE_FUNCTION: "Tool",
}


def fold(messages: Sequence[ChatMessage]) -> str:
    """A conversation as one message, for a chat that does not know it.

    A lone user message stays as it is. Otherwise every message becomes a
    paragraph under its role, system messages first, in this form:

        System:
        Answer in French.

        User:
        Hello

        Assistant:
        Bonjour !

        User:
        And the weather?
    """
    if len(messages) == 1 and messages[0].role == ROLE_USER and not messages[0].name:
        return plain(messages[0])
    ordered = sorted(messages, key=lambda message: _NAMES[message.role] != "System")
    return "\n\n".join(f"{_heading(message)}:\n{plain(message)}" for message in ordered)


def _heading(message: ChatMessage) -> str:
    about = message.name or message.tool_call_id
    return _NAMES[message.role] + (f" ({about})" if about else "")


def plain(message: ChatMessage) -> str:
    """A message's text, and the tool calls in it as JSON lines."""
    said = [part.text or part.refusal for part in message.parts if part.WhichOneof("part") in ("text", "refusal")]
    texts = [message.content] if message.content else said
    calls = [
        msgspec.json.encode({"tool_call": call.name, "id": call.id, "arguments": call.arguments}).decode()
        for call in message.tool_calls
    ]
    return "\n".join(texts + ([message.refusal] if message.refusal else []) + calls)


def check_messages(messages: Sequence[ChatMessage], attachments: Mapping[str, Attachment]) -> None:
    """Raises for a role that the site has no place for, and `Unsupported` for such parts."""
    for at, message in enumerate(messages):
        if message.role not in _NAMES:
            raise InvalidParameter(
                f"messages[{at}].role is missing or unknown: expected one of "
                + ", ".join(Role.Name(role).removeprefix("ROLE_").lower() for role in _NAMES),
                field=f"messages[{at}].role",
            )
        check_parts(message, f"messages[{at}]", attachments)
