"""The conversations of the contract suite, and the upstreams that they are held with."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operated import ENGINES, account, configured, engine, official, web

from qwen_grpc.configuration import Configuration
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.simulator import Simulator

PICTURE = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@dataclass(frozen=True)
class Place:
    """An upstream: its models, and a caller's own credential for it."""

    model: str
    seeing: str
    credential: Credentials


PLACES: Mapping[str, Place] = {
    "chat_qwen_ai": Place("qwen3.7-plus", "qwen3.7-plus", account(1)),
    "dashscope": Place("qwen3.7-plus", "qwen3-vl-plus", ApiKey("sk-of-a-caller")),
    "vllm": Place("Qwen/Qwen3-8B", "Qwen/Qwen3-VL-8B-Thinking", ApiKey("vllm-key-of-a-caller")),
    "sglang": Place("Qwen/Qwen3-8B", "Qwen/Qwen3-VL-8B-Thinking", ApiKey("sglang-key-of-a-caller")),
    "ollama": Place("qwen3:8b", "qwen3-vl:8b", ApiKey("ollama-key-of-a-caller")),
    "llamacpp": Place("Qwen3-8B-Q4_K_M.gguf", "Qwen3-VL-8B-Q4_K_M.gguf", ApiKey("llamacpp-key-of-a-caller")),
}


def all_places(simulator: Simulator) -> Configuration:
    """A configuration with every upstream, for callers' own credentials."""
    engines = {word: engine(simulator, word, caller_keys=[f"{word}-*"]) for word in ENGINES}
    return configured({"chat_qwen_ai": web(simulator), "dashscope": official(simulator), **engines}, {})


@dataclass(frozen=True)
class Told:
    """What was told of an answer: its parts, or what came of it and then the reason and code of a failure."""

    reasoning: str = ""
    content: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = ""
    answers: int = 1
    reason: str = ""
    code: str = ""

    @property
    def whole(self) -> "Told":
        """The same for who waits for the end: of an answer that fails nothing is told but that."""
        return Told(reason=self.reason, code=self.code) if self.reason else self


@dataclass(frozen=True)
class Conversation:
    """One row of the file."""

    name: str
    turns: tuple[str, ...]
    told: Told
    body: Mapping[str, Any] = field(default_factory=dict)
    scenario: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, Told | None] = field(default_factory=dict)
    picture: bool = False
    tools: bool = False

    def told_by(self, name: str) -> Told | None:
        """What this upstream has to tell; None when it cannot be asked."""
        return self.differences.get(name, self.told)

    def asks(self, name: str, number: int, answers: list[str]) -> dict[str, Any]:
        """The body of one turn at an upstream, after the answers to the turns before."""
        place = PLACES[name]
        history = list(self.body.get("messages", ()))
        for question, answer in zip(self.turns, answers, strict=False):
            history += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        body = {"model": place.seeing if self.picture else place.model, "enable_thinking": False, **self.body}
        return {**body, **self._tools(), "messages": [*history, {"role": "user", "content": self._said(name, number)}]}

    def _tools(self) -> dict[str, Any]:
        return {"tools": [WEATHER]} if self.tools else {}

    def _said(self, name: str, number: int) -> Any:
        scenario = self.scenario.get(name, self.scenario.get("*", ""))
        text = self.turns[number] + (f" [[sim:{scenario}]]" if scenario else "")
        if not self.picture:
            return text
        return [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PICTURE}}]


def _told(row: Mapping[str, Any]) -> Told | None:
    if not row:
        return None
    words = "".join(f"word {number} " for number in range(200))
    content = row.get("content", "").replace("word 0 … word 199 ", words)
    calls = tuple((name, json.dumps(json.loads(arguments))) for name, arguments in row.get("calls", ()))
    return Told(**{**row, "content": content, "calls": calls})


def _read(row: Mapping[str, Any]) -> Conversation:
    told = _told(row["told"])
    assert told is not None
    differences = {name: _told(one["told"]) for one in row.get("difference", ()) for name in one["upstreams"]}
    rest = {name: row[name] for name in ("body", "scenario", "picture", "tools") if name in row}
    return Conversation(row["name"], tuple(row["turns"]), told, differences=differences, **rest)


FILE: Mapping[str, Any] = tomllib.loads((Path(__file__).parent / "conversations.toml").read_text(encoding="utf-8"))
CONVERSATIONS = [_read(row) for row in FILE["conversation"]]


def beside(name: str, where: str) -> set[str]:
    """Members of the JSON of an upstream that others do not have."""
    return {member for row in FILE["beside"] if name in row["upstreams"] for member in row.get(where, ())}


def usage_details(name: str, *, thought: bool) -> set[str]:
    """What an upstream tells of the cost beside the three sums."""
    rows = [row for row in FILE["usage"] if name in row["upstreams"]]
    kinds = ("always", "thinking") if thought else ("always",)
    return {member for row in rows for kind in kinds for member in row.get(kind, ())}
