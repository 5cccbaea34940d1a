"""Traces over OTLP: a span for each call, and one within it for each attempt at an upstream.

Made by OpenTelemetry's SDK, which the extra `otel` installs. What else can be
set of it (service name, sampler, headers) it reads from the environment, by
the standard names. Attributes are counts, names and codes: never a prompt, an
answer, a credential or a URL.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from qwen_grpc import calls
from qwen_grpc.calls import OPERATIONS, Call
from qwen_grpc.routing.attempts import Attempt, Outcome
from qwen_grpc.routing.lanes import Use
from qwen_grpc.settings import BadSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Span

SERVICE = "qwen-grpc"
PATH = "/v1/traces"
# How long the collector may take to accept the last spans.
LAST_S = 2.0
NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
USES = {Use.CHAT: "chat", Use.EMBEDDING: "embeddings", Use.IMAGE: "generate_content", Use.VIDEO: "generate_content"}


def traces(endpoint: str) -> "Traces | None":
    """The traces that go to an OTLP endpoint over HTTP; None without one.

    Raises `BadSettings` when the extra is not installed.
    """
    if not endpoint:
        return None
    if not all(_is_there(name) for name in NEEDED):
        raise BadSettings(
            "OTEL_EXPORTER_OTLP_ENDPOINT: traces need the extra `otel`: pip install 'qwen-grpc[otel]', or unset it"
        )
    return Traces(endpoint)


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class Traces:
    """Makes spans. The caller's W3C context is the parent; upstreams that may know of it get that of the attempt."""

    def __init__(self, endpoint: str) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            # Neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES names it.
            resource = resource.merge(Resource({SERVICE_NAME: SERVICE}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter(endpoint.rstrip("/") + PATH)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(SERVICE)
        self._context = TraceContextTextMapPropagator()
        self._kinds = trace.SpanKind
        self._error = trace.Status(trace.StatusCode.ERROR)
        self._in_span = trace.set_span_in_context

    async def close(self) -> None:
        """Sends what is not sent yet, for a few seconds at most."""
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        await asyncio.to_thread(last.join, LAST_S)
        if last.is_alive():
            # The collector does not answer. This ends the tries, and the last spans are lost.
            await asyncio.to_thread(self._exporter.shutdown)

    def call(self, call: Call) -> Callable[[], None]:
        """Begins the span of a call; what it returns ends it."""
        service, _, method = call.rpc.partition("/")
        span = self._tracer.start_span(
            f"{calls.OURS[1:]}{call.rpc}",
            self._context.extract(call.trace),
            self._kinds.SERVER,
            {"rpc.system": "grpc", "rpc.service": f"{calls.OURS[1:]}{service}", "rpc.method": method},
        )
        call.trace = self._passed_on(span)
        return partial(self._end_call, call, span)

    def _end_call(self, call: Call, span: "Span") -> None:
        span.set_attributes(_of_call(call))
        self._finish(span, "" if not call.code.value[0] else call.reason or call.code.name)

    def attempt(self, attempt: Attempt) -> Callable[[], None]:
        """Begins the span of an attempt; what it returns ends it. Until then upstreams are told of this span."""
        call = calls.current()
        outer = call.trace if call else {}
        operation = USES[Use(attempt.use)]
        span = self._tracer.start_span(
            f"{operation} {attempt.model}",
            self._context.extract(outer),
            self._kinds.CLIENT,
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": attempt.upstream,
                "gen_ai.request.model": attempt.model,
            },
        )
        if call:
            call.trace = self._passed_on(span)

        def end() -> None:
            if call:
                call.trace = outer
            span.set_attribute("qwen_grpc.outcome", attempt.outcome.value)
            self._finish(span, attempt.reason if attempt.outcome is Outcome.FAILED else "")

        return end

    def _finish(self, span: "Span", error: str) -> None:
        if error:
            span.set_attribute("error.type", error)
            span.set_status(self._error)
        span.end()

    def _passed_on(self, span: "Span") -> dict[str, str]:
        carrier: dict[str, str] = {}
        self._context.inject(carrier, self._in_span(span))
        return carrier


def _of_call(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {
        "rpc.grpc.status_code": call.code.value[0],
        "qwen_grpc.request_id": call.request_id,
        "qwen_grpc.attempts": call.attempts,
        "qwen_grpc.messages": call.messages,
    }
    if operation := OPERATIONS.get(call.rpc):
        found["gen_ai.operation.name"] = operation
    names = {"gen_ai.request.model": "model", "gen_ai.provider.name": "upstream"}
    found |= {name: call.facts[fact] for name, fact in names.items() if fact in call.facts}
    if call.first_at:
        found["qwen_grpc.time_to_first_message"] = call.first_at - call.started_at
    if usage := call.usage:
        found |= {
            "gen_ai.usage.input_tokens": usage.prompt_tokens,
            "gen_ai.usage.output_tokens": usage.completion_tokens,
        }
    return found
