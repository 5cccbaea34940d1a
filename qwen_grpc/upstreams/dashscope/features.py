"""What DashScope does with the features of chat requests, model by model."""

from collections.abc import Iterator

from qwen_grpc.upstreams.dashscope.traits import ALWAYS, NEVER, Traits
from qwen_grpc.upstreams.features import features
from qwen_grpc.v1.chat_pb2 import ResponseFormat
from qwen_grpc.v1.models_pb2 import SUPPORT_EMULATED, Support

_EVERYWHERE = ("stop", "max_tokens", "sampling", "seed", "logprobs")
_ABILITIES = {"T": "tools", "S": "search", "N": "logit_bias"}
_JSON = {"J": "json_object", "X": "json_schema"}
_FORMS = {ResponseFormat.TYPE_JSON_OBJECT: "json_object", ResponseFormat.TYPE_JSON_SCHEMA: "json_schema"}


def features_of(traits: Traits) -> dict[str, Support]:
    """How a chat model takes each of them."""
    native = tuple(_native(traits))
    # Models that do one thing only, such as to translate, follow no instructions.
    follows = traits.can.strip("M")
    forms = tuple(name for name in _JSON.values() if name not in native) if follows else ()
    return features(native, forms, ("frequency_penalty",))


def emulates(form: ResponseFormat, traits: Traits) -> bool:
    """Whether a form has to be asked for in words."""
    return form.type in _FORMS and features_of(traits)[_FORMS[form.type]] == SUPPORT_EMULATED


def _native(traits: Traits) -> Iterator[str]:
    yield from _EVERYWHERE
    yield from (name for letter, name in _ABILITIES.items() if letter in traits.can)
    # Thinking excludes JSON, but where a model can follow a schema; one that always thinks has no way out.
    if traits.thinking is not ALWAYS or "X" in traits.can:
        yield from (name for letter, name in _JSON.items() if letter in traits.can)
    if traits.thinking is not NEVER:
        yield "thinking"
    if traits.thinking is not ALWAYS:
        yield "n"
