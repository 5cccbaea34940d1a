"""What a completion asks for: the fields of its body that the simulator looks at, and the scenario they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sanic import Request

from qwen_grpc.simulator.script import tagged


class FeatureConfig(msgspec.Struct):
    """The switches of a message; `thinking_mode` is a closed set on the live service."""

    thinking_enabled: bool = False
    thinking_mode: str = "Fast"
    thinking_format: str = "summary"


class AskedMessage(msgspec.Struct):
    """The one new message of a completion."""

    content: str | list[dict[str, Any]] = ""
    chat_type: str = "t2t"
    sub_chat_type: str = ""
    feature_config: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """The words of the message; parts that are no text are skipped."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part["text"]) for part in self.content if "text" in part)


class Asked(msgspec.Struct):
    """The body of a completion; unknown fields are ignored, as the service does."""

    messages: list[AskedMessage]
    chat_id: str = ""
    parent_id: str | None = None
    model: str = ""
    stream: bool = True
    size: str | None = None

    @property
    def message(self) -> AskedMessage:
        """The newest message."""
        return self.messages[-1]

    @property
    def features(self) -> FeatureConfig:
        """The switches of the newest message."""
        return msgspec.convert(self.message.feature_config, FeatureConfig)

    def quotas(self) -> list[str]:
        """The names of the quotas that the turn counts against."""
        message, names = self.message, [self.model]
        if self.features.thinking_enabled:
            names.append("thinking")
        if message.chat_type == "search":
            names.append("search")
        if message.sub_chat_type == "deep_research":
            names.append("deep_research_deep_research")
        return names

    def natural_scenario(self) -> str:
        """The scenario that the request itself asks for, without any tag."""
        message, features = self.message, self.features
        if message.chat_type == "deep_research":
            return "deep_research" if message.sub_chat_type == "deep_research" else "deep_research_clarify"
        thinking = "summary" if features.thinking_format == "summary" else "think"
        names = [thinking] if features.thinking_enabled else []
        if message.chat_type == "search":
            names.append("search")
        return "_".join(names) or "plain"


@dataclass(frozen=True, slots=True)
class Cue:
    """Which scenario to play, with its number, and the prompt without its tags."""

    scenario: str
    count: int
    prompt: str


def cue(request: Request, asked: Asked, default: str) -> Cue:
    """Choose by the header `X-Sim-Scenario`, else the last tag of the prompt, else `default`, else by the request."""
    prompt, name, count = tagged(asked.message.text)
    for chosen in (request.headers.get("x-sim-scenario", ""), "" if name else default):
        if chosen:
            name, _, number = chosen.partition(":")
            count = int(number) if number.isdecimal() else 0
            break
    return Cue(name or asked.natural_scenario(), count, prompt)
