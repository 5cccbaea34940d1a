"""What the simulated DashScope remembers, and its record of what it did for whom."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from qwen_grpc.simulator.dashscope.behaviour import DashScopeBehaviour


@dataclass(slots=True)
class Used:
    """What an account used of a model: epoch seconds of each request, and with them the tokens of each answer."""

    requests: deque[float] = field(default_factory=deque)
    tokens: deque[tuple[float, int]] = field(default_factory=deque)


@dataclass
class DashScope:
    """The memory of this face. The counters say how often a key was answered, so that doubles can be ruled out."""

    behaviour: DashScopeBehaviour = field(default_factory=DashScopeBehaviour)
    completions: Counter[str] = field(default_factory=Counter)
    """Chat completions that were begun, by key; refused ones do not count."""
    used: dict[tuple[str, str], Used] = field(default_factory=lambda: defaultdict(Used))
    """By account and model."""
