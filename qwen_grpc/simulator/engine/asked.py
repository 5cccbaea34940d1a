"""What a chat request asks an engine for, as far as this engine understands it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qwen_grpc.simulator.conversation import TOKEN_CHARACTERS, Conversation, text_of, tokens
from qwen_grpc.simulator.engine import dialects
from qwen_grpc.simulator.engine.dialects import Dialect

MESSAGE_TOKENS = 5
PROMPT_TOKENS = 3


@dataclass(frozen=True, slots=True)
class Asked(Conversation):
    """A chat request; `parsed` says whether the engine was started with a parser for thinking."""

    dialect: Dialect
    model: str
    parsed: bool = True

    @property
    def stream(self) -> bool:
        """Whether the answer is to come in chunks."""
        return bool(self.parameters.get("stream"))

    @property
    def include_usage(self) -> bool:
        """Whether the stream is to end with the usage."""
        return bool((self.parameters.get("stream_options") or {}).get("include_usage"))

    @property
    def effort(self) -> str | None:
        """The effort of thinking; Ollama knows two members for it, a plain engine none."""
        if self.dialect.word == "generic":
            return None
        nested = self.parameters.get("reasoning") if self.dialect.word == "ollama" else None
        effort = self.parameters.get("reasoning_effort") or (nested or {}).get("effort")
        return effort if isinstance(effort, str) else None

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers; switches of other engines are left out without a word."""
        if not dialects.thinks(self.model) or self.effort == "none":
            return False
        return self.dialect.word == "ollama" or self._template.get("enable_thinking", True) is not False

    @property
    def _template(self) -> dict[str, Any]:
        return self.parameters.get("chat_template_kwargs") or {}

    @property
    def thoughts(self) -> Literal["apart", "within", "hidden"]:
        """Where the thinking goes: into its own member, into the answer between tags, or nowhere."""
        if self.dialect.word == "vllm" and self.parameters.get("include_reasoning") is False:
            return "hidden"
        switched = {
            "sglang": self.parameters.get("separate_reasoning") is False,
            "llamacpp": self.parameters.get("reasoning_format") == "none",
        }
        unparsed = not self.parsed and self.dialect.word != "ollama"
        return "within" if unparsed or switched.get(self.dialect.word, False) else "apart"

    @property
    def thinking_room(self) -> int | None:
        """How many characters the thinking may have; None for any number."""
        budget = self.number(self.dialect.budget) if self.dialect.budget else None
        return None if budget is None else budget * TOKEN_CHARACTERS

    @property
    def room(self) -> int | None:
        """How many characters thinking and answer may have together; Ollama knows one name for it."""
        limit = self.number("max_tokens")
        if self.dialect.word != "ollama":
            limit = self.number("max_completion_tokens") or limit
        return None if limit is None else limit * TOKEN_CHARACTERS

    @property
    def copies(self) -> int:
        """How many answers are wanted."""
        return (self.number("n") or 1) if self.dialect.several else 1

    @property
    def top_logprobs(self) -> int | None:
        """How many alternatives each token is to tell; None when no chances are asked for."""
        return self.number("top_logprobs") or 0 if self.parameters.get("logprobs") else None

    @property
    def input_tokens(self) -> int:
        """What the prompt costs."""
        spoken = sum(MESSAGE_TOKENS + tokens(text_of(message.get("content"))) for message in self.messages)
        return spoken + PROMPT_TOKENS + sum(tokens(str(tool)) for tool in self.tools)
