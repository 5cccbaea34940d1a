"""Metrics that are written as things happen: once at the end of a call, of an attempt, of a reload."""

import platform
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from grpc import StatusCode
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


class Series(NamedTuple):
    """What calls of one kind and end write to."""

    ended: Any
    answer: "Answer | None"


class Answer(NamedTuple):
    """The same of a call that has a model make something."""

    duration: Any
    first_token: Any
    next_token: Any
    input_tokens: Any
    output_tokens: Any
    gap: Any


class Metrics:
    """Counts and measures. `registry` is what a scrape shows; nothing is shared between two of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made = {one: _made(one, self.registry) for one in d.EVENTS}
        self._children: dict[tuple[object, ...], Any] = {}
        self._series: dict[tuple[str, StatusCode, str, str, str], Series] = {}
        self._models: set[str] = set()
        self._cancel_latency, self._deltas = self._one(d.CANCEL_LATENCY), self._one(d.DELTAS)
        self._messages, self._deltas_per_message = self._one(d.MESSAGES), self._one(d.DELTAS_PER_MESSAGE)
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

    def call(self, call: Call) -> Callable[[], None]:
        """Counts a call in; what it returns counts it out."""
        running = self._one(d.IN_FLIGHT, call.rpc)
        running.inc()
        return partial(self._ended, call, running)

    def _ended(self, call: Call, running: Any) -> None:
        running.dec()
        facts = call.facts
        key = (call.rpc, call.code, call.reason, facts.get("upstream", ""), facts.get("model", ""))
        series = self._series.get(key) or self._found(*key)
        series.ended.inc()
        if call.left_at:
            self._cancel_latency.observe(call.ended_at - call.left_at)
        if call.deltas and call.messages:
            self._deltas.inc(call.deltas)
            self._messages.inc(call.messages)
            self._deltas_per_message.observe(call.deltas / call.messages)
        if series.answer is not None:
            self._answered(call, series.answer, ok=call.code is StatusCode.OK)

    def _answered(self, call: Call, answer: Answer, *, ok: bool) -> None:
        answer.duration.observe(call.ended_at - call.started_at)
        if call.deltas:
            answer.first_token.observe(call.first_at - call.started_at)
        usage = call.usage if ok else None
        if usage is not None:
            answer.input_tokens.observe(usage.prompt_tokens)
            answer.output_tokens.observe(usage.completion_tokens)
        if ok and call.deltas > 1:
            seconds = call.ended_at - call.first_at
            answer.gap.observe(seconds / (call.deltas - 1))
            if usage is not None and usage.completion_tokens > 1:
                answer.next_token.observe(seconds / (usage.completion_tokens - 1))

    def _found(self, rpc: str, code: StatusCode, reason: str, upstream: str, model: str) -> Series:
        """The series of a kind of calls; kept, since to look them up costs more than to count."""
        label, answer = self._model(model), None
        if operation := OPERATIONS.get(rpc):
            about = (operation, upstream, label)
            error = "" if code is StatusCode.OK else reason or code.name
            answer = Answer(
                self._one(d.DURATION, *about, error),
                self._one(d.FIRST_TOKEN, *about),
                self._one(d.NEXT_TOKEN, *about),
                self._one(d.TOKEN_USAGE, *about, "input"),
                self._one(d.TOKEN_USAGE, *about, "output"),
                self._one(d.GAP, upstream),
            )
        series = Series(self._one(d.CALLS, rpc, code.name, reason), answer)
        if label == model or not model:
            self._series[rpc, code, reason, upstream, model] = series
        return series

    def _model(self, model: str) -> str:
        """The model as a label: those that come when there are too many already are counted together."""
        if model in self._models:
            return model
        if not model or len(self._models) >= MAX_MODELS:
            return OTHER
        self._models.add(model)
        return model

    # -- attempts, and the rest ---------------------------------------------------------------------------------------

    def attempt(self, attempt: Attempt) -> Callable[[], None]:
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
