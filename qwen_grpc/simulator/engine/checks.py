"""What the engines refuse in a chat request."""

from __future__ import annotations

from qwen_grpc.simulator.engine import dialects, faults
from qwen_grpc.simulator.engine.asked import Asked
from qwen_grpc.simulator.engine.behaviour import EngineBehaviour
from qwen_grpc.simulator.engine.faults import Fault, Refused

INLINE = ("data:;base64,", *(f"data:image/{kind};base64," for kind in ("jpeg", "jpg", "png", "webp")))
EFFORTS = ("high", "medium", "low", "none")


def check(asked: Asked, behaviour: EngineBehaviour) -> None:
    """Refuse what this engine does not take."""
    if not asked.messages:
        raise Refused(Fault(400, "[] is too short - 'messages'", param="messages"))
    _check_options(asked)
    _check_media(asked)
    _check_tools(asked, behaviour)
    if asked.dialect.word == "ollama":
        _check_effort(asked)
    if asked.input_tokens > behaviour.context_length:
        raise Refused(faults.too_long(asked.dialect, asked.input_tokens, behaviour.context_length))


def _check_options(asked: Asked) -> None:
    temperature = asked.parameters.get("temperature")
    if isinstance(temperature, int | float) and temperature < 0:
        raise Refused(Fault(400, f"temperature must be non-negative, got {temperature}.", param="temperature"))
    if asked.dialect.word == "vllm" and asked.parameters.get("stream_options") and not asked.stream:
        raise Refused(Fault(400, "Stream options can only be defined when `stream=True`.", param="stream_options"))


def _check_media(asked: Asked) -> None:
    for kind, url in asked.urls():
        if asked.dialect.inline_only and (kind != "image" or not url.startswith(INLINE)):
            raise Refused(Fault(400, "invalid image input"))
        if not dialects.sees(asked.model):
            raise Refused(faults.blind(asked.dialect, asked.model))


def _check_tools(asked: Asked, behaviour: EngineBehaviour) -> None:
    choice, tools = asked.parameters.get("tool_choice"), asked.parameters.get("tools")
    if choice not in (None, "none", "auto") and not tools:
        raise Refused(Fault(400, "When using `tool_choice`, `tools` must be set.", param="tool_choice"))
    if asked.dialect.word == "vllm" and tools and choice in (None, "auto") and not behaviour.tool_parser:
        words = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
        raise Refused(Fault(400, words))


def _check_effort(asked: Asked) -> None:
    if asked.effort is None:
        return
    if asked.effort not in EFFORTS:
        raise Refused(Fault(400, f"invalid reasoning value: '{asked.effort}' (must be one of {', '.join(EFFORTS)})"))
    if asked.effort != "none" and not dialects.thinks(asked.model):
        raise Refused(Fault(400, f'"{asked.model}" does not support thinking'))
