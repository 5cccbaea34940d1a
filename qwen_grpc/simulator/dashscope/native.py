"""Writes answers in DashScope's own dialect: numbered events whose usage grows (as recorded up to June 2026)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from qwen_grpc.simulator.dashscope.asked import Asked
from qwen_grpc.simulator.dashscope.replies import error_frame
from qwen_grpc.simulator.dashscope.script import Failed, Piece
from qwen_grpc.simulator.pieces import Calling, End, Raw, Said, Spoken, Thought
from qwen_grpc.simulator.tools_script import SOURCES


@dataclass(slots=True)
class NativeVoice:
    """Encodes the frames of one answer, or the whole of it.

    A part of a call waits for the next piece, because the last part shares its frame with the end.
    """

    request_id: str
    created: int
    asked: Asked
    spoken: Spoken = field(default_factory=Spoken)
    frames: int = 0
    waiting: Calling | None = None

    def opening(self) -> bytes:
        """Nothing: the first frame has words already."""
        return b""

    def write(self, piece: Piece) -> bytes:
        """The frame of a piece."""
        if isinstance(piece, Calling):
            return self._calling(piece)
        self.spoken.hear(piece)
        match piece:
            case Thought(text):
                return self._frame({"content": self._content(""), "reasoning_content": self._grown(text, "thoughts")})
            case Said(text):
                return self._frame({"content": self._content(self._grown(text, "text"))})
            case End(reason, text):
                return self._ending(reason, text)
            case Failed(fault):
                self.frames += 1
                return error_frame(fault, self.request_id, self.frames)
            case Raw(data):
                return data

    def whole(self) -> dict[str, Any]:
        """The answer that has been heard, in one piece."""
        message: dict[str, Any] = {"content": self._content(self.spoken.text)}
        if self.spoken.thoughts:
            message["reasoning_content"] = self.spoken.thoughts
        if self.spoken.calls:
            message["tool_calls"] = self.spoken.calls
        return self._body(message, self.spoken.reason)

    def usage(self) -> dict[str, Any]:
        """What the answer has cost so far."""
        asked, output = self.asked.input_tokens, self.spoken.output_tokens
        counts: dict[str, Any] = {"input_tokens": asked, "output_tokens": output, "total_tokens": asked + output}
        if self.spoken.thoughts:
            reasoning = self.spoken.reasoning_tokens
            counts["output_tokens_details"] = {"reasoning_tokens": reasoning, "text_tokens": output - reasoning}
        counts["prompt_tokens_details"] = {"cached_tokens": 0}
        if self.asked.searches:
            counts["plugins"] = {"search": {"count": 1, "strategy": self._search("search_strategy", "turbo")}}
        return counts

    def _calling(self, piece: Calling) -> bytes:
        before, self.waiting = self.waiting, piece
        if piece.arguments is None:
            # Only the other dialect marks the end of a call.
            self.waiting = before
            return b""
        frame = self._frame(self._call(before)) if before else b""
        self.spoken.hear(piece)
        return frame

    def _call(self, piece: Calling) -> dict[str, Any]:
        if not self.asked.parameters.get("incremental_output"):
            return {"content": self._content(""), "tool_calls": self.spoken.calls}
        function = {"name": piece.name, "arguments": piece.arguments}
        call = {"index": piece.index, "id": piece.id, "type": "function", "function": function}
        return {"content": self._content(""), "tool_calls": [call]}

    def _ending(self, reason: str, text: str) -> bytes:
        if self.waiting:
            return self._frame(self._call(self.waiting), reason)
        return self._frame({"content": self._content(self._grown(text, "text"))}, reason)

    def _grown(self, text: str, part: str) -> str:
        """The new words, or all of them when the caller did not ask for increments."""
        return text if self.asked.parameters.get("incremental_output") else str(getattr(self.spoken, part))

    def _content(self, text: str) -> object:
        """Words as this model's path tells them."""
        if not self.asked.model.sees:
            return text
        return [{"text": text}] if text else []

    def _frame(self, message: dict[str, Any], reason: str = "null") -> bytes:
        self.frames += 1
        body = msgspec.json.encode(self._body(message, reason)).decode()
        return f"id:{self.frames}\nevent:result\n:HTTP_STATUS/200\ndata:{body}\n\n".encode()

    def _body(self, message: dict[str, Any], reason: str) -> dict[str, Any]:
        output: dict[str, Any] = {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": reason}]}
        if self.asked.parameters.get("result_format", "message") == "text":
            output = {"text": message["content"], "finish_reason": reason}
        if self.asked.searches and self._search("enable_source", default=False):
            output["search_info"] = {"search_results": _results() if self.frames < 2 else [], "extra_tool_info": []}
        return {"output": output, "usage": self.usage(), "request_id": self.request_id}

    def _search(self, name: str, default: object) -> object:
        return (self.asked.parameters.get("search_options") or {}).get(name, default)


def _results() -> list[dict[str, Any]]:
    """The sources, the same ones as on the other faces."""
    return [
        {
            "index": number,
            "title": source["title"],
            "url": source["url"],
            "site_name": source["hostname"],
            "icon": source["hostlogo"],
        }
        for number, source in enumerate(SOURCES, 1)
    ]
