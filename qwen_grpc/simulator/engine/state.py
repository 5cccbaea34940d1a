"""What the simulated engines remember, and the record of what they did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from qwen_grpc.simulator.engine.behaviour import EngineBehaviour


@dataclass(slots=True)
class Clip:
    """A video on its way; `polls` counts how often somebody asked, which moves it on. Times are epoch seconds."""

    id: str
    engine: str
    model: str
    prompt: str
    size: str
    seconds: str
    scenario: str
    created_at: int
    queued_polls: int
    running_polls: int
    picture: str = ""
    polls: int = 0

    @property
    def status(self) -> str:
        """How far it is."""
        if self.polls <= self.queued_polls:
            return "queued"
        if self.polls <= self.queued_polls + self.running_polls:
            return "in_progress"
        return "failed" if self.scenario == "video_fail" else "completed"


@dataclass
class Engines:
    """The memory of all engines. The counters say how often each began an answer, so that doubles can be ruled out."""

    behaviour: EngineBehaviour = field(default_factory=EngineBehaviour)
    completions: Counter[str] = field(default_factory=Counter)
    """Chat completions that were begun, by the word of the engine; refused ones do not count."""
    embeddings: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    clips: dict[str, Clip] = field(default_factory=dict)
    """By id; a removed one is forgotten."""
    created: Counter[str] = field(default_factory=Counter)
    """Videos that were handed in, by the word of the engine."""
