"""Answers as models write them, with calls in between, and the same spoiled at random; always alike for one seed."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.tools.parser import ToolParser

WORDS = [
    "Let me look", "that up.", "<b>", "a < b", "</", "{", "}", '"', "\\", "<tool", "日本", "🙂", "Done.", "\n",
    "[1]", "<",
]  # fmt: skip
VALUES: list[Any] = [
    "Paris", "<tool_call>", "</tool_call>", 'say "hi"', "line\nline", "\\", "{", "}", "]", "日本", "🙂", "", 1, -2.5,
    True, None, [], {}, [1, {"a": "}"}], "```", "a, ]",
]  # fmt: skip
SCRAPS = [
    "<tool_call>", "</tool_call>", "<", "</", "tool_call>", "{", "}", '"', "\\", "\n", ",", ":", "}}", "[", "]",
    "{}", "'", " ",
]  # fmt: skip
SPACES = ["", "\n", " ", "\n\n"]


@dataclass
class Transcript:
    """An answer, and what has to be found in it."""

    text: str = ""
    said: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)


class Transcripts:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def whole(self) -> Transcript:
        """Texts and calls in turn; no text ends or begins with what looks like a piece of a tag."""
        made = Transcript()
        for _ in range(self._random.randrange(1, 5)):
            if self._random.random() < 0.5:
                self._say(made)
            else:
                self._call(made)
        return made

    def spoiled(self) -> str:
        """Some characters of an answer lost, doubled or put in."""
        text = self.whole().text
        for _ in range(self._random.randrange(1, 4)):
            at, length = self._random.randrange(len(text) + 1), self._random.randrange(12)
            put = self._random.choice([*SCRAPS, "", text[at : at + length]])
            text = text[:at] + put + text[at + self._random.choice((0, 0, 1, length)) :]
        return text

    def pieces(self, text: str) -> Iterator[str]:
        """The text, cut anywhere."""
        longest = self._random.choice((2, 10, 30, 90))
        while text:
            size = self._random.randint(1, longest)
            yield text[:size]
            text = text[size:]

    def _say(self, made: Transcript) -> None:
        words = " ".join(self._random.choices(WORDS, k=self._random.randrange(1, 5))) + "."
        made.text += words
        made.said.append(words)

    def _call(self, made: Transcript) -> None:
        pairs = {f"p{number}": self._random.choice(VALUES) for number in range(self._random.randrange(3))}
        ascii_, indent = self._random.random() < 0.5, self._random.choice((None, None, 1))
        arguments = json.dumps(pairs, ensure_ascii=ascii_, indent=indent)
        name = self._random.choice(("weather", "run", "f"))
        first, second, third, fourth = self._random.choices(SPACES, k=4)
        body = f'{{"name": "{name}", "arguments": {arguments}}}'
        made.text += f"{first}<tool_call>{second}{body}{third}</tool_call>{fourth}"
        made.calls.append((name, arguments))


def read(*pieces: str, parallel: bool = True) -> tuple[str, list[tuple[str, str]]]:
    """Content and calls that the parser finds."""
    parser = ToolParser(parallel=parallel)
    deltas = [delta for piece in pieces for delta in parser.feed(piece)] + parser.finish()
    calls = [(call.name, call.arguments) for delta in deltas for call in delta.tool_calls]
    assert parser.calls == len(calls)
    return "".join(delta.content for delta in deltas), calls
