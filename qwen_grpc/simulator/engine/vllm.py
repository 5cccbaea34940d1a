"""vLLM's voice (as of 0.32)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qwen_grpc.simulator.engine.voice import Voice, line
from qwen_grpc.simulator.pieces import Calling, End


class VllmVoice(Voice):
    """Thinking is `reasoning`, a call's first fragment has no arguments, and the last words may end the answer."""

    done_after_error = True

    def opening(self) -> bytes:
        """The only chunk that tells of the prompt's tokens, which nobody asked for."""
        delta = {"role": "assistant", "content": ""}
        choices = [
            {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            for index in range(self.asked.copies)
        ]
        return b"".join(line({**self.chunk([choice]), "prompt_token_ids": None}) for choice in choices)

    def fragment(self, call: Calling) -> dict[str, Any]:
        """A part of a call."""
        if not call.id:
            return {"index": call.index, "function": {"arguments": call.arguments}}
        named = {"id": f"chatcmpl-tool-{call.id}", "type": "function", "index": call.index}
        return {**named, "function": {"name": call.name}}

    def ending(self, end: End) -> bytes:
        """The chunk with the reason, and with words even if they are none."""
        return self.deltas({"content": end.text}, end.reason, words=end.text)

    def choice(self, index: int, delta: Mapping[str, Any], reason: str | None, logprobs: Any) -> dict[str, Any]:
        """The wrapper of a delta; the last one has room for the word that stopped the answer."""
        stopped = {"stop_reason": None} if reason else {}
        told = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return {**told, **stopped, "token_ids": None}

    def chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> dict[str, Any]:
        """One chunk; with `continuous_usage_stats` each tells the usage so far."""
        options = self.asked.parameters.get("stream_options") or {}
        if self.asked.include_usage and options.get("continuous_usage_stats"):
            usage = self.usage()
        told = {name: value for name, value in (usage or {}).items() if value is not None}
        head = {"id": self.told_id, "object": "chat.completion.chunk", "created": self.created}
        return {**head, "model": self.asked.model, "choices": choices, **({"usage": told} if told else {})}

    def whole_choice(self, index: int) -> dict[str, Any]:
        """One whole answer."""
        return {**Voice.whole_choice(self, index), "stop_reason": None, "token_ids": None}

    def message(self) -> dict[str, Any]:
        """The message of a whole answer."""
        unused = dict.fromkeys(("refusal", "annotations", "audio", "function_call"))
        calls = {"tool_calls": [self.whole_call(call) for call in self.spoken.calls]} if self.spoken.calls else {}
        message = {"role": "assistant", "content": self.content, **unused, **calls}
        return {**message, "reasoning": self.spoken.thoughts or None}

    def whole_call(self, call: dict[str, Any]) -> dict[str, Any]:
        """A whole call."""
        return {"id": f"chatcmpl-tool-{call['id']}", "type": "function", "function": call["function"]}

    def completion(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """The envelope of a whole answer."""
        head = {"id": self.told_id, "object": "chat.completion", "created": self.created, "model": self.asked.model}
        unused = dict.fromkeys(("prompt_logprobs", "prompt_token_ids", "kv_transfer_params"))
        fixed = {"service_tier": None, "system_fingerprint": None}
        return {**head, "choices": choices, **fixed, "usage": self.usage(), **unused}

    def usage(self) -> dict[str, Any]:
        """What the answer has cost so far."""
        prompt, completion = self.asked.input_tokens, self.output_tokens
        return {
            "prompt_tokens": prompt,
            "total_tokens": prompt + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": {"cached_tokens": self.cached} if self.cached else None,
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
        }
