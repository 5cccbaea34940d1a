"""From a whole answer to the object `response`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    CompleteChatResponse,
    FinishReason,
)
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.responses.output import COMPLETED, INCOMPLETE, items_of

# Why an answer is not whole, in OpenAI's words.
WHY_INCOMPLETE: dict[FinishReason, str] = {
    FINISH_REASON_LENGTH: "max_output_tokens",
    FINISH_REASON_CONTENT_FILTER: "content_filter",
}


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a response before its end. `echo` repeats the request's parameters."""

    id: str
    created_at: int
    model: str
    echo: JsonObject

    @property
    def summary(self) -> bool:
        """Whether the client looks for the thinking where summaries of it stand."""
        return bool(self.echo["reasoning"]["summary"])


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended. `usage` is None where the upstream told none; the time is in epoch seconds."""

    reason: FinishReason
    usage: Usage | None = None
    service_tier: str = ""
    at: float = field(default_factory=time.time)

    @property
    def cut(self) -> bool:
        """Whether something is missing at the end."""
        return self.reason in WHY_INCOMPLETE


def response(head: Head, answer: CompleteChatResponse, *, at: float | None = None) -> JsonObject:
    """A whole answer. `at` is when it was complete; without it that is now."""
    choice = answer.choices[0]
    usage = answer.usage if answer.HasField("usage") else None
    ending = Ending(choice.finish_reason, usage, answer.service_tier, time.time() if at is None else at)
    return finished(head, items_of(head.id, choice, summary=head.summary, cut=ending.cut), ending)


def finished(head: Head, output: Sequence[JsonObject], ending: Ending) -> JsonObject:
    """A response that has ended, with its items."""
    why = WHY_INCOMPLETE.get(ending.reason)
    found: JsonObject = {
        "completed_at": int(ending.at) if why is None else None,
        "incomplete_details": {"reason": why} if why else None,
        "usage": usage_of(ending.usage) if ending.usage else None,
    }
    if ending.service_tier:
        found["service_tier"] = ending.service_tier
    return shown(head, INCOMPLETE if why else COMPLETED, output, **found)


def shown(head: Head, status: str, output: Sequence[JsonObject] = (), **more: Any) -> JsonObject:
    """The object `response` in any state; `more` are members that differ from those of one that is being made."""
    return {
        "id": head.id,
        "object": "response",
        "created_at": head.created_at,
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": head.model,
        "output": list(output),
        "usage": None,
        **head.echo,
        **more,
    }


def usage_of(usage: Usage) -> JsonObject:
    """Token counts under the names that they have here."""
    told = RESPONSES.write(usage)
    before, after = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
    estimated = {"estimated": True} if usage.estimated else {}
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, **before},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0, **after},
        "total_tokens": usage.total_tokens,
        **estimated,
    }
