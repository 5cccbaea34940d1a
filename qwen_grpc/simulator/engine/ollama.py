"""Ollama's voice (as of August 2026)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from qwen_grpc.simulator.engine.voice import Voice
from qwen_grpc.simulator.pieces import Calling, End, Said, Thought

IDS = 999
CALL_ID = 8


class OllamaVoice(Voice):
    """Every chunk has a role and words, calls come whole, the end is a chunk of its own, usage has three numbers."""

    content_type = "text/event-stream"

    @property
    def told_id(self) -> str:
        """The id of the answer: one of a thousand."""
        return f"chatcmpl-{zlib.crc32(self.id.encode()) % IDS}"

    def opening(self) -> bytes:
        """Nothing: the first chunk is the first word."""
        return b""

    def delta(self, piece: Thought | Said | Calling) -> dict[str, Any]:
        """What a piece adds."""
        match piece:
            case Thought(text):
                return {"role": "assistant", "content": "", "reasoning": text}
            case Said(text):
                return {"role": "assistant", "content": text}
            case Calling():
                return {"role": "assistant", "content": "", "tool_calls": [self.fragment(piece)]}

    def fragment(self, call: Calling) -> dict[str, Any]:
        """A whole call."""
        function = {"name": call.name, "arguments": call.arguments}
        return self.whole_call({"id": call.id, "index": call.index, "function": function})

    def ending(self, end: End) -> bytes:
        """The chunk with the reason, and without words."""
        return self.deltas({"role": "assistant", "content": ""}, end.reason)

    def choice(self, index: int, delta: Mapping[str, Any], reason: str | None, logprobs: Any) -> dict[str, Any]:
        """The wrapper of a delta."""
        told = {"logprobs": logprobs} if logprobs else {}
        return {"index": index, "delta": delta, "finish_reason": reason, **told}

    def chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> dict[str, Any]:
        """One chunk."""
        chunk = {**self._fixed("chat.completion.chunk"), "choices": choices}
        return {**chunk, "usage": usage} if usage else chunk

    def whole_choice(self, index: int) -> dict[str, Any]:
        """One whole answer."""
        logprobs = self.logprobs(self.spoken.text)
        told = {"logprobs": logprobs} if logprobs else {}
        return {"index": index, "message": self.message(), "finish_reason": self.spoken.reason, **told}

    def message(self) -> dict[str, Any]:
        """The message of a whole answer."""
        message: dict[str, Any] = {"role": "assistant", "content": self.spoken.text}
        if self.spoken.thoughts:
            message["reasoning"] = self.spoken.thoughts
        if self.spoken.calls:
            message["tool_calls"] = [self.whole_call(call) for call in self.spoken.calls]
        return message

    def whole_call(self, call: dict[str, Any]) -> dict[str, Any]:
        """A whole call."""
        named = {"id": f"call_{call['id'][-CALL_ID:]}", "index": call["index"], "type": "function"}
        return {**named, "function": call["function"]}

    def completion(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """The envelope of a whole answer."""
        return {**self._fixed("chat.completion"), "choices": choices, "usage": self.usage()}

    def _fixed(self, kind: str) -> dict[str, Any]:
        head = {"id": self.told_id, "object": kind, "created": self.created, "model": self.asked.model}
        return {**head, "system_fingerprint": "fp_ollama"}

    def usage(self) -> dict[str, Any]:
        """What the answer has cost so far."""
        prompt, completion = self.asked.input_tokens, self.spoken.output_tokens
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
