"""How one credential is, and how one server is: what was seen of them, and when they are tried again."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

from qwen_grpc.errors import QwenError
from qwen_grpc.routing.lanes import Need
from qwen_grpc.routing.limits import Window
from qwen_grpc.routing.reactions import HOST_FAULTS, MAX_COOLING_S, Condition, Reaction, reaction_to

Now = Callable[[], float]
JITTER = 0.2
# A server is left alone after so many faults in a row, or when of so many calls within the window half met one.
BREAKER_FAULTS = 5
BREAKER_CALLS, BREAKER_SHARE, BREAKER_WINDOW_S = 20, 0.5, 30.0
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

    def begin(self, need: Need) -> tuple[Trouble, ...]:
        """A call goes this way. The troubles whose time is over: it is the one that tries, and hands them to `end`."""
        self.in_flight += 1
        self.calls += 1
        tried = tuple(self._about(need))
        for trouble in tried:
            trouble.probing = True
        return tried

    def end(self, need: Need, error: QwenError | None, tried: tuple[Trouble, ...] = (), *, told: bool) -> None:
        """The call is over. `told` is whether it says anything about the credential: one that was left does not."""
        self.in_flight -= 1
        reaction = reaction_to(error) if error else None
        if error is not None and reaction is not None:
            self._trouble(need, error, reaction)
        elif told and error is None:
            self._recovered(need)
        for trouble in tried:
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
    """A server. After faults in a row, or when half of many calls met one, it is left alone; then one call tries.

    Each time in a row that it is left alone lasts longer. Calls that had begun
    before say nothing new, however they end.
    """

    def __init__(self, now: Now = time.monotonic) -> None:
        self._now = now
        self._times = 0
        self._close()

    def _close(self) -> None:
        self._until = 0.0
        self._probing = False
        self._in_a_row = 0
        self._ended = Window(BREAKER_WINDOW_S, self._now)
        self._failed = Window(BREAKER_WINDOW_S, self._now)

    @property
    def state(self) -> str:
        """`closed` while calls go there, `open` while it is left alone, `half-open` when one may try."""
        if not self._until:
            return "closed"
        return "open" if self._now() < self._until else "half-open"

    def open_at(self) -> float:
        """When a call may go to the server: 0 means now."""
        now = self._now()
        return max(self._until, now) if now < self._until or self._probing else 0.0

    def begin(self) -> bool:
        """A call goes there. Whether it is the one that tries a server that was left alone."""
        self._probing = bool(self._until)
        return self._probing

    def end(self, error: QwenError | None, *, told: bool, probe: bool = False) -> None:
        """The call is over; anything but a fault of the server says that it is there."""
        faulty = isinstance(error, HOST_FAULTS)
        if probe:
            self._probing = False
        elif self._until:
            return
        if faulty and (probe or self._too_often()):
            self._open()
        elif told and not faulty:
            self._well(probe=probe)

    def _too_often(self) -> bool:
        """Counts a fault; whether there were so many that it was not one call's bad luck."""
        self._in_a_row += 1
        self._ended.add()
        self._failed.add()
        calls = self._ended.count()
        return self._in_a_row >= BREAKER_FAULTS or (
            calls >= BREAKER_CALLS and self._failed.count() >= BREAKER_SHARE * calls
        )

    def _well(self, *, probe: bool) -> None:
        if probe:
            self._times = 0
            self._close()
        self._in_a_row = 0
        self._ended.add()

    def _open(self) -> None:
        self._times += 1
        self._until = self._now() + jittered(min(BREAKER_S * self._times, MAX_BREAKER_S))


def seconds_until(moment: float, now: Now = time.monotonic) -> float | None:
    """From now; None when the moment never comes."""
    return None if moment == inf else max(0.0, moment - now())
