"""Writes answers in the dialect of OpenAI, byte for byte as the service does (recorded in Feb 2026)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from qwen_grpc.simulator.dashscope.asked import Asked
from qwen_grpc.simulator.dashscope.replies import compat_error, error_frame
from qwen_grpc.simulator.dashscope.script import Failed, Piece
from qwen_grpc.simulator.pieces import Calling, End, Raw, Said, Spoken, Thought

DONE = b"data: [DONE]\n\n"
TPM_WORDS = "Throttling: TPM(10680324/10000000)"


@dataclass(slots=True)
class CompatVoice:
    """Encodes the chunks of one answer, or the whole of it."""

    request_id: str
    created: int
    asked: Asked
    spoken: Spoken = field(default_factory=Spoken)

    def opening(self) -> bytes:
        """The first chunk: a role and no words."""
        return self._choices({"content": "", "role": "assistant"}, first=True)

    def write(self, piece: Piece) -> bytes:
        """The chunk of a piece; an end that is the end brings the usage and the last line too."""
        self.spoken.hear(piece)
        match piece:
            case Thought(text):
                return self._choices({"content": None, "reasoning_content": text})
            case Said(text) if self.spoken.thoughts:
                return self._choices({"content": text, "reasoning_content": None})
            case Said(text):
                return self._choices({"content": text})
            case Calling():
                return self._choices({"content": None, "tool_calls": [_fragment(piece)]})
            case End(reason, text, done):
                return self._choices({"content": text}, reason) + self._closing(done=done)
            case Failed():
                return self._failure(piece)
            case Raw(data):
                return data

    def whole(self) -> dict[str, Any]:
        """The answer that has been heard, in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": self.spoken.text}
        if self.spoken.thoughts:
            message["reasoning_content"] = self.spoken.thoughts
        if self.spoken.calls:
            message["tool_calls"] = self.spoken.calls
        end = {"finish_reason": self.spoken.reason, "logprobs": None}
        choices = [{"message": message, "index": index, **end} for index in range(self._copies)]
        return self._envelope("chat.completion", choices, self.usage())

    def usage(self) -> dict[str, Any]:
        """What the answer has cost so far."""
        prompt, completion = self.asked.input_tokens, self.spoken.output_tokens * self._copies
        counts: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        if self.spoken.thoughts:
            counts["completion_tokens_details"] = {"reasoning_tokens": self.spoken.reasoning_tokens}
        return counts

    @property
    def _copies(self) -> int:
        return self.asked.number("n") or 1

    def _choices(self, delta: dict[str, Any], reason: str | None = None, *, first: bool = False) -> bytes:
        """A delta, once for every wanted copy of the answer."""
        return b"".join(self._chunk(_choice(delta, reason, index, first=first)) for index in range(self._copies))

    def _chunk(self, *choices: dict[str, Any], usage: dict[str, Any] | None = None) -> bytes:
        return _line(self._envelope("chat.completion.chunk", list(choices), usage))

    def _envelope(self, kind: str, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "choices": choices,
            "object": kind,
            "usage": usage,
            "created": self.created,
            "system_fingerprint": None,
            "model": self.asked.model.id,
            "id": f"chatcmpl-{self.request_id}",
        }

    def _closing(self, *, done: bool) -> bytes:
        if not done:
            return b""
        wanted = (self.asked.parameters.get("stream_options") or {}).get("include_usage")
        return (self._chunk(usage=self.usage()) if wanted else b"") + DONE

    def _failure(self, failed: Failed) -> bytes:
        if failed.form == "finish":
            return self._choices({"content": TPM_WORDS}, "error_finish") + DONE
        frame = error_frame(failed.fault, self.request_id)
        if failed.form == "frame":
            return frame
        fault = replace(failed.fault, compat_message=frame.decode()) if failed.form == "text" else failed.fault
        return _line({"error": compat_error(fault), "id": f"chatcmpl-{self.request_id}", "request_id": self.request_id})


def _line(body: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def _choice(delta: dict[str, Any], reason: str | None, index: int, *, first: bool) -> dict[str, Any]:
    if first:
        return {"delta": delta, "index": index, "logprobs": None, "finish_reason": None}
    return {"delta": delta, "finish_reason": reason, "index": index, "logprobs": None}


def _fragment(piece: Calling) -> dict[str, Any]:
    """A part of a call; only the first one has a name."""
    named = {"name": piece.name} if piece.name else {}
    function = {**named, "arguments": piece.arguments}
    return {"index": piece.index, "id": piece.id, "type": "function", "function": function}
