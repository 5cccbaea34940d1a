"""One call in flight: what its client and its servicer share."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from qwen_grpc.inprocess.metadata import Metadata
from qwen_grpc.inprocess.slot import EOF, Slot

_NO_RESPONSE = "The method ended with OK and sent no response."
_EXPIRED = "Deadline Exceeded"


@dataclass(frozen=True, slots=True)
class Status:
    """How a call ended."""

    code: grpc.StatusCode
    details: str = ""
    trailing_metadata: Metadata = ()


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the client asked for; `timeout` in seconds."""

    method: str
    metadata: Metadata = ()
    timeout: float | None = None


class Rpc:
    """The state of one call.

    Its two ends finish at different moments. `outcome` is the last word for the
    servicer: from then on it can send nothing. `status` is what the client was
    told: for a stream that is after the last message was read, as on the wire.
    """

    def __init__(self, invocation: Invocation, *, streams_responses: bool) -> None:
        loop = asyncio.get_running_loop()
        self.loop = loop
        self.invocation = invocation
        self.requests = Slot(loop)
        self.responses = Slot(loop)
        self.response: Any = EOF
        self.initial_metadata: Metadata | None = None
        self.outcome: Status | None = None
        self.status: Status | None = None
        self.cancelled_locally = False
        self.left_at = 0.0
        self.task: asyncio.Task[None] | None = None
        self._streams_responses = streams_responses
        self._waiters: list[asyncio.Future[None]] = []
        self._callbacks: list[Callable[[], object]] = []
        self._set_timer(invocation.timeout)

    def _set_timer(self, timeout: float | None) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = None if timeout is None else self.loop.time() + timeout
        if self._deadline is not None:
            self._timer = self.loop.call_at(self._deadline, self.expire)

    # -- the servicer's side ------------------------------------------------------------------------------------------

    def open(self, metadata: Metadata) -> None:
        """Sends the initial metadata."""
        self.initial_metadata = metadata
        self._notify()

    def send(self, message: Any) -> Awaitable[object] | None:
        """Hands a response over; returns what to await before the next, or None for nothing.

        Raises:
            UsageError: when the call has ended.

        """
        self.require_running()
        if self.initial_metadata is None:
            self.open(())
        if self._streams_responses:
            return self.responses.offer(message)
        # A client that expects one response gets the first one.
        if self.response is EOF:
            self.response = message
        return None

    def require_running(self) -> None:
        """Raises UsageError when nothing more can be sent or received."""
        if self.outcome is not None:
            raise grpc.aio.UsageError("RPC already finished.")

    def finish(self, status: Status) -> None:
        """Ends the call from the servicer's side; does nothing when it has ended."""
        if self.outcome is not None:
            return
        if not self._streams_responses and status.code is grpc.StatusCode.OK and self.response is EOF:
            status = Status(grpc.StatusCode.INTERNAL, _NO_RESPONSE)
        self.outcome = status
        self.requests.abandon()
        self.responses.end()
        self.settle()

    # -- the client's side --------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Tells the client how the call ended, if it did and no message is left to read."""
        if self.status is None and self.outcome is not None and self.responses.drained:
            self._publish(self.outcome)

    def terminate(self, status: Status, *, locally: bool = False) -> bool:
        """Ends the call now, drops unread messages and cancels the servicer; False when it was over."""
        if self.status is not None:
            return False
        self.cancelled_locally = locally
        self.left_at = time.monotonic() if locally else 0.0
        self.requests.abandon()
        self.responses.abandon()
        if self.outcome is None:
            self.outcome = status
            if self.task is not None:
                self.task.cancel()
        self._publish(status)
        return True

    def expire(self) -> None:
        """Ends the call because its deadline passed."""
        self.terminate(Status(grpc.StatusCode.DEADLINE_EXCEEDED, _EXPIRED))

    async def opened(self) -> Metadata:
        """Waits for the initial metadata; a call that ends without any has none."""
        while self.initial_metadata is None:
            await self._change()
        return self.initial_metadata

    async def ended(self) -> Status:
        """Waits until the client can know how the call ended."""
        while self.status is None:
            await self._change()
        return self.status

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return None if self._deadline is None else max(self._deadline - self.loop.time(), 0.0)

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Runs the callback on the loop when the status is known."""
        if self.status is None:
            self._callbacks.append(callback)
        else:
            self.loop.call_soon(callback)

    def _publish(self, status: Status) -> None:
        self.status = status
        if self.initial_metadata is None:
            self.initial_metadata = ()
        if self._timer is not None:
            self._timer.cancel()
        # Before the waiters, so that who has awaited the call finds its callbacks done.
        for callback in self._callbacks:
            self.loop.call_soon(callback)
        self._callbacks.clear()
        self._notify()

    async def _change(self) -> None:
        waiter = self.loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
