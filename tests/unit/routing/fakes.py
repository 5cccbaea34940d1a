"""Small upstreams that do as they are told, and the configuration around them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from qwen_grpc.catalog import ResolvedModel, resolve
from qwen_grpc.configuration import Configuration
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import QwenError
from qwen_grpc.gateway_keys import KeyRing, hash_of
from qwen_grpc.routing.fleet import Fleet
from qwen_grpc.upstreams.base import NO_ATTACHMENTS, Attachment, ModelList, Upstream
from qwen_grpc.v1.chat_pb2 import ChatDelta, CompleteChatRequest, StreamChatResponse
from qwen_grpc.v1.models_pb2 import CAPABILITY_CHAT, Model

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = "qk-team-a-key-of-the-gateway"
MODELS = ("qwen-a", "qwen-b")


class Place(Upstream):
    """An upstream that takes keys with its prefix. `fails` tells, by key, how its next calls end; None is well."""

    def __init__(self, name: str, prefix: str = "", models: Sequence[str] = MODELS) -> None:
        self.name = name
        self.prefix = prefix
        self.models = models
        self.fails: dict[str, list[QwenError | None]] = {}
        self.asked: list[str] = []
        self.open = False
        self.closed = 0
        self.gone = asyncio.Event()
        self.breaks: QwenError | None = None

    async def __aenter__(self) -> "Place":
        self.open = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.open, self.closed = False, self.closed + 1
        self.gone.set()

    def accepts(self, credentials: Credentials) -> bool:
        return bool(self.prefix) and isinstance(credentials, ApiKey) and credentials.value.startswith(self.prefix)

    async def list_models(self, credentials: Credentials | None, *, force: bool = False) -> ModelList:
        models = [Model(id=name, capabilities=[CAPABILITY_CHAT]) for name in self.models]
        return ModelList(models, models, 1.0)

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        return resolve(name, (await self.list_models(credentials)).models, {})

    async def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        credentials: Credentials,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> AsyncGenerator[StreamChatResponse, None]:
        assert isinstance(credentials, ApiKey)
        self.asked.append(credentials.value)
        script = self.fails.get(credentials.value, [])
        if error := script.pop(0) if script else None:
            raise error
        yield StreamChatResponse(deltas=[ChatDelta(content=f"{self.name} {credentials.value}")])
        if self.breaks:
            raise self.breaks
        yield StreamChatResponse(deltas=[ChatDelta(content="!")])


def configured(
    upstreams: Mapping[str, Mapping[str, Any]], secrets: Mapping[str, Sequence[str]], **more: Any
) -> Configuration:
    """A loaded configuration: `secrets` are the operator's keys, by upstream."""
    found = {
        name: tuple((f"{name}/{at}", ApiKey(value)) for at, value in enumerate(values, start=1))
        for name, values in secrets.items()
    }
    key = {"hash": hash_of(SECRET, KEY), **more.pop("key", {})}
    tables = {name: {"kind": "dashscope", **table} for name, table in upstreams.items()}
    configuration = Configuration.model_validate({"upstreams": tables, "keys": {"team-a": key}, **more})
    return configuration.holding(found, KeyRing(SECRET, {"team-a": key["hash"]}))


async def fleet_of(configuration: Configuration, *places: Place) -> Fleet:
    """A fleet with these upstreams, opened."""
    by_name = {place.name: place for place in places}
    fleet = Fleet(lambda name, _: by_name[name])
    await fleet.swap(configuration)
    return fleet
