"""From a chat request to an engine's JSON.

What we own is set, a few members are left out, and all others pass as the
client wrote them.
"""

from collections.abc import Mapping
from typing import Any

from qwen_grpc.calls import notice
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.errors import Unsupported
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.upstreams.openai_engine.dialects import Dialect
from qwen_grpc.upstreams.openai_engine.thinking import Thinking, encode_thinking
from qwen_grpc.upstreams.openai_wire.members import NEVER_SENT, without_web_search
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, ToolChoice

# Settings of other upstreams.
OF_OTHERS = ("conversation", "enable_search", "search_options")
LIMITS = ("max_completion_tokens", "max_tokens")


def check(request: CompleteChatRequest, dialect: Dialect) -> None:
    """Raises `Unsupported` for what an engine would leave out without a word, though it changes the answer."""
    if request.search.enabled:
        raise Unsupported("an engine has no web search: leave enable_search away", field="enable_search")
    if request.conversation.chat_id:
        raise Unsupported("an engine stores no chats: send the whole history", field="conversation.chat_id")
    if request.n > 1 and not dialect.several:
        raise Unsupported(f"{dialect.title} makes one answer at a time: leave n away", field="n")
    if not dialect.tool_choice and _forces(request.tool_choice):
        text = f"{dialect.title} cannot be made to call a tool: set tool_choice to auto"
        raise Unsupported(text, field="tool_choice")


def encode_chat(request: CompleteChatRequest, model: ResolvedModel, thinking: Thinking, dialect: Dialect) -> bytes:
    """The body of `POST /chat/completions`, for a request whose media are as the engine takes them."""
    asked = REQUESTS.write(request)
    body = without_web_search(asked)
    if body is not asked:
        notice("an engine has no web search, so the tool web_search was left out")
    for name in (*NEVER_SENT, *OF_OTHERS):
        body.pop(name, None)
    encode_thinking(thinking, dialect, body)
    _encode_limit(body, dialect)
    _encode_tools(request, body, dialect)
    for message in body["messages"]:
        _rename_thoughts(message, dialect)
    body |= {"model": model.id, "stream": True}
    body["stream_options"] = {**_object(body.get("stream_options")), "include_usage": True}
    return dump(body)


def _rename_thoughts(message: JsonObject, dialect: Dialect) -> None:
    """Puts earlier thinking under the engine's name for it."""
    thoughts = [message.pop(name, None) for name in ("reasoning_content", "reasoning")]
    if thought := next((one for one in thoughts if one), None):
        message[dialect.reasoning] = thought


def _encode_limit(body: JsonObject, dialect: Dialect) -> None:
    """An engine that knows one name for the most tokens gets the smaller of what stands under both."""
    limits = [body[name] for name in LIMITS if isinstance(body.get(name), int)]
    if dialect.limit and limits:
        for name in LIMITS:
            body.pop(name, None)
        body[dialect.limit] = min(limits)


def _encode_tools(request: CompleteChatRequest, body: JsonObject, dialect: Dialect) -> None:
    """Where no choice is understood, no tool may be called if none is shown."""
    if dialect.tool_choice:
        return
    body.pop("tool_choice", None)
    if request.tool_choice.mode == ToolChoice.MODE_NONE:
        body.pop("tools", None)


def _forces(choice: ToolChoice) -> bool:
    return choice.WhichOneof("choice") in ("function_name", "raw_json") or choice.mode == ToolChoice.MODE_REQUIRED


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
