"""The features of chat requests, each of which every upstream says of how it takes it."""

from collections.abc import Mapping

from qwen_grpc.v1.models_pb2 import (
    SUPPORT_EMULATED,
    SUPPORT_IGNORED,
    SUPPORT_NATIVE,
    SUPPORT_REFUSED,
    Support,
)

# What each stands for in a request.
FEATURES: Mapping[str, str] = {
    "tools": "`tools`, `tool_choice`, `parallel_tool_calls`",
    "json_object": "`response_format` of that type",
    "json_schema": "`response_format` of that type",
    "stop": "`stop`",
    "max_tokens": "`max_tokens`, `max_completion_tokens`",
    "sampling": "`temperature`, `top_p`, `top_k`, `presence_penalty`",
    "frequency_penalty": "`frequency_penalty`",
    "logit_bias": "`logit_bias`",
    "seed": "`seed`",
    "logprobs": "`logprobs`, `top_logprobs`",
    "n": "`n` above 1",
    "thinking": "`enable_thinking`, `thinking_budget`, `reasoning_effort`",
    "search": "`enable_search`, `web_search_options`",
}


def features(
    native: tuple[str, ...] = (), emulated: tuple[str, ...] = (), ignored: tuple[str, ...] = ()
) -> dict[str, Support]:
    """Each feature with how it is taken; one that is not named is refused."""
    told = dict.fromkeys(FEATURES, SUPPORT_REFUSED)
    for names, support in ((native, SUPPORT_NATIVE), (emulated, SUPPORT_EMULATED), (ignored, SUPPORT_IGNORED)):
        told |= dict.fromkeys(names, support)
    return told
