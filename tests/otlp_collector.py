"""An OTLP collector on a real socket that keeps the spans it is sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PATH = "/v1/traces"
SERVER, CLIENT = 2, 3


@dataclass(frozen=True)
class Span:
    """A span, decoded."""

    name: str
    kind: int
    trace_id: str
    id: str
    parent_id: str
    state: str
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What has arrived: the spans, and the raw bodies."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """One export."""
        self.bodies.append(await request.read())
        exported = ExportTraceServiceRequest.FromString(self.bodies[-1])
        for group in exported.resource_spans:
            self.resources.append(_attributes(group.resource.attributes))
            self.spans += [_span(one) for scope in group.scope_spans for one in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")

    def named(self, name: str) -> list[Span]:
        """The spans of a name, in the order of their ends."""
        return [span for span in self.spans if span.name == name]


def _span(one: Any) -> Span:
    ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
    return Span(one.name, one.kind, *ids, one.trace_state, one.status.code == 2, _attributes(one.attributes))


def _attributes(found: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in found}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """An open collector."""
    collector, app = Collector(), web.Application()
    app.router.add_post(PATH, collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
