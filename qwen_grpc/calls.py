"""The call that is being served, for whoever has something to say about it."""

import re
import time
import uuid
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from grpc import StatusCode
from grpc.aio import ServicerContext

Metadata = Sequence[tuple[str, str | bytes]]
Context = ServicerContext[Any, Any]

# Where a credential travels, the more usual place first.
CREDENTIAL_KEYS = ("authorization", "x-api-key")
REQUEST_ID = "x-request-id"

_request_id = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass(slots=True)
class Call:
    """One RPC: what is known when it starts, and what its log line will tell."""

    method: str
    context: Context
    metadata: dict[str, str | bytes]
    request_id: str
    streams: bool
    started_at: float = field(default_factory=time.monotonic)
    first_at: float = 0.0
    messages: int = 0
    code: StatusCode = StatusCode.OK
    reason: str = ""
    tenant: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    def count(self) -> None:
        """Counts a message that is about to be sent."""
        self.first_at = self.first_at or time.monotonic()
        self.messages += 1


_current: ContextVar[Call] = ContextVar("call")


def begin(method: str, context: Context, *, streams: bool) -> Call:
    """Makes the record of a call and the current one of this task."""
    metadata = dict(context.invocation_metadata() or ())
    call = Call(method, context, metadata, _id_of(metadata), streams)
    _current.set(call)
    return call


def _id_of(metadata: dict[str, str | bytes]) -> str:
    given = metadata.get(REQUEST_ID)
    return given if isinstance(given, str) and _request_id.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def serve(tenant: str) -> None:
    """Notes down whom the call is for, where the credential that serves it does not tell: it may stand for many."""
    _current.get().tenant = tenant


def tenant() -> str:
    """Whom the call is for, in that sense; empty for a caller's own credential, and outside of a call."""
    call = _current.get(None)
    return call.tenant if call else ""


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
