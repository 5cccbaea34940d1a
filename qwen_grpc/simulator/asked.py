"""What a completion asks for: the fields of its body that the simulator looks at, and the scenario they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sanic import Request

from qwen_grpc.simulator.script import tagged
from qwen_grpc.simulator.words_script import words_scenario

RATIOS = ("1:1", "3:4", "4:3", "16:9", "9:16")
IMAGE_CHAT_TYPES = ("t2i", "image_edit")
VIDEO_CHAT_TYPES = ("t2v", "i2v")
MEDIA_CHAT_TYPES = IMAGE_CHAT_TYPES + VIDEO_CHAT_TYPES
NATURAL_MEDIA = {"t2i": "image", "image_edit": "image_edit", "t2v": "video", "i2v": "video"}
# The quota of a made picture or video; both kinds of video share one (seen in Sep 2026).
MEDIA_QUOTAS = {"t2i": "t2i", "image_edit": "image_edit", "t2v": "t2v", "i2v": "t2v"}


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
    files: list[dict[str, Any]] = []
    extra: dict[str, Any] = {}

    @property
    def meta(self) -> dict[str, Any]:
        """What `extra.meta` says: the third marker of the chat type, the size, the engine."""
        meta = self.extra.get("meta")
        return meta if isinstance(meta, dict) else {}

    @property
    def has_image(self) -> bool:
        """Whether a picture is attached."""
        return any(entry.get("type") == "image" for entry in self.files)

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

    def has_good_size(self) -> bool:
        """Whether the size is absent or one of the five ratios."""
        return self.size in (None, "", *RATIOS)

    def is_complete_media(self) -> bool:
        """Whether a request for pictures or a video has all that the service wants to see before it begins."""
        message = self.message
        if message.chat_type in VIDEO_CHAT_TYPES:
            return self._is_complete_video()
        return self.stream and self.has_good_size() and (message.chat_type == "t2i" or message.has_image)

    def _is_complete_video(self) -> bool:
        """No stream, the kind in three places, the size in two, and for i2v the first picture."""
        message, meta = self.message, self.message.meta
        marked = message.chat_type == message.sub_chat_type == meta.get("subChatType")
        sized = self.size in RATIOS and self.size == meta.get("size")
        return not self.stream and marked and sized and (message.chat_type == "t2v" or message.has_image)

    def quotas(self) -> list[str]:
        """The names of the quotas that the turn counts against."""
        message, names = self.message, [self.model]
        if message.chat_type in MEDIA_QUOTAS:
            return [MEDIA_QUOTAS[message.chat_type]]
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
        if message.chat_type in MEDIA_CHAT_TYPES:
            return NATURAL_MEDIA[message.chat_type]
        thinking = "summary" if features.thinking_format == "summary" else "think"
        names = [thinking] if features.thinking_enabled else []
        if message.chat_type == "search":
            names.append("search")
        elif in_words := words_scenario(message.text):
            names.append(in_words)
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
