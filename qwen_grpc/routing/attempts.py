"""An attempt: a call on one lane. Who wants to know of them is told of the beginning and the end of each."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from qwen_grpc.errors import QwenError


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    FAILED = "failed"
    # Nobody waited for the answer any longer; it says nothing about the upstream.
    LEFT = "left"


@dataclass(slots=True)
class Attempt:
    """Where a call is tried, and how that ended. Moments are monotonic seconds; 0 stands for one to come."""

    upstream: str
    model: str
    use: str
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float = 0.0
    outcome: Outcome = Outcome.LEFT
    reason: str = ""

    def end(self, error: BaseException | None) -> None:
        """It is over; `error` is what ended it."""
        self.ended_at = time.monotonic()
        if error is None:
            self.outcome = Outcome.OK
        elif isinstance(error, QwenError):
            self.outcome, self.reason = Outcome.FAILED, error.reason


# Is told of an attempt that begins; what it returns is called when the attempt has ended.
WatchAttempt = Callable[[Attempt], Callable[[], None]]
