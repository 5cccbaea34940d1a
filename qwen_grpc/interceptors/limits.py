"""For how long at most."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from qwen_grpc.calls import Call
from qwen_grpc.errors import ClientDeadline, ClientTooSlow, QwenError, TotalTimeout

# So much before the client's own deadline a call ends, and its client learns from us why.
MARGIN_S = 0.05
# Pictures and clips are waited for, files and clips are carried.
LONG = ("ImagesService/", "VideosService/", "FilesService/")


@dataclass(frozen=True, slots=True)
class Totals:
    """Seconds from the admission of a call to its last byte: of a usual call, and of one that does long work."""

    usual_s: float
    long_s: float


class Deadline:
    """A scope that ends a call shortly before its client's deadline, or when it has taken as long as one may take.

    All other clocks run inside of it, so none of them outlasts the call.
    """

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """The scope of one call."""
        begun, total_s = asyncio.get_running_loop().time(), self._totals.usual_s
        span = _Span(call.context.time_remaining(), self._totals.long_s if call.rpc.startswith(LONG) else total_s)
        span.check()

        def prolong() -> None:
            span.total_s = self._totals.long_s
            clock.reschedule(begun + span.seconds)

        try:
            async with asyncio.timeout(span.seconds) as clock:
                call.prolong = prolong
                yield
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise span.late() from error
        except asyncio.CancelledError:
            _check_reading(call)
            raise
        finally:
            call.prolong = None


@dataclass(slots=True)
class _Span:
    """How long one call may take: `left_s` by its client's deadline, if it has one, and `total_s` by ours."""

    left_s: float | None
    total_s: float

    @property
    def seconds(self) -> float:
        """What comes first."""
        return self.total_s if self.left_s is None else min(self.total_s, self.left_s - MARGIN_S)

    def check(self) -> None:
        """Raises `ClientDeadline` when there is no time left to begin in."""
        if self.seconds <= 0:
            raise ClientDeadline("the deadline of the call passed before it could begin; nothing was asked upstream")

    def late(self) -> QwenError:
        """Which of the two it was."""
        if self.seconds < self.total_s:
            return ClientDeadline("the deadline of the call passed before the answer was complete")
        return TotalTimeout(f"the call was not complete after {self.total_s:g} s, as long as one may take here")


def _check_reading(call: Call) -> None:
    """Raises `ClientTooSlow` when the call was cancelled because its client does not read."""
    given_up_s: float = getattr(call.context, "given_up_s", 0.0)
    task = asyncio.current_task()
    if given_up_s and task is not None:
        task.uncancel()
        raise ClientTooSlow(f"the client took nothing of the answer for {given_up_s:g} s; read on, or ask for less")
