"""What an answer has said so far, for the dialects that repeat it and for the counting of tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.simulator.dashscope.asked import tokens
from qwen_grpc.simulator.dashscope.script import Calling, End, Piece, Said, Thought


@dataclass(slots=True)
class Spoken:
    """The parts of one answer; `reason` is empty until it has ended."""

    thoughts: str = ""
    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""

    def hear(self, piece: Piece) -> None:
        """Add a piece; errors and raw bytes add nothing."""
        match piece:
            case Thought(text):
                self.thoughts += text
            case Said(text):
                self.text += text
            case End(reason, text):
                self.text += text
                self.reason = reason
            case Calling(index, call_id, name, arguments):
                self._hear_call(index, call_id, name, arguments or "")
            case _:
                pass

    def _hear_call(self, index: int, call_id: str, name: str, arguments: str) -> None:
        if index == len(self.calls):
            function = {"name": name, "arguments": ""}
            self.calls.append({"index": index, "id": call_id, "type": "function", "function": function})
        self.calls[index]["function"]["arguments"] += arguments

    @property
    def reasoning_tokens(self) -> int:
        """What the thinking costs."""
        return tokens(self.thoughts)

    @property
    def output_tokens(self) -> int:
        """What everything costs."""
        return self.reasoning_tokens + tokens(self.text) + sum(tokens(str(call["function"])) for call in self.calls)
