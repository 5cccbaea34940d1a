"""Sees every outcome, writes the one log line of a call, and tells whoever watches calls."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType

import grpc
import structlog

from qwen_grpc.calls import REQUEST_ID, Call

# Is told of a call that begins; what it returns is called when the call has ended.
Watch = Callable[[Call], Callable[[], None]]
log = structlog.get_logger()


class Observe:
    """Outermost scope. The line has keys, no prose, and never a prompt or a credential."""

    def __init__(self, *watches: Watch) -> None:
        self._watches = watches

    def __call__(self, call: Call) -> "_Observed":
        """The scope of one call."""
        return _Observed(self._watches, call)


class _Observed:
    def __init__(self, watches: tuple[Watch, ...], call: Call) -> None:
        self._watches = watches
        self._call = call

    async def __aenter__(self) -> None:
        self._call.context.set_trailing_metadata(((REQUEST_ID, self._call.request_id),))
        self._ends = [watch(self._call) for watch in self._watches]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        call = self._call
        if isinstance(error, asyncio.CancelledError):
            call.code = grpc.StatusCode.CANCELLED
        call.ended_at = time.monotonic()
        for end in self._ends:
            end()
        log.info("rpc", **_line(call))


def _line(call: Call) -> dict[str, str | int | float]:
    line: dict[str, str | int | float] = {
        "rpc": call.rpc,
        "code": call.code.name,
        "ms": _ms(call.ended_at - call.started_at),
    }
    if call.reason:
        line["reason"] = call.reason
    if call.streams:
        line["messages"] = call.messages
    if call.first_at:
        line["first_ms"] = _ms(call.first_at - call.started_at)
    if call.deltas:
        line["deltas"] = call.deltas
    if call.attempts:
        line["tries"] = call.attempts
    if usage := call.usage:
        line |= {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    if call.left_at:
        line["left_ms"] = _ms(call.ended_at - call.left_at)
    return line | call.facts | {"request_id": call.request_id}


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
