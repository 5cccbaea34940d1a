"""What an engine serves, as far as its list and the names tell."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from qwen_grpc.catalog import Mode, ResolvedModel, resolve
from qwen_grpc.errors import ModelNotFound, UpstreamProtocol
from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.upstreams.base import ModelList
from qwen_grpc.upstreams.openai_engine.dialects import DIALECTS, GENERIC, Dialect, named_by
from qwen_grpc.upstreams.openai_engine.features import features_of
from qwen_grpc.v1.models_pb2 import (
    CAPABILITY_CHAT,
    CAPABILITY_EMBEDDINGS,
    CAPABILITY_IMAGE_EDIT,
    CAPABILITY_IMAGE_GENERATION,
    CAPABILITY_THINKING,
    CAPABILITY_TOOLS,
    CAPABILITY_VIDEO_GENERATION,
    CAPABILITY_VISION,
    MODALITY_IMAGE,
    MODALITY_TEXT,
    MODALITY_VIDEO,
    Capability,
    Model,
)

# No engine lists what its models are for; their makers name them so that one can tell. The first that fits counts.
PURPOSES: Sequence[tuple[re.Pattern[str], Sequence[Capability]]] = (
    (re.compile(r"embed|(^|[/_-])(bge|gte|e5)[_-]"), (CAPABILITY_EMBEDDINGS,)),
    (re.compile(r"wan-?\d|[_-](t2v|i2v|ti2v)|(hunyuan|cog)video|ltx"), (CAPABILITY_VIDEO_GENERATION,)),
    (re.compile(r"image-edit|kontext"), (CAPABILITY_IMAGE_EDIT,)),
    (
        re.compile(r"(qwen|z|glm|hunyuan)-?image|wan-?\d.*t2i|flux|stable-diffusion|sdxl"),
        (CAPABILITY_IMAGE_GENERATION, CAPABILITY_IMAGE_EDIT),
    ),
)
_sees = re.compile(r"(^|[/_.:-]|\d)(vl|omni|vision)([/_.:-]|$)")
# Nobody knows before asking whether a model thinks or calls tools, so it may be asked.
_CHATS = (CAPABILITY_CHAT, CAPABILITY_THINKING, CAPABILITY_TOOLS)


class Meta(Struct):
    """What llama.cpp knows of a model's file."""

    n_ctx: int | None = None
    n_ctx_train: int | None = None


class Listed(Struct):
    """One entry of a list. `max_model_len` is vLLM's and SGLang's."""

    id: str
    created: int | None = None
    owned_by: str | None = None
    max_model_len: int | None = None
    meta: Meta | None = None


def decode_models(place: str, value: Any, dialect: Dialect | None = None) -> list[Model]:
    """The models of `GET /models`. An entry without an id is left out; no list at all is an error.

    What they can do goes by the dialect, or by what the list tells of it.
    """
    if not isinstance(value, dict) or not isinstance(value.get("data"), list | None):
        raise UpstreamProtocol(f"{place} answered GET /models with something that is no list of models")
    entries = value.get("data") or ()
    models = [model for entry in entries if (model := _decoded(entry)) is not None]
    owners = [model.owned_by for model in models]
    features = features_of(dialect or DIALECTS[named_by(owners) or GENERIC])
    for model in models:
        if CAPABILITY_CHAT in model.capabilities:
            model.features.update(features)
    return models


def _decoded(entry: Any) -> Model | None:
    try:
        listed = msgspec.convert(entry, Listed)
    except msgspec.ValidationError:
        return None
    model = described(listed.id)
    model.owned_by, model.upstream_json = listed.owned_by or "", dump(entry).decode()
    if listed.created:
        model.create_time.seconds = listed.created
    meta = listed.meta or Meta()
    if length := listed.max_model_len or meta.n_ctx or meta.n_ctx_train:
        model.context_length = length
    return model


def described(name: str) -> Model:
    """A model of which nothing is known but its name."""
    capabilities = capabilities_of(name)
    model = Model(id=name, display_name=name, capabilities=capabilities, active=True)
    seen = CAPABILITY_VISION in capabilities or CAPABILITY_IMAGE_EDIT in capabilities
    model.input_modalities.extend([MODALITY_TEXT, MODALITY_IMAGE] if seen else [MODALITY_TEXT])
    if CAPABILITY_EMBEDDINGS not in capabilities:
        model.output_modalities.append(_made(capabilities))
    return model


def capabilities_of(name: str) -> Sequence[Capability]:
    """What a model of this name is for."""
    lower = name.lower()
    for pattern, purposes in PURPOSES:
        if pattern.search(lower):
            return purposes
    return (*_CHATS, CAPABILITY_VISION) if _sees.search(lower) else _CHATS


def find(name: str, known: ModelList) -> ResolvedModel:
    """The model that a caller means. As long as the list is not the engine's own, any other name is sent as it is."""
    try:
        return resolve(name, known.models, {})
    except ModelNotFound:
        if not known.stale:
            raise
        return ResolvedModel(name, described(name), Mode.CHAT)


def _made(capabilities: Sequence[Capability]) -> Any:
    if CAPABILITY_VIDEO_GENERATION in capabilities:
        return MODALITY_VIDEO
    return MODALITY_TEXT if CAPABILITY_CHAT in capabilities else MODALITY_IMAGE
