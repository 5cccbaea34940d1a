"""Sees every outcome and writes the one log line of a call."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog

from qwen_grpc.calls import REQUEST_ID, Call
from qwen_grpc.interceptors.around import OURS

log = structlog.get_logger()


@asynccontextmanager
async def observe(call: Call) -> AsyncIterator[None]:
    """Outermost scope. The line has keys, no prose, and never a prompt or a credential."""
    call.context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
    try:
        yield
    except asyncio.CancelledError:
        call.code = grpc.StatusCode.CANCELLED
        raise
    finally:
        log.info("rpc", **_line(call))


def _line(call: Call) -> dict[str, str | int | float]:
    line: dict[str, str | int | float] = {
        "rpc": call.method.removeprefix(OURS),
        "code": call.code.name,
        "ms": round(1000 * (time.monotonic() - call.started_at), 1),
    }
    if call.reason:
        line["reason"] = call.reason
    if call.streams:
        line["messages"] = call.messages
    if call.first_at:
        line["first_ms"] = round(1000 * (call.first_at - call.started_at), 1)
    return line | call.facts | {"request_id": call.request_id}
