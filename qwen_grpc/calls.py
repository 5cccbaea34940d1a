"""The call that is being served, for whoever has something to say about it."""

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from grpc import StatusCode
from grpc.aio import ServicerContext

from qwen_grpc.v1.common_pb2 import Usage

Metadata = Sequence[tuple[str, str | bytes]]
Context = ServicerContext[Any, Any]

OURS = "/qwen.v1."
# The RPCs that have a model make something, by the names that OpenTelemetry's conventions give to that.
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "ChatService/StreamChat": "chat",
        "ChatService/CompleteChat": "chat",
        "EmbeddingsService/CreateEmbeddings": "embeddings",
        "ImagesService/GenerateImages": "generate_content",
        "ImagesService/EditImages": "generate_content",
    }
)
# Where a credential travels, the more usual place first.
CREDENTIAL_KEYS = ("authorization", "x-api-key")
REQUEST_ID = "x-request-id"
# W3C trace context.
TRACEPARENT, TRACESTATE = "traceparent", "tracestate"

_request_id = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_traceparent = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_tracestate = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(slots=True)
class Call:
    """One RPC: what is known when it starts, and what its log line and its metrics will tell.

    Moments are monotonic seconds; 0 stands for one that has not come. `last`
    is the last message that was sent, and carries the usage if it is known.
    `trace` is what upstreams are told of the trace that the call belongs to.
    """

    method: str
    context: Context
    metadata: dict[str, str | bytes]
    request_id: str
    streams: bool
    started_at: float = field(default_factory=time.monotonic)
    first_at: float = 0.0
    ended_at: float = 0.0
    messages: int = 0
    deltas: int = 0
    last: Any = None
    attempts: int = 0
    trace: Mapping[str, str] = field(default_factory=dict)
    code: StatusCode = StatusCode.OK
    reason: str = ""
    tenant: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    # Allows the time of long work, while the call runs.
    prolong: Callable[[], None] | None = None

    def sent(self, message: Any) -> None:
        """Counts a message that the transport has taken."""
        if not self.messages:
            self.first_at = time.monotonic()
        self.messages += 1
        self.last = message

    @property
    def rpc(self) -> str:
        """Service and method, such as `ChatService/StreamChat`."""
        return self.method.removeprefix(OURS)

    @property
    def usage(self) -> Usage | None:
        """The tokens that the call has cost, where the upstream counted them."""
        usage: Usage | None = getattr(self.last, "usage", None) if self.rpc in OPERATIONS else None
        return usage if usage and usage.ByteSize() and not usage.estimated else None

    @property
    def left_at(self) -> float:
        """When the caller left; 0 if it did not, and where the transport does not tell."""
        return getattr(self.context, "left_at", 0.0)


_current: ContextVar[Call] = ContextVar("call")


def begin(method: str, context: Context, *, streams: bool) -> Call:
    """Makes the record of a call and the current one of this task."""
    metadata = dict(context.invocation_metadata() or ())
    call = Call(method, context, metadata, _id_of(metadata), streams)
    if TRACEPARENT in metadata:
        call.trace = _trace_of(metadata)
    _current.set(call)
    return call


def current() -> Call | None:
    """The call that this task serves; None outside of one."""
    return _current.get(None)


def _id_of(metadata: dict[str, str | bytes]) -> str:
    given = metadata.get(REQUEST_ID)
    return given if isinstance(given, str) and _request_id.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def _trace_of(metadata: dict[str, str | bytes]) -> dict[str, str]:
    """The caller's trace context; empty unless it is a valid one."""
    parent, state = metadata[TRACEPARENT], metadata.get(TRACESTATE)
    if not isinstance(parent, str) or not _traceparent.fullmatch(parent):
        return {}
    if isinstance(state, str) and _tracestate.fullmatch(state):
        return {TRACEPARENT: parent, TRACESTATE: state}
    return {TRACEPARENT: parent}


def trace() -> Mapping[str, str]:
    """The headers by which an upstream learns of the trace that the call belongs to, if it belongs to one."""
    call = current()
    return call.trace if call else {}


def attempt(*, model: str, upstream: str) -> None:
    """Notes down where the call is tried now; one that fails everywhere is never announced."""
    if call := current():
        call.attempts += 1
        call.facts |= {"model": model, "upstream": upstream}


def serve(tenant: str) -> None:
    """Notes down whom the call is for, where the credential that serves it does not tell: it may stand for many."""
    _current.get().tenant = tenant


def tenant() -> str:
    """Whom the call is for, in that sense; empty for a caller's own credential, and outside of a call."""
    call = current()
    return call.tenant if call else ""


def take_long() -> None:
    """Says that this call does long work, for which there is more time. Outside of a call it says nothing."""
    call = _current.get(None)
    if call is not None and call.prolong is not None:
        call.prolong()


def notice(text: str) -> None:
    """Notes down, for `x-qwen-notice`, what the caller should know about how the request was changed to be served."""
    call = _current.get()
    call.facts["notice"] = f"{call.facts['notice']}; {text}" if "notice" in call.facts else text


async def announce(context: Context, *, model: str, upstream: str, attempts: str = "") -> None:
    """Tells client and log which model at which upstream answers; sends the initial metadata.

    `attempts` are the ones that failed before.
    """
    call = _current.get()
    call.facts |= {"model": model, "upstream": upstream} | ({"attempts": attempts} if attempts else {})
    told = [(REQUEST_ID, call.request_id), ("x-qwen-model", model), ("x-qwen-upstream", upstream)]
    told += [(f"x-qwen-{name}", _sayable(call.facts[name])) for name in ("attempts", "notice") if name in call.facts]
    await context.send_initial_metadata(tuple(told))


def _sayable(text: str) -> str:
    """The text as metadata can hold it; a notice may name something of the caller's."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)
