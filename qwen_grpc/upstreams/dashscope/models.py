"""DashScope's models, as its catalogue of May 2026 and later pages until October 2026 describe them.

What the service lists itself says nothing of a model but its id, so this
table is what is offered; ids that only the service lists are added to it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams.dashscope.features import features_of
from qwen_grpc.upstreams.dashscope.image_models import IMAGE_MODELS
from qwen_grpc.upstreams.dashscope.names import row_of
from qwen_grpc.upstreams.dashscope.origin import DASHSCOPE
from qwen_grpc.upstreams.dashscope.traits import ALWAYS, NEVER, OFF, ON, Traits
from qwen_grpc.upstreams.dashscope.video_models import VIDEO_MODELS
from qwen_grpc.v1 import models_pb2 as pb

_MILLION = 1_000_000
_FLAGSHIP = Traits(_MILLION, 131_072, "tiv", ON, "TSJXERM")
_HYBRID = Traits(_MILLION, 65_536, "tiv", ON, "TSJM")
_OPEN_HYBRID = Traits(262_144, 65_536, "tiv", ON, "TSJM")
_TEXT = Traits(_MILLION, 32_768, "t", OFF, "TSJM")
_MAX_3 = Traits(262_144, 65_536, "t", OFF, "TSJM")
_CODER = Traits(_MILLION, 65_536, "t", NEVER, "TM")
_OPEN_CODER = Traits(262_144, 65_536, "t", NEVER, "TM")
_SEEING = Traits(262_144, 32_768, "tiv", OFF, "TJM")
_OPEN_SEEING = Traits(131_072, 32_768, "tiv", NEVER, "TJM")
_OPEN_LOOKING = Traits(131_072, 32_768, "tiv", ALWAYS, "TJM")
_OPEN_3 = Traits(131_072, 16_384, "t", ON, "TJM")
_SMALL_3 = Traits(131_072, 8_192, "t", ON, "TJM")
_INSTRUCT = Traits(131_072, 32_768, "t", NEVER, "TJM")
_THINKER = Traits(131_072, 32_768, "t", ALWAYS, "TM")
_OMNI = Traits(65_536, 16_384, "tiva", OFF, "TM")
_OMNI_35 = Traits(262_144, 65_536, "tiva", OFF, "SM")
_TRANSLATOR = Traits(16_384, 8_192, can="M")
# Hosted models of other makers.
_GUEST = Traits(thinking=ON, can="T")

TRAITS: Mapping[str, Traits] = {
    "qwen3.8-max": _FLAGSHIP,
    "qwen3.8-flash": _FLAGSHIP,
    "qwen3.8-omni-flash": Traits(_MILLION, 131_072, "tiva", ON, "TM"),
    "qwen3.7-max": Traits(_MILLION, 65_536, "t", ON, "TSJXRM"),
    "qwen3.7-max-preview": Traits(_MILLION, 65_536, "t", ALWAYS, "TSRM"),
    "qwen3.7-max-2026-05-17": Traits(_MILLION, 65_536, "t", ALWAYS, "TSRM"),
    "qwen3.7-plus": Traits(_MILLION, 65_536, "tiv", ON, "TSJXRM"),
    "qwen3.7-flash": Traits(_MILLION, 65_536, "tiv", ON, "TSJXRM"),
    "qwen3.6-max-preview": Traits(262_144, 65_536, "t", ON, "TSJRM"),
    "qwen3.6-plus": Traits(_MILLION, 65_536, "tiv", ON, "TSJRM"),
    "qwen3.6-flash": _HYBRID,
    "qwen3.6-27b": _OPEN_HYBRID,
    "qwen3.6-35b-a3b": _OPEN_HYBRID,
    "qwen3.5-plus": _HYBRID,
    "qwen3.5-flash": _HYBRID,
    "qwen3.5-397b-a17b": _OPEN_HYBRID,
    "qwen3.5-122b-a10b": _OPEN_HYBRID,
    "qwen3.5-35b-a3b": _OPEN_HYBRID,
    "qwen3.5-27b": _OPEN_HYBRID,
    "qwen3-max": _MAX_3,
    "qwen3-max-preview": _MAX_3,
    "qwen-plus": _TEXT,
    "qwen-plus-latest": _TEXT,
    "qwen-flash": _TEXT,
    "qwen3-coder-plus": _CODER,
    "qwen3-coder-flash": _CODER,
    "qwen3-coder-next": _OPEN_CODER,
    "qwen3-coder-480b-a35b-instruct": _OPEN_CODER,
    "qwen3-coder-30b-a3b-instruct": _OPEN_CODER,
    "qwen3-vl-plus": _SEEING,
    "qwen3-vl-flash": _SEEING,
    **dict.fromkeys((f"qwen3-vl-{size}-instruct" for size in ("235b-a22b", "32b", "30b-a3b", "8b")), _OPEN_SEEING),
    **dict.fromkeys((f"qwen3-vl-{size}-thinking" for size in ("235b-a22b", "32b", "30b-a3b", "8b")), _OPEN_LOOKING),
    "qwen3-235b-a22b": _OPEN_3,
    "qwen3-32b": _OPEN_3,
    "qwen3-30b-a3b": _OPEN_3,
    "qwen3-14b": _SMALL_3,
    "qwen3-8b": _SMALL_3,
    "qwen3-235b-a22b-instruct-2507": _INSTRUCT,
    "qwen3-30b-a3b-instruct-2507": _INSTRUCT,
    "qwen3-next-80b-a3b-instruct": _INSTRUCT,
    "qwen3-235b-a22b-thinking-2507": _THINKER,
    "qwen3-30b-a3b-thinking-2507": _THINKER,
    "qwen3-next-80b-a3b-thinking": _THINKER,
    "qwen3.5-omni-plus": _OMNI_35,
    "qwen3.5-omni-flash": _OMNI_35,
    "qwen3-omni-flash": _OMNI,
    "qwen-omni-turbo": Traits(32_768, 2_048, "tiva", NEVER, "M"),
    "qwen-long": Traits(10_000_000, 8_192, "t", NEVER, "FM"),
    "qwen-long-latest": Traits(10_000_000, 8_192, "t", NEVER, "FM"),
    "qwen-doc-turbo": Traits(262_144, 8_192, "t", NEVER, "FM"),
    "qwen-mt-plus": _TRANSLATOR,
    "qwen-mt-flash": _TRANSLATOR,
    "qwen-mt-lite": _TRANSLATOR,
    "qwen-mt-turbo": _TRANSLATOR,
    "qwen-vl-ocr": Traits(38_192, 8_192, "ti", NEVER, "M"),
    "qwen-plus-character": Traits(32_768, 4_096, "t", NEVER, "SNM"),
    "qwen-flash-character": Traits(8_192, 4_096, "t", NEVER, "SNM"),
    "qwen3-asr-flash": Traits(53_248, 4_096, "a", NEVER, "M"),
    "deepseek-v4-pro": _GUEST,
    "deepseek-v4-flash": _GUEST,
    "glm-5.2": _GUEST,
    "glm-5.1": _GUEST,
    "glm-5": _GUEST,
    "kimi-k2.7-code": Traits(thinking=ON, can="TR"),
}
EMBEDDING_MODELS: Mapping[str, int] = {"text-embedding-v4": 8_192, "text-embedding-v3": 8_192}

# Names of models that were switched off in July 2026, and of lines, each with what stands for it now: the first that
# is there. The service has no such mapping; this one is ours.
FAMILIES: Mapping[str, Sequence[str]] = {
    "qwen-max": ("qwen3.8-max", "qwen3.7-max", "qwen3-max"),
    "qwen-plus": ("qwen-plus",),
    "qwen-turbo": ("qwen-flash",),
    "qwen-flash": ("qwen-flash",),
    "qwen-long": ("qwen-long",),
    "qwen-vl-max": ("qwen3-vl-plus",),
    "qwen-vl-plus": ("qwen3-vl-flash",),
    "qwen-coder-plus": ("qwen3-coder-plus",),
    "qwen-coder-turbo": ("qwen3-coder-flash",),
}
# What the service lists and this gateway does not speak to: voices, ranks, live conversations, research.
_OTHERS = re.compile(
    r"asr|tts|realtime|livetranslate|rerank|embedding|deep-research|voice|paraformer|sambert|image|video"
)
_CLIPS = re.compile(r"^(wan|wanx|happyhorse|z-image|animate|emo|liveportrait)|[_-](t2[iv]|i2[iv]|r2v|s2v|kf2v)\b")
_QWEN = re.compile(r"qwen|qwq|qvq")

_MODALITIES = {
    "t": pb.MODALITY_TEXT,
    "i": pb.MODALITY_IMAGE,
    "v": pb.MODALITY_VIDEO,
    "a": pb.MODALITY_AUDIO,
}
_ABILITIES = {"T": pb.CAPABILITY_TOOLS, "S": pb.CAPABILITY_SEARCH}


class Entry(Struct):
    """One model of the service's own list."""

    id: str
    created: int | None = None
    owned_by: str | None = None


class Listing(Struct):
    """The answer of `GET .../models`."""

    data: list[Entry]


def traits_of(id_: str) -> Traits:
    """What a model takes; one that is not known is taken for a usual one of its maker."""
    if found := row_of(id_, TRAITS):
        return found
    return Traits(inputs="tiva", thinking=ON, can="TSJXRNFM") if _QWEN.match(id_) else _GUEST


def own_models() -> list[pb.Model]:
    """All models of the tables."""
    chats = [_chat_model(id_) for id_ in TRAITS]
    vectors = [_model(id_, [pb.CAPABILITY_EMBEDDINGS], context) for id_, context in EMBEDDING_MODELS.items()]
    return chats + vectors + [_picture_model(id_) for id_ in IMAGE_MODELS] + [_clip_model(id_) for id_ in VIDEO_MODELS]


def merged(listed: Iterable[Entry]) -> list[pb.Model]:
    """All models of the tables, and the chat models that the service lists beside them."""
    own = own_models()
    known = {model.id for model in own} | set(FAMILIES)
    return own + [_listed_model(entry) for entry in listed if entry.id not in known and _chats(entry.id)]


def decode_listing(body: bytes) -> list[Entry]:
    """The service's own list."""
    try:
        return msgspec.json.decode(body, type=Listing).data
    except msgspec.MsgspecError as error:
        raise UpstreamProtocol(f"{DASHSCOPE} sent a model list of an unknown form") from error


def dated(id_: str) -> pb.Model | None:
    """The model of a day's or a region's own name, if the tables know what it is a form of."""
    if id_.endswith("-latest") or id_ in TRAITS or row_of(id_, TRAITS) is None:
        return None
    return _chat_model(id_)


def _chats(id_: str) -> bool:
    return not _OTHERS.search(id_) and not _CLIPS.search(id_)


def _listed_model(entry: Entry) -> pb.Model:
    model = _chat_model(entry.id)
    model.owned_by = entry.owned_by or model.owned_by
    if entry.created:
        model.create_time.FromSeconds(entry.created)
    return model


def _chat_model(id_: str) -> pb.Model:
    traits = traits_of(id_)
    capabilities = [pb.CAPABILITY_CHAT, *(able for word, able in _ABILITIES.items() if word in traits.can)]
    capabilities += [] if traits.thinking is NEVER else [pb.CAPABILITY_THINKING]
    capabilities += [pb.CAPABILITY_VISION] if "i" in traits.inputs else []
    model = _model(id_, capabilities, traits.context)
    del model.input_modalities[:]
    model.input_modalities.extend(_MODALITIES[word] for word in traits.inputs)
    if "F" in traits.can:
        model.input_modalities.append(pb.MODALITY_DOCUMENT)
    model.output_modalities.append(pb.MODALITY_TEXT)
    if traits.output:
        model.max_output_tokens = traits.output
    model.features.update(features_of(traits))
    return model


def _picture_model(id_: str) -> pb.Model:
    made = IMAGE_MODELS[id_]
    capabilities = [pb.CAPABILITY_IMAGE_GENERATION] if made.generates else []
    capabilities += [pb.CAPABILITY_IMAGE_EDIT] if made.edits else []
    model = _model(id_, capabilities)
    model.input_modalities.extend([pb.MODALITY_IMAGE] if made.edits else [])
    model.output_modalities.append(pb.MODALITY_IMAGE)
    return model


def _clip_model(id_: str) -> pb.Model:
    model = _model(id_, [pb.CAPABILITY_VIDEO_GENERATION])
    model.input_modalities.extend([pb.MODALITY_IMAGE] if VIDEO_MODELS[id_].most else [])
    model.output_modalities.append(pb.MODALITY_VIDEO)
    return model


def _model(id_: str, capabilities: Sequence[pb.Capability], context: int = 0) -> pb.Model:
    model = pb.Model(
        id=id_,
        owned_by="qwen" if _QWEN.match(id_) else "",
        display_name=id_,
        capabilities=sorted(capabilities),
        input_modalities=[pb.MODALITY_TEXT],
        active=True,
    )
    if context:
        model.context_length = context
    return model
