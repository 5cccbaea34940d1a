"""What the simulated DashScope remembers, and its record of what it did for whom."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.simulator.dashscope.behaviour import DashScopeBehaviour
from qwen_grpc.simulator.renderings import Rendering


@dataclass(slots=True)
class Used:
    """What an account used of a model: epoch seconds of each request, and with them the tokens of each answer."""

    requests: deque[float] = field(default_factory=deque)
    tokens: deque[tuple[float, int]] = field(default_factory=deque)


@dataclass(slots=True)
class MediaTask:
    """A task on its way; `output` and `usage` are what its end tells, `status` is that end.

    `polls` counts how often its account asked, which moves it on. `submitted_at` is in epoch seconds.
    """

    id: str
    key: str
    account: str
    model: str
    scenario: str
    submitted_at: float
    status: str
    output: dict[str, Any]
    usage: dict[str, Any]
    pending_polls: int
    running_polls: int
    polls: int = 0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The leave to put a file for one model under a folder of the store, until an epoch second."""

    account: str
    model: str
    folder: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in the temporary store; only the model that it was announced for may read it."""

    account: str
    model: str
    name: str
    content: bytes
    stored_at: float


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file that is kept for a purpose."""

    id: str
    account: str
    name: str
    purpose: str
    content: bytes
    created_at: int


@dataclass
class DashScope:
    """The memory of this face. The counters say how often a key was answered, so that doubles can be ruled out."""

    behaviour: DashScopeBehaviour = field(default_factory=DashScopeBehaviour)
    completions: Counter[str] = field(default_factory=Counter)
    """Chat completions that were begun, by key; refused ones do not count."""
    used: dict[tuple[str, str], Used] = field(default_factory=lambda: defaultdict(Used))
    """By account and model."""
    tasks: dict[str, MediaTask] = field(default_factory=dict)
    pictures: Counter[str] = field(default_factory=Counter)
    """Pictures that were made at once, without a task, by key."""
    results: dict[str, Rendering] = field(default_factory=dict)
    """Made pictures and videos by their place in the store."""
    policies: dict[str, Policy] = field(default_factory=dict)
    """By signature."""
    uploads: dict[str, Upload] = field(default_factory=dict)
    """By place in the store."""
    files: dict[str, DocumentFile] = field(default_factory=dict)
    polled_at: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    """Epoch seconds of the latest polls, by account."""
