"""What the site does with the features of chat requests."""

from collections.abc import Collection

from qwen_grpc.upstreams.features import features
from qwen_grpc.v1.models_pb2 import CAPABILITY_SEARCH, CAPABILITY_THINKING, Capability, Support

_EMULATED = ("tools", "json_object", "json_schema", "stop", "max_tokens")
# Taken without a word, and without effect (as tried in 2026).
_IGNORED = ("sampling", "frequency_penalty", "logit_bias", "seed")


def features_of(capabilities: Collection[Capability]) -> dict[str, Support]:
    """How a chat model with these capabilities takes each of them."""
    searches = ("search",) if CAPABILITY_SEARCH in capabilities else ()
    if CAPABILITY_THINKING in capabilities:
        return features(("thinking", *searches), _EMULATED, _IGNORED)
    return features(searches, _EMULATED, (*_IGNORED, "thinking"))
