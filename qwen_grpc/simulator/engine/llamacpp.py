"""llama.cpp's voice (as of October 2026)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qwen_grpc.simulator.engine.voice import LOGPROB, Voice, line
from qwen_grpc.simulator.pieces import End

BUILD = "b7100-0a1b2c3d"
TOKEN_MS = 2.0
SECOND_MS = 1000
# Every simulated token is a token of this number.
TOKEN_ID = 9707
EMPTY: Mapping[str, Any] = {"role": "assistant", "content": None}


class LlamacppVoice(Voice):
    """Choices come first, the first delta has no words, and the last chunk tells how fast it all went."""

    content_type = "text/event-stream"

    def opening(self) -> bytes:
        """A role, and null for words; before it, if asked for, how much of the prompt has been read."""
        total = self.asked.input_tokens
        read = (total // 2, total) if self.asked.parameters.get("return_progress") else ()
        return b"".join(map(self._progress, read)) + self.deltas(EMPTY)

    def _progress(self, processed: int) -> bytes:
        told = {"total": self.asked.input_tokens, "cache": self.cached, "processed": processed}
        chunk = self.chunk([self.choice(0, EMPTY, None, None)])
        return line({**chunk, "prompt_progress": {**told, "time_ms": round(processed * TOKEN_MS)}})

    def ending(self, end: End) -> bytes:
        """The chunk with the reason."""
        *others, last = (self.chunk([self.choice(index, {}, end.reason, None)]) for index in range(self.asked.copies))
        if not self.asked.include_usage:
            last["timings"] = self.timings()
        return b"".join(map(line, (*others, last)))

    def choice(self, index: int, delta: Mapping[str, Any], reason: str | None, logprobs: Any) -> dict[str, Any]:
        """The wrapper of a delta."""
        told = {"logprobs": logprobs} if logprobs else {}
        return {"finish_reason": reason, "index": index, "delta": delta, **told}

    def chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> dict[str, Any]:
        """One chunk; the one with the usage is the last."""
        head = {"choices": choices, "created": self.created, "id": self.told_id, "model": self.asked.model}
        chunk = {**head, "system_fingerprint": BUILD, "object": "chat.completion.chunk"}
        return {**chunk, "usage": usage, "timings": self.timings()} if usage else chunk

    def whole_choice(self, index: int) -> dict[str, Any]:
        """One whole answer."""
        logprobs = self.logprobs(self.spoken.text)
        told = {"logprobs": logprobs} if logprobs else {}
        return {"finish_reason": self.spoken.reason, "index": index, "message": self.message(), **told}

    def message(self) -> dict[str, Any]:
        """The message of a whole answer."""
        message: dict[str, Any] = {"role": "assistant", "content": self.spoken.text}
        if self.spoken.thoughts:
            message["reasoning_content"] = self.spoken.thoughts
        if self.spoken.calls:
            message["tool_calls"] = [self.whole_call(call) for call in self.spoken.calls]
        return message

    def whole_call(self, call: dict[str, Any]) -> dict[str, Any]:
        """A whole call."""
        return {"type": "function", "function": call["function"], "id": f"call_{call['id']}"}

    def completion(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """The envelope of a whole answer."""
        head = {"choices": choices, "created": self.created, "model": self.asked.model, "system_fingerprint": BUILD}
        tail = {"usage": self.usage(), "id": self.told_id, "timings": self.timings()}
        return {**head, "object": "chat.completion", **tail}

    def usage(self) -> dict[str, Any]:
        """What the answer has cost so far."""
        prompt, completion = self.asked.input_tokens, self.output_tokens
        return {
            "completion_tokens": completion,
            "prompt_tokens": prompt,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }

    def timings(self) -> dict[str, Any]:
        """How fast the prompt was read and the answer written, at the same pace always."""
        read, written = self.asked.input_tokens - self.cached, self.output_tokens
        return {
            "cache_n": self.cached,
            "prompt_n": read,
            "prompt_ms": read * TOKEN_MS,
            "prompt_per_token_ms": TOKEN_MS,
            "prompt_per_second": SECOND_MS / TOKEN_MS,
            "predicted_n": written,
            "predicted_ms": written * TOKEN_MS,
            "predicted_per_token_ms": TOKEN_MS,
            "predicted_per_second": SECOND_MS / TOKEN_MS,
        }

    def chance(self, text: str) -> dict[str, Any]:
        """A token with its number and its chance."""
        return {"id": TOKEN_ID, "token": text, "bytes": list(text.encode()), "logprob": LOGPROB}
