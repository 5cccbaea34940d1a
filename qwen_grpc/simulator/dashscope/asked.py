"""What a chat request asks for, whichever dialect it came in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qwen_grpc.simulator.conversation import Conversation, text_of, tokens
from qwen_grpc.simulator.dashscope.models import ChatModel

FILE_ID = re.compile(r"fileid://([\w-]+)")
MESSAGE_TOKENS = 5
PROMPT_TOKENS = 3
JSON_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Asked(Conversation):
    """A chat request; `parameters` are everything but model and messages, `native` says that a frame may grow."""

    model: ChatModel
    stream: bool
    native: bool = False

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers."""
        if self.model.thinking in ("none", "must"):
            return self.model.thinking == "must"
        if self.parameters.get("reasoning_effort") == "none":
            return False
        asked = self.parameters.get("enable_thinking")
        return self.model.thinking == "on" if asked is None else bool(asked)

    @property
    def searches(self) -> bool:
        """Whether the model may look into the web."""
        return bool(self.parameters.get("enable_search"))

    @property
    def input_tokens(self) -> int:
        """What the prompt costs: five for every message, three for the beginning of the answer (recorded in 2026)."""
        spoken = sum(MESSAGE_TOKENS + tokens(text_of(message.get("content"))) for message in self.messages)
        shaped = JSON_TOKENS if self.response_format == "json_object" else 0
        return spoken + PROMPT_TOKENS + shaped + sum(tokens(str(tool)) for tool in self.tools)

    def file_ids(self) -> list[str]:
        """The uploaded files that system messages name."""
        systems = [message for message in self.messages if message.get("role") == "system"]
        return [found for message in systems for found in FILE_ID.findall(text_of(message.get("content")))]
