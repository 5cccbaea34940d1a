"""Metrics that are written as things happen: once at the end of a call, of an attempt, of a reload."""

import platform
from functools import partial
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from qwen_grpc import __version__
from qwen_grpc.calls import OPERATIONS, Call
from qwen_grpc.routing.attempts import Attempt
from qwen_grpc.telemetry import definitions as d
from qwen_grpc.telemetry.definitions import Definition, Kind

# Upstreams say which models there are, and one of a caller's own may say anything.
MAX_MODELS = 200
OTHER = "other"


class Answer(NamedTuple):
    """The metrics of one operation, provider and model, found once."""

    first_token: Any
    next_token: Any
    input_tokens: Any
    output_tokens: Any


class Metrics:
    """Counts and measures. `registry` is what a scrape shows; nothing is shared between two of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made = {one: _made(one, self.registry) for one in d.EVENTS}
        self._children: dict[tuple[object, ...], Any] = {}
        self._models: set[str] = set()
        ProcessCollector(registry=self.registry)
        self._one(d.BUILD, __version__, platform.python_version()).set(1)
        self._one(d.RELOAD_OK).set(1)
        for outcome in ("ok", "failed"):
            self._one(d.RELOADS, outcome)

    def _one(self, definition: Definition, *labels: str) -> Any:
        """A metric with its labels; looked up once, since that costs more than to count."""
        key = (definition.name, *labels)
        child = self._children.get(key)
        if child is None:
            made = self._made[definition]
            child = self._children[key] = made.labels(*labels) if labels else made
        return child

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, call: Call) -> Any:
        """Counts a call in; what it returns counts it out."""
        running = self._one(d.IN_FLIGHT, call.rpc)
        running.inc()
        return partial(self._ended, call, running)

    def _ended(self, call: Call, running: Any) -> None:
        running.dec()
        self._one(d.CALLS, call.rpc, call.code.name, call.reason).inc()
        if call.left_at:
            self._one(d.CANCEL_LATENCY).observe(call.ended_at - call.left_at)
        if call.deltas:
            self._one(d.DELTAS).inc(call.deltas)
            self._one(d.MESSAGES).inc(call.messages)
            self._one(d.DELTAS_PER_MESSAGE).observe(call.deltas / call.messages)
        if operation := OPERATIONS.get(call.rpc):
            self._generated(call, (operation, call.facts.get("upstream", ""), self._model(call.facts.get("model", ""))))

    def _generated(self, call: Call, about: tuple[str, str, str]) -> None:
        ok = not call.code.value[0]
        error = "" if ok else call.reason or call.code.name
        self._one(d.DURATION, *about, error).observe(call.ended_at - call.started_at)
        answer = self._children.get(about) or self._answer(about)
        usage = call.usage if ok else None
        if usage is not None:
            answer.input_tokens.observe(usage.prompt_tokens)
            answer.output_tokens.observe(usage.completion_tokens)
        if call.deltas:
            answer.first_token.observe(call.first_at - call.started_at)
        if ok and call.deltas > 1:
            seconds = call.ended_at - call.first_at
            self._one(d.GAP, about[1]).observe(seconds / (call.deltas - 1))
            if usage is not None and usage.completion_tokens > 1:
                answer.next_token.observe(seconds / (usage.completion_tokens - 1))

    def _answer(self, about: tuple[str, str, str]) -> Answer:
        tokens = (self._one(d.TOKEN_USAGE, *about, kind) for kind in ("input", "output"))
        answer = Answer(self._one(d.FIRST_TOKEN, *about), self._one(d.NEXT_TOKEN, *about), *tokens)
        self._children[about] = answer
        return answer

    def _model(self, model: str) -> str:
        """The model as a label: those that come when there are too many already are counted together."""
        if model in self._models:
            return model
        if not model or len(self._models) >= MAX_MODELS:
            return OTHER
        self._models.add(model)
        return model

    # -- attempts, and the rest ---------------------------------------------------------------------------------------

    def attempt(self, attempt: Attempt) -> Any:
        """Nothing yet; what it returns counts the attempt."""
        return partial(self._attempted, attempt)

    def _attempted(self, attempt: Attempt) -> None:
        self._one(d.ATTEMPTS, attempt.upstream, attempt.outcome.value, attempt.reason).inc()
        seconds = attempt.ended_at - attempt.started_at
        self._one(d.ATTEMPT_DURATION, attempt.upstream, attempt.outcome.value).observe(seconds)

    def lag(self, seconds: float) -> None:
        """How late the event loop was."""
        self._one(d.LAG).observe(seconds)

    def reloaded(self, ok: bool) -> None:
        """The configuration file was loaded, or could not be."""
        self._one(d.RELOADS, "ok" if ok else "failed").inc()
        self._one(d.RELOAD_OK).set(ok)


def _made(definition: Definition, registry: CollectorRegistry) -> Any:
    what = (definition.name, definition.meaning, definition.labels)
    if definition.kind is Kind.HISTOGRAM:
        return Histogram(*what, registry=registry, buckets=definition.buckets)
    return (Counter if definition.kind is Kind.COUNTER else Gauge)(*what, registry=registry)
