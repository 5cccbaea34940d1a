"""Chat requests as DashScope takes them: in OpenAI's dialect, or in its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.upstreams.dashscope.attached import Inlined
from qwen_grpc.upstreams.dashscope.messages import adapted
from qwen_grpc.upstreams.dashscope.parameters import Asked, sanitised
from qwen_grpc.upstreams.openai_wire.members import without_web_search

# What the native dialect says of parts, by OpenAI's type; the values stand in the member of that type.
NATIVE_PARTS = {"image_url": "image", "video_url": "video", "input_audio": "audio", "video": "video"}
# Members that stand beside the parameters of the native dialect, or that it says by a header.
_APART = ("model", "messages", "stream", "stream_options")


@dataclass(frozen=True, slots=True)
class Encoded:
    """The members of a request in OpenAI's dialect, and what the caller should know of how it was changed."""

    members: JsonObject
    notices: Sequence[str]

    def compatible(self) -> bytes:
        """The body in OpenAI's dialect."""
        return dump(self.members)

    def native(self, *, sees: bool) -> bytes:
        """The body in DashScope's own dialect, for models that take media or for the others."""
        messages = self.members["messages"]
        spoken = [_with_parts(message) for message in messages] if sees else messages
        parameters = {name: item for name, item in self.members.items() if name not in _APART}
        parameters |= {"result_format": "message", "incremental_output": True}
        return dump({"model": self.members["model"], "input": {"messages": spoken}, "parameters": parameters})


def encoded(inlined: Inlined, asked: Asked) -> Encoded:
    """Encodes a request whose media are addresses. Raises `InvalidParameter` and `Unsupported`."""
    body = REQUESTS.write(inlined.request)
    turned = adapted(body["messages"], asked.traits, inlined.documents)
    plain = without_web_search(body)
    members = sanitised(plain | {"messages": turned.messages}, asked)
    left_out = [] if plain is body or asked.searches else ["web_search was left out: it does not go with functions"]
    return Encoded(members, [*asked.thought.notices, *turned.notices, *left_out])


def _with_parts(message: JsonObject) -> JsonObject:
    content = message.get("content", "")
    if isinstance(content, str):
        return message | {"content": [{"text": content}] if content else []}
    return message | {"content": [_native_part(part) for part in content]}


def _native_part(part: JsonObject) -> JsonObject:
    kind = str(part.get("type", ""))
    if kind == "text":
        return {name: item for name, item in part.items() if name != "type"}
    if kind not in NATIVE_PARTS:
        return part
    beside = {name: item for name, item in part.items() if name not in ("type", kind)}
    return {NATIVE_PARTS[kind]: _address(part[kind]), **beside}


def _address(value: Any) -> Any:
    """The address within a part; a list of frames is one already."""
    return value.get("url") or value.get("data", "") if isinstance(value, dict) else value
