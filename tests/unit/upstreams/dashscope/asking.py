"""How the unit tests ask: an OpenAI request in, the members that DashScope gets out."""

from collections.abc import Mapping
from typing import Any

from qwen_grpc.catalog import ResolvedModel, resolve
from qwen_grpc.configuration import ForcedTools
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.upstreams.dashscope.attached import Inlined
from qwen_grpc.upstreams.dashscope.encode import Encoded, encoded
from qwen_grpc.upstreams.dashscope.models import FAMILIES, own_models, traits_of
from qwen_grpc.upstreams.dashscope.parameters import Asked
from qwen_grpc.upstreams.dashscope.thinking import settled
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
FORCED = {"type": "function", "function": {"name": "weather"}}
MODELS = own_models()


def resolved(name: str) -> ResolvedModel:
    """What a name stands for by the tables."""
    return resolve(name, MODELS, FAMILIES)


def encode(model: str = "qwen-plus", *, forced: ForcedTools = "stop_thinking", **body: Any) -> Encoded:
    """The request as it is sent."""
    request = REQUESTS.read(CompleteChatRequest, {"model": model, "messages": HELLO, **body})
    found = resolved(model)
    traits = traits_of(found.id)
    return encoded(Inlined(request), Asked(request, found, traits, settled(request, found, traits, forced)))


def sent(model: str = "qwen-plus", **body: Any) -> dict[str, Any]:
    """The members beside model, messages and what every request has."""
    always = ("model", "messages", "stream", "stream_options")
    return {name: item for name, item in encode(model, **body).members.items() if name not in always}


def messages_sent(messages: list[dict[str, Any]], model: str = "qwen-plus") -> list[Mapping[str, Any]]:
    """The messages as they are sent."""
    return list(encode(model, messages=messages).members["messages"])
