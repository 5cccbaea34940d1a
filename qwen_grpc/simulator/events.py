"""Writes the events of a chat.qwen.ai stream byte for byte as the service does (captured in a browser, Sep 2026)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from qwen_grpc.simulator.state import Clock


@dataclass(frozen=True, slots=True)
class Event:
    """Bytes to send at once, and what they add to the stored answer: text and extras of a phase."""

    data: bytes
    phase: str = ""
    text: str = ""
    extra: dict[str, Any] | None = None


class Voice:
    """Encodes the events of one answer and counts its usage."""

    def __init__(self, chat_id: str, parent_id: str, response_id: str, *, input_tokens: int, now: Clock) -> None:
        self._created = (
            f'data: {{"response.created":{{"chat_id": "{chat_id}", "parent_id": "{parent_id}", '
            # The service leaves one space at the end of this line and of no other.
            f'"response_id":"{response_id}", "response_index": "0"}}}} \n\n'
        ).encode()
        self._response = f'"response_id": "{response_id}"'
        self._input = input_tokens
        self._output = 0
        self._thinking = 0
        self._now = now
        self.call_id = "call_" + response_id.replace("-", "")[:24]

    def created(self) -> Event:
        """The first event: the ids of the chat, of the stored question and of the answer."""
        return Event(self._created)

    def say(self, text: str, phase: str = "answer", *, escaped: bool = False) -> Event:
        """The next words of a phase; `escaped` writes non-ASCII as escapes."""
        self.count(text, thinking=phase == "think")
        content = json.dumps(text, ensure_ascii=escaped)
        delta = f'{{"role": "assistant", "content": {content}, "phase": "{phase}", "status": "typing"}}'
        return Event(self._line(delta), phase, text)

    def tell(self, delta: dict[str, Any], *, text: str = "", stored: dict[str, Any] | None = None) -> Event:
        """Any delta, with usage and time; `stored` is what only the stored message will show."""
        data = self._line(json.dumps(delta, ensure_ascii=False))
        return Event(data, delta["phase"], text, stored if stored is not None else delta.get("extra"))

    def bare(self, delta: dict[str, Any], *, text: str = "") -> Event:
        """A delta without usage and time, as some phases send them."""
        data = f'data: {{"choices": [{{"delta": {json.dumps(delta, ensure_ascii=False)}}}], {self._response}}}\n\n'
        return Event(data.encode(), delta["phase"], text, delta.get("extra"))

    def last(self) -> Event:
        """The end of the answer; its keys are in another order and it carries no usage."""
        return self.bare({"content": "", "role": "assistant", "status": "finished", "phase": "answer"})

    def count(self, text: str, *, thinking: bool = False) -> None:
        """Add a text to the usage: a token for every four characters begun."""
        tokens = (len(text) + 3) // 4
        self._output += tokens
        if thinking:
            self._thinking += tokens

    def _line(self, delta: str) -> bytes:
        thinking = f'"reasoning_tokens": {self._thinking}, ' if self._thinking else ""
        line = (
            f'data: {{"choices": [{{"delta": {delta}}}], {self._response}, '
            f'"usage": {{"input_tokens": {self._input}, "output_tokens": {self._output}, "characters": 0, '
            f'"total_tokens": {self._input + self._output}, "input_tokens_details": {{"text_tokens": {self._input}}}, '
            f'"output_tokens_details": {{{thinking}"text_tokens": {self._output}}}, '
            f'"prompt_tokens_details": {{"cached_tokens": 0}}}}, "timestamp": {int(self._now())}}}\n\n'
        )
        return line.encode("utf-8", "replace")


def raw(payload: str) -> Event:
    """An event that is written as given, not by the rules of the service."""
    return Event(f"data: {payload}\n\n".encode())
