"""Metrics that are read when somebody asks: how lanes, breakers, budgets, connections, jobs are just now."""

import asyncio
import concurrent.futures
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from qwen_grpc.errors import StateStoreUnavailable
from qwen_grpc.ledger import State
from qwen_grpc.routing.health import Health
from qwen_grpc.routing.reactions import Condition
from qwen_grpc.routing.snapshot import Entry
from qwen_grpc.telemetry import definitions as d
from qwen_grpc.telemetry.definitions import Definition, Kind
from qwen_grpc.telemetry.lag import LagSampler
from qwen_grpc.telemetry.sources import Sources

# A scrape waits so long for the event loop, and for the ledger; what did not answer in time is left out of it.
LOOP_S = 1.0
LEDGER_S = 0.5
WORST_FIRST = (
    *(Condition.NEEDS_LOGIN, Condition.CHALLENGED, Condition.COOLING),
    *(Condition.HALF_OPEN, Condition.HEALTHY),
)
BREAKER_STATES = ("closed", "half-open", "open")

Row = tuple[Definition, tuple[str, ...], float]


class States(Collector):
    """Looks, on the event loop that owns the states, when a scrape asks from its own thread."""

    def __init__(self, sources: Sources, lag: LagSampler, loop: asyncio.AbstractEventLoop) -> None:
        self._sources = sources
        self._lag = lag
        self._loop = loop

    def describe(self) -> Iterable[Metric]:
        """All of them, without a look."""
        return [_family(one) for one in d.STATES]

    def collect(self) -> Iterable[Metric]:
        """What is true now. While the loop is blocked only that is told."""
        families = {one.name: _family(one) for one in d.STATES}
        for definition, labels, value in [*self._seen(), (d.BLOCKED, (), self._lag.blocked())]:
            families[definition.name].add_metric(labels, value)
        return [family for family in families.values() if family.samples]

    def _seen(self) -> list[Row]:
        if self._loop.is_closed():
            return []
        looking = asyncio.run_coroutine_threadsafe(self._look(), self._loop)
        try:
            return looking.result(LOOP_S)
        except (TimeoutError, concurrent.futures.CancelledError):
            looking.cancel()
            return []

    async def _look(self) -> list[Row]:
        entries = self._sources.router.snapshot.entries
        return [row for entry in entries for row in _of_upstream(entry)] + [*self._of_process(), *await self._of_jobs()]

    def _of_process(self) -> Iterator[Row]:
        pressure = self._sources.pressure
        yield from ((d.REFUSALS, (reason,), count) for reason, count in pressure.refused.items())
        yield d.REQUEST_BYTES, (), pressure.inflight_bytes
        yield d.DRAINING, (), self._sources.draining()

    async def _of_jobs(self) -> list[Row]:
        with suppress(StateStoreUnavailable, TimeoutError):
            counts = await asyncio.wait_for(self._sources.jobs.counts(), LEDGER_S)
            return [(d.LEDGER_UP, (), 1), *((d.JOBS, (state.value,), counts.get(state, 0)) for state in State)]
        return [(d.LEDGER_UP, (), 0)]


def _of_upstream(entry: Entry) -> Iterator[Row]:
    name = entry.name
    yield d.UPSTREAM_IN_FLIGHT, (name,), entry.allowance.running
    yield d.CONNECTIONS, (name,), entry.upstream.connections
    yield d.RETRY_BUDGET, (name,), entry.budget.left()
    states = Counter(_condition(health) for health in entry.health)
    yield from ((d.LANES, (name, state.value), states[state]) for state in WORST_FIRST)
    yield from ((d.BREAKER, (name, state), entry.breaker.state == state) for state in BREAKER_STATES)


def _condition(health: Health) -> Condition:
    now = health.now()
    found = {trouble.condition_at(now) for trouble in health.troubles.values()}
    return next((condition for condition in WORST_FIRST if condition in found), Condition.HEALTHY)


def _family(definition: Definition) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if definition.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(definition.name, definition.meaning, labels=definition.labels)
