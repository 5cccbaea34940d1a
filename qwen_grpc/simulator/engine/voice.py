"""Writes answers as OpenAI's own API does; the engines' voices say what they do otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qwen_grpc.simulator.engine.asked import Asked
from qwen_grpc.simulator.engine.faults import event_of
from qwen_grpc.simulator.engine.script import Failed, Piece
from qwen_grpc.simulator.pieces import Calling, End, Raw, Said, Spoken, Thought
from qwen_grpc.simulator.script import WORD

DONE = b"data: [DONE]\n\n"
LOGPROB = -0.125


@dataclass(slots=True)
class Voice:
    """Encodes the chunks of one answer, or the whole of it. `id` is the bare one; engines dress it up."""

    id: str
    created: int
    asked: Asked
    cached_tokens: int = 0
    spoken: Spoken = field(default_factory=Spoken)

    content_type = "text/event-stream; charset=utf-8"
    done_after_error = False

    def opening(self) -> bytes:
        """What comes before the first piece: a role and no words."""
        return self.deltas({"role": "assistant", "content": ""})

    def write(self, piece: Piece) -> bytes:
        """The chunks of a piece; an end that is the end brings the usage and the last line too."""
        match piece:
            case Raw(data):
                return data
            case Failed(fault):
                return line(event_of(fault, self.asked.dialect)) + (DONE if self.done_after_error else b"")
        self.spoken.hear(piece)
        if isinstance(piece, End):
            return self.ending(piece) + (self.closing() if piece.done else b"")
        words = piece.text if isinstance(piece, Said) else ""
        return self.deltas(self.delta(piece), words=words)

    def whole(self) -> dict[str, Any]:
        """The answer that has been heard, in one piece."""
        choices = [self.whole_choice(index) for index in range(self.asked.copies)]
        return self.completion(choices)

    # What follows is what the engines do in their own ways.

    @property
    def told_id(self) -> str:
        """The id of the answer."""
        return f"chatcmpl-{self.id}"

    def delta(self, piece: Thought | Said | Calling) -> dict[str, Any]:
        """What a piece adds."""
        match piece:
            case Thought(text):
                return {self.asked.dialect.reasoning: text}
            case Said(text):
                return {"content": text}
            case Calling():
                return {"tool_calls": [self.fragment(piece)]}

    def fragment(self, call: Calling) -> dict[str, Any]:
        """A part of a call; id, type and name stand on the first one only."""
        if not call.id:
            return {"index": call.index, "function": {"arguments": call.arguments}}
        function = {"name": call.name, "arguments": call.arguments}
        return {"index": call.index, "id": f"call_{call.id}", "type": "function", "function": function}

    def ending(self, end: End) -> bytes:
        """The chunk with the reason."""
        return self.deltas({"content": end.text} if end.text else {}, end.reason, words=end.text)

    def closing(self) -> bytes:
        """What comes after the last chunk of the answer."""
        told = line(self.chunk([], self.usage())) if self.asked.include_usage else b""
        return told + DONE

    def choice(self, index: int, delta: Mapping[str, Any], reason: str | None, logprobs: Any) -> dict[str, Any]:
        """The wrapper of a delta."""
        return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}

    def chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> dict[str, Any]:
        """One chunk; OpenAI's own says in each that there is no usage yet, if there will be one."""
        head = self._head("chat.completion.chunk")
        return {**head, "choices": choices, **({"usage": usage} if self.asked.include_usage else {})}

    def whole_choice(self, index: int) -> dict[str, Any]:
        """One whole answer."""
        logprobs, reason = self.logprobs(self.spoken.text), self.spoken.reason
        return {"index": index, "message": self.message(), "logprobs": logprobs, "finish_reason": reason}

    def message(self) -> dict[str, Any]:
        """The message of a whole answer."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content, "refusal": None, "annotations": []}
        if self.spoken.thoughts:
            message[self.asked.dialect.reasoning] = self.spoken.thoughts
        if self.spoken.calls:
            message["tool_calls"] = [self.whole_call(call) for call in self.spoken.calls]
        return message

    @property
    def content(self) -> str | None:
        """The text of a whole answer; none if it is only calls."""
        return self.spoken.text or (None if self.spoken.calls else "")

    def whole_call(self, call: dict[str, Any]) -> dict[str, Any]:
        """A whole call."""
        return {"id": f"call_{call['id']}", "type": "function", "function": call["function"]}

    def completion(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """The envelope of a whole answer."""
        return {**self._head("chat.completion"), "choices": choices, "usage": self.usage()}

    def _head(self, kind: str) -> dict[str, Any]:
        fixed = {"service_tier": "default", "system_fingerprint": "fp_simulated"}
        return {"id": self.told_id, "object": kind, "created": self.created, "model": self.asked.model, **fixed}

    def usage(self) -> dict[str, Any]:
        """What the answer has cost so far."""
        prompt, completion = self.asked.input_tokens, self.output_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
        }

    @property
    def output_tokens(self) -> int:
        """The tokens of all copies of the answer."""
        return self.spoken.output_tokens * self.asked.copies

    @property
    def reasoning_tokens(self) -> int:
        """The tokens of their thinking."""
        return self.spoken.reasoning_tokens * self.asked.copies

    @property
    def cached(self) -> int:
        """How much of the prompt came from the cache."""
        return min(self.cached_tokens, self.asked.input_tokens)

    def logprobs(self, text: str) -> Any:
        """The chances of the tokens of a text, if they are asked for."""
        if self.asked.top_logprobs is None or not text:
            return None
        return {"content": [self.token(word) for word in WORD.findall(text)]}

    def token(self, text: str) -> dict[str, Any]:
        """A token with its chance and its alternatives, of which it is the first."""
        told = self.chance(text)
        return {**told, "top_logprobs": [told] * min(1, self.asked.top_logprobs or 0)}

    def chance(self, text: str) -> dict[str, Any]:
        """A token with its chance."""
        return {"token": text, "logprob": LOGPROB, "bytes": list(text.encode())}

    def deltas(self, delta: Mapping[str, Any], reason: str | None = None, *, words: str = "") -> bytes:
        """A delta, once for every copy of the answer."""
        logprobs = self.logprobs(words)
        choices = [self.choice(index, delta, reason, logprobs) for index in range(self.asked.copies)]
        return b"".join(line(self.chunk([choice])) for choice in choices)


def line(body: dict[str, Any]) -> bytes:
    """One event."""
    return b"data: " + msgspec.json.encode(body) + b"\n\n"
