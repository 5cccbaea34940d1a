"""SGLang's voice (as of 0.5.23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qwen_grpc.simulator.engine.voice import LOGPROB, Voice
from qwen_grpc.simulator.pieces import Calling, End, Said, Thought

# The token that ends a message of Qwen's.
END_TOKEN = 151_645


class SglangVoice(Voice):
    """`reasoning_content` is always there, nulls abound, and the tokens of thinking are counted beside the others."""

    done_after_error = True

    @property
    def told_id(self) -> str:
        """The id of the answer."""
        return self.id

    def opening(self) -> bytes:
        """A role and no words."""
        return self.deltas({"reasoning_content": None, "role": "assistant", "content": ""})

    def delta(self, piece: Thought | Said | Calling) -> dict[str, Any]:
        """What a piece adds; calls are written by another part of the engine, with other nulls."""
        match piece:
            case Thought(text):
                return {"reasoning_content": text}
            case Said(text):
                return {"reasoning_content": None, "content": text}
            case Calling():
                empty = {"role": None, "content": None, "reasoning_content": None}
                return {**empty, "tool_calls": [self.fragment(piece)]}

    def fragment(self, call: Calling) -> dict[str, Any]:
        """A part of a call."""
        named = {"id": f"call_{call.id}" if call.id else None, "index": call.index, "type": "function"}
        return {**named, "function": {"name": call.name or None, "arguments": call.arguments}}

    def ending(self, end: End) -> bytes:
        """The chunk with the reason."""
        return self.deltas({"reasoning_content": None}, end.reason)

    def choice(self, index: int, delta: Mapping[str, Any], reason: str | None, logprobs: Any) -> dict[str, Any]:
        """The wrapper of a delta."""
        return {**Voice.choice(self, index, delta, reason, logprobs), "matched_stop": _matched(reason)}

    def chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> dict[str, Any]:
        """One chunk; only the one of calls says that it has no usage."""
        head = {"id": self.told_id, "object": "chat.completion.chunk", "created": self.created}
        chunk = {**head, "model": self.asked.model, "choices": choices}
        called = any("tool_calls" in choice["delta"] for choice in choices)
        return {**chunk, "usage": usage} if usage or called else chunk

    def whole_choice(self, index: int) -> dict[str, Any]:
        """One whole answer."""
        return {**Voice.whole_choice(self, index), "matched_stop": _matched(self.spoken.reason)}

    def message(self) -> dict[str, Any]:
        """The message of a whole answer."""
        calls = [self.whole_call(call) for call in self.spoken.calls] or None
        message = {"role": "assistant", "content": self.content}
        return {**message, "reasoning_content": self.spoken.thoughts or None, "tool_calls": calls}

    def whole_call(self, call: dict[str, Any]) -> dict[str, Any]:
        """A whole call."""
        named = {"id": f"call_{call['id']}", "index": call["index"], "type": "function"}
        return {**named, "function": call["function"]}

    def completion(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """The envelope of a whole answer."""
        head = {"id": self.told_id, "object": "chat.completion", "created": self.created, "model": self.asked.model}
        return {**head, "choices": choices, "usage": self.usage(), "metadata": {"weight_version": "default"}}

    def usage(self) -> dict[str, Any]:
        """What the answer has cost so far."""
        prompt, completion = self.asked.input_tokens, self.output_tokens
        return {
            "prompt_tokens": prompt,
            "total_tokens": prompt + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": {"cached_tokens": self.cached} if self.cached else None,
            "reasoning_tokens": self.reasoning_tokens,
        }

    def chance(self, text: str) -> dict[str, Any]:
        """A token with its chance."""
        return {"token": text, "bytes": list(text.encode()), "logprob": LOGPROB}


def _matched(reason: str | None) -> int | None:
    """The token that ended the answer."""
    return END_TOKEN if reason in ("stop", "tool_calls") else None
