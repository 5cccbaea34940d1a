"""The site's model list, as messages of the contract."""

from typing import Any

import msgspec
from msgspec import Struct

from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams.chat_qwen_ai.features import features_of
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.chat_qwen_ai.wire import UNREADABLE
from qwen_grpc.v1 import models_pb2 as pb

# Family names of today's lines, newest first; `resolve` takes the first that the site lists.
FAMILIES: dict[str, tuple[str, ...]] = {
    "qwen-max": ("qwen3.8-max", "qwen3.7-max", "qwen3.6-max-preview", "qwen3-max-2026-01-23", "qwen3-max"),
    "qwen-plus": ("qwen3.7-plus", "qwen3.6-plus", "qwen3.5-plus", "qwen-plus-2025-07-28"),
    "qwen-turbo": ("qwen3.5-flash", "qwen3.6-35b-a3b", "qwen3.5-35b-a3b", "qwen3.5-plus", "qwen3.7-plus"),
    "qwen-long": ("qwen3.7-plus", "qwen3.6-plus", "qwen3.5-plus"),
    "qwen3-coder-plus": ("qwen3-coder-plus", "qwen3.7-plus", "qwen3.6-plus"),
    "qwen-coder-plus": ("qwen3-coder-plus", "qwen3.7-plus", "qwen3.6-plus"),
}

_ROUTES = {
    "t2t": pb.CAPABILITY_CHAT,
    "search": pb.CAPABILITY_SEARCH,
    "t2i": pb.CAPABILITY_IMAGE_GENERATION,
    "image_edit": pb.CAPABILITY_IMAGE_EDIT,
    "t2v": pb.CAPABILITY_VIDEO_GENERATION,
    "deep_research": pb.CAPABILITY_DEEP_RESEARCH,
    "web_dev": pb.CAPABILITY_CODE,
}
_MODALITIES = {
    "text": pb.MODALITY_TEXT,
    "image": pb.MODALITY_IMAGE,
    "video": pb.MODALITY_VIDEO,
    "audio": pb.MODALITY_AUDIO,
}


class Meta(Struct):
    """What the site says of a model. The routes in `chat_type` are its real feature list."""

    description: str | None = None
    chat_type: list[str] | None = None
    capabilities: dict[str, Any] | None = None
    abilities: dict[str, Any] | None = None
    modality: list[str] | None = None
    max_context_length: int | None = None
    max_generation_length: int | None = None
    max_thinking_generation_length: int | None = None


class ModelFacts(Struct):
    """The middle layer of a model object."""

    meta: Meta = msgspec.field(default_factory=Meta)
    created_at: int | None = None
    is_active: bool | None = None


class ListedModel(Struct):
    """One entry of the list."""

    id: str
    name: str | None = None
    owned_by: str | None = None
    info: ModelFacts = msgspec.field(default_factory=ModelFacts)


class Inner(Struct):
    """What `/api/v2/models/` has inside its envelope."""

    data: list[msgspec.Raw]


class Bare(Struct):
    """The envelope of `/api/models`."""

    data: list[msgspec.Raw] | Inner


def decode_models(body: bytes) -> list[pb.Model]:
    """Reads the list in either envelope: `{"data": [...]}`, or that once more inside `data`."""
    try:
        data = msgspec.json.decode(body, type=Bare).data
        entries = data if isinstance(data, list) else data.data
        models = [_model(msgspec.json.decode(entry, type=ListedModel), bytes(entry)) for entry in entries]
    except UNREADABLE as error:
        raise UpstreamProtocol(f"{SITE} sent a model list of an unknown form") from error
    if not models:
        raise UpstreamProtocol(f"{SITE} sent an empty model list")
    return models


def _model(entry: ListedModel, raw: bytes) -> pb.Model:
    meta = entry.info.meta
    model = pb.Model(
        id=entry.id,
        owned_by=entry.owned_by or "qwen",
        display_name=entry.name or entry.id,
        description=meta.description or "",
        capabilities=_capabilities(meta),
        input_modalities=[_MODALITIES[word] for word in meta.modality or ("text",) if word in _MODALITIES],
        output_modalities=[pb.MODALITY_TEXT],
        context_length=meta.max_context_length,
        max_output_tokens=meta.max_generation_length,
        max_thinking_tokens=meta.max_thinking_generation_length,
        active=entry.info.is_active is not False,
        upstream_json=raw.decode(),
    )
    if pb.CAPABILITY_CHAT in model.capabilities:
        model.features.update(features_of(model.capabilities))
    if entry.info.created_at:
        model.create_time.FromSeconds(entry.info.created_at)
    return model


def _capabilities(meta: Meta) -> list[pb.Capability]:
    flags = {**(meta.capabilities or {}), **(meta.abilities or {})}
    found = [_ROUTES[route] for route in meta.chat_type or ("t2t",) if route in _ROUTES]
    found += [pb.CAPABILITY_TOOLS] if pb.CAPABILITY_CHAT in found else []
    found += [pb.CAPABILITY_THINKING] if flags.get("thinking") else []
    found += [pb.CAPABILITY_VISION] if flags.get("vision") else []
    return sorted(set(found))


def builtin_models() -> list[pb.Model]:
    """The line-up of October 2026, for when the site cannot be asked."""
    known = ("qwen3.7-plus", "qwen3.8-max", "qwen3.7-max", "qwen3.6-plus", "qwen3.5-plus")
    meta = Meta(chat_type=["t2t", "search"], abilities={"thinking": 1, "vision": 1}, max_context_length=1_000_000)
    entries = [ListedModel(id=name, name=name.capitalize(), info=ModelFacts(meta=meta)) for name in known]
    return [_model(entry, msgspec.json.encode(entry)) for entry in entries]
