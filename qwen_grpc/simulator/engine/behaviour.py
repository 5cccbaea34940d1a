"""How the simulated engines behave: the switches that a test, a benchmark or the demo may turn while they run."""

from __future__ import annotations

from dataclasses import dataclass, field

from qwen_grpc.simulator.behaviour import Switches


@dataclass
class EngineBehaviour(Switches):
    """Every switch of this face, for all engines alike; the defaults are healthy engines without delays or keys."""

    api_key: str = ""
    """The key that the engines were started with; empty means that they look at none."""
    models: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Model names to serve, by the word of an engine; an absent one serves its usual models."""
    loading: tuple[str, ...] = ()
    """The engines, by their words, whose model is still being loaded."""
    reasoning_parser: bool = True
    """Without a parser, thinking stays between `<think>` tags in the answer."""
    tool_parser: bool = True
    """Without a parser, calls stay between `<tool_call>` tags in the answer; vLLM refuses to let a model choose."""
    context_length: int = 32_768
    """How many tokens prompt and answer may have together."""
    cached_tokens: int = 0
    """How many tokens of every prompt were read from the cache, as far as an engine tells."""
    faults: dict[str, str] = field(default_factory=dict)
    """The scenario of every request, by the caller's key or else by the word of the engine."""
    fail_next: int = 0
    """How many of the next requests play `fail_with` instead of what they ask for."""
    fail_with: str = "internal_error"
    """The scenario of the requests that fail."""
    scenario: str = ""
    """The scenario of requests that name none; empty means the answer that the request itself asks for."""
    retry_after: str = ""
    """The `Retry-After` header of refusals that pass with time; empty means none."""
    pace_s: float = 0.0
    """Seconds between two chunks of a stream."""
    slow_s: float = 0.1
    """Seconds between two characters of the `slow` scenario."""
    slow_first_s: float = 0.5
    """Seconds before the first byte of the `slow_first` scenario."""
    write_bytes: int = 0
    """Streams are written in pieces of so many bytes, which may cut a character in two; 0 writes chunk by chunk."""
    dimensions: int = 64
    """The length of a vector."""
    queued_polls: int = 1
    """Polls that find a video still in the queue."""
    running_polls: int = 1
    """Polls after those that find it in the making; the next one finds its end."""
    video_bytes: int = 100_000
    """The size of a made video."""
