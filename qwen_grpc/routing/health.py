"""How one credential is, and how one server is: what was seen of them, and when they are tried again."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

from qwen_grpc.errors import QwenError
from qwen_grpc.routing.lanes import Need
from qwen_grpc.routing.reactions import HOST_FAULTS, MAX_COOLING_S, Condition, Reaction, reaction_to

Now = Callable[[], float]
JITTER = 0.2
BREAKER_FAULTS = 5
BREAKER_S, MAX_BREAKER_S = 30.0, 300.0


def jittered(seconds: float) -> float:
    """Somewhat more or less, so that what failed together is not tried again together."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)


@dataclass(slots=True)
class Trouble:
    """Why something is left alone, until when (monotonic seconds), and how often in a row that came."""

    condition: Condition
    reason: str
    until: float
    times: int
    probing: bool = False

    def condition_at(self, now: float) -> Condition:
        """Once the time is over, one call may try."""
        return self.condition if now < self.until else Condition.HALF_OPEN

    def bars(self, now: float) -> bool:
        """Whether no call may go this way: too early, or one is trying already."""
        return now < self.until or self.probing


@dataclass(slots=True)
class Health:
    """A credential at one upstream. Troubles are kept by what they are about."""

    now: Now = time.monotonic
    in_flight: int = 0
    calls: int = 0
    failures: int = 0
    troubles: dict[Need, Trouble] = field(default_factory=dict)

    def open_at(self, need: Need) -> float:
        """When a call for this may go this way: 0 means now, infinity means that only the operator can help."""
        now = self.now()
        barred = [trouble for trouble in self._about(need) if trouble.bars(now)]
        return max((max(trouble.until, now) for trouble in barred), default=0.0)

    def begin(self, need: Need) -> None:
        """A call goes this way; of troubles whose time is over, it is the one that tries."""
        self.in_flight += 1
        self.calls += 1
        for trouble in self._about(need):
            trouble.probing = True

    def end(self, need: Need, error: QwenError | None, *, told: bool) -> None:
        """The call is over. `told` is whether it says anything about the credential: one that was left does not."""
        self.in_flight -= 1
        reaction = reaction_to(error) if error else None
        if error is not None and reaction is not None:
            self._trouble(need, error, reaction)
        elif told and error is None:
            self._recovered(need)
        for trouble in self._about(need):
            trouble.probing = False

    def _trouble(self, need: Need, error: QwenError, reaction: Reaction) -> None:
        about = Need(need.model if reaction.by_model else "", need.use if reaction.by_use else "")
        known = self.troubles.get(about)
        times = known.times + 1 if known else 1
        delay = max(jittered(reaction.delay(times)), min(error.retry_after or 0.0, MAX_COOLING_S))
        self.failures += 1
        self.troubles[about] = Trouble(reaction.condition, error.reason, self.now() + delay, times)

    def _recovered(self, need: Need) -> None:
        for about in [about for about in self.troubles if _covers(about, need)]:
            if not self.troubles[about].until > self.now():
                del self.troubles[about]

    def _about(self, need: Need) -> Iterator[Trouble]:
        return (trouble for about, trouble in self.troubles.items() if _covers(about, need))


def _covers(about: Need, need: Need) -> bool:
    return about.model in ("", need.model) and about.use in ("", need.use)


class Breaker:
    """A server. After some faults in a row it is left alone for a while, then one call tries."""

    def __init__(self, now: Now = time.monotonic) -> None:
        self._now = now
        self._faults = 0
        self._times = 0
        self._until = 0.0
        self._probing = False

    @property
    def state(self) -> str:
        """`closed` while calls go there, `open` while it is left alone, `half-open` when one may try."""
        if self._faults < BREAKER_FAULTS:
            return "closed"
        return "open" if self._now() < self._until else "half-open"

    def open_at(self) -> float:
        """When a call may go to the server: 0 means now."""
        now = self._now()
        return max(self._until, now) if now < self._until or self._probing else 0.0

    def begin(self) -> None:
        """A call goes there; if the server was left alone, it is the one that tries."""
        self._probing = self._faults >= BREAKER_FAULTS

    def end(self, error: QwenError | None, *, told: bool) -> None:
        """The call is over; anything but a fault of the server says that it is there."""
        self._probing = False
        if isinstance(error, HOST_FAULTS):
            self._faults += 1
            if self._faults >= BREAKER_FAULTS:
                self._times += 1
                self._until = self._now() + jittered(min(BREAKER_S * self._times, MAX_BREAKER_S))
        elif told:
            self._faults = self._times = 0


def seconds_until(moment: float, now: Now = time.monotonic) -> float | None:
    """From now; None when the moment never comes."""
    return None if moment == inf else max(0.0, moment - now())
