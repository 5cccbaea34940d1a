"""Puts metrics and traces together, as far as they are wanted."""

import asyncio
from collections.abc import Sequence

from qwen_grpc.interceptors.observe import Watch
from qwen_grpc.routing.attempts import WatchAttempt
from qwen_grpc.settings import BadSettings, Settings
from qwen_grpc.telemetry.door import LOOPBACK, MetricsDoor
from qwen_grpc.telemetry.lag import LagSampler
from qwen_grpc.telemetry.metrics import Metrics
from qwen_grpc.telemetry.sources import Sources
from qwen_grpc.telemetry.states import States
from qwen_grpc.telemetry.traces import Traces, traces


class Telemetry:
    """The telemetry of one server. `calls` and `attempts` are who has to be told of those."""

    def __init__(self, settings: Settings) -> None:
        self._port = settings.metrics_port
        self._traces = traces(settings.otel_exporter_otlp_endpoint)
        self._door: MetricsDoor | None = None
        self.metrics = Metrics()
        self._lag = LagSampler(self.metrics.lag)
        self.calls, self.attempts = self._watches(self._traces)

    def _watches(self, made: Traces | None) -> tuple[Sequence[Watch], Sequence[WatchAttempt]]:
        metrics = self.metrics if self._port is not None else None
        watchers = [one for one in (made, metrics) if one is not None]
        return [one.call for one in watchers], [one.attempt for one in watchers]

    def open(self, sources: Sources) -> int | None:
        """Opens the port of the metrics, if it is wanted, and returns it. Raises `BadSettings` when it is taken."""
        if self._port is None:
            return None
        self.metrics.registry.register(States(sources, self._lag, asyncio.get_running_loop()))
        try:
            self._door = MetricsDoor(self.metrics.registry, self._port)
        except OSError as error:
            raise BadSettings(f"METRICS_PORT: cannot listen on {LOOPBACK}:{self._port}: {error.strerror}") from error
        self._lag.start()
        return self._door.port

    async def close(self) -> None:
        """Closes the port, and sends the last spans."""
        self._lag.stop()
        door, self._door = self._door, None
        if door is not None:
            await asyncio.to_thread(door.close)
        if self._traces is not None:
            await self._traces.close()
