"""The pieces of an answer before a dialect writes them, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.simulator.conversation import tokens


@dataclass(frozen=True, slots=True)
class Thought:
    """The next words of the thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """The next words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Calling:
    """A fragment of a call: id and name come with the first only, the last has no arguments."""

    index: int
    id: str
    name: str
    arguments: str | None


@dataclass(frozen=True, slots=True)
class End:
    """The end of the answer: why, the last words that come with it, and whether anything follows it."""

    reason: str
    text: str = ""
    done: bool = True


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as they are."""

    data: bytes


Spoke = Thought | Said | Calling | End


@dataclass(slots=True)
class Spoken:
    """What one answer has said so far; `reason` is empty until it has ended."""

    thoughts: str = ""
    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""

    def hear(self, piece: object) -> None:
        """Add a piece; what is none adds nothing."""
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
