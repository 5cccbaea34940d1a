"""A call on its way: which lane it takes, what a failure does to it, and where it goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Self, TypeVar

from qwen_grpc import calls
from qwen_grpc.answering import Messages
from qwen_grpc.errors import (
    Billing,
    CircuitOpen,
    CredentialExpired,
    NoCredential,
    NotFound,
    Overloaded,
    QwenError,
    UpstreamCredentialInvalid,
)
from qwen_grpc.pressure import soon
from qwen_grpc.routing.affinity import Affinity
from qwen_grpc.routing.attempts import Attempt, WatchAttempt
from qwen_grpc.routing.candidates import Candidate
from qwen_grpc.routing.health import seconds_until
from qwen_grpc.routing.lanes import Lane, Need, Stop, Use
from qwen_grpc.routing.limits import RetryBudget
from qwen_grpc.routing.reactions import Onward, onward_from
from qwen_grpc.routing.snapshot import Entry, GatewayKey
from qwen_grpc.v1.chat_pb2 import StreamChatResponse

MAX_ATTEMPTS = 3
# What a caller has to know of the own credential, however well others could serve the call.
OWN_MATTERS = (CredentialExpired, Billing)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a call wants besides a model.

    `only` binds it to the lane of that label. `thread` is what stays the same
    in its conversation; empty means that any lane is as good as another.
    """

    use: Use
    only: str = ""
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer that has begun: where, its first message, and the rest."""

    stop: Stop
    first: StreamChatResponse
    rest: Messages


class Journey:
    """Serves one call by the best lane, and by the next one when that fails before anybody saw anything.

    Lanes are tried once each. What was tried is in `trail`, and in the error.
    """

    def __init__(
        self,
        candidates: AsyncIterator[Candidate],
        wish: Wish,
        key: GatewayKey | None,
        affinity: Affinity,
        watches: Sequence[WatchAttempt] = (),
    ) -> None:
        self.wish = wish
        self.watches = watches
        self._key = key
        self.affinity = affinity
        self._candidates = candidates
        self._known: list[Candidate] = []
        self._tried: set[str] = set()
        self._left: set[str] = set()
        self._trail: list[str] = []
        self._error: QwenError | None = None
        self._budget: RetryBudget | None = None
        self._hindrances: list[QwenError] = []

    @property
    def trail(self) -> str:
        """The attempts that failed, each with its reason; empty when there were none."""
        return ", ".join(self._trail)

    async def run(self, work: Callable[[Stop], Awaitable[T]]) -> tuple[Stop, T]:
        """Where some work was done, and its result. A failure of it that says `partial` is final."""
        while True:
            with await self.next() as passage, self.counted():
                return passage.stop, await work(passage.stop)

    @asynccontextmanager
    async def begun(self, begin: Callable[[Stop], Awaitable[Messages]]) -> AsyncIterator[Begun]:
        """An answer from its first message on. From then on a failure ends it."""
        while True:
            with await self.next() as passage, self.counted():
                async with aclosing(await begin(passage.stop)) as messages:
                    first = await anext(messages)
                    passage.committed = True
                    yield Begun(passage.stop, first, messages)
                return

    def counted(self) -> AbstractContextManager[None]:
        """Counts the call for the caller's key, while inside."""
        return self._key.allowance.call() if self._key else nullcontext()

    # -- choosing -------------------------------------------------------------------------------------------------

    async def next(self) -> "Passage":
        """The next lane, to be entered. Raises the last failure, or why no lane can be taken, when there is none."""
        if self._key is not None and not self._trail:
            self._key.check_allowance()
        while True:
            for candidate in self._known:
                if passage := self._chosen(candidate):
                    self._spend()
                    return passage
            further = await anext(self._candidates, None)
            if further is None:
                raise self._error or self._hindered()
            self._known.append(further)

    def _spend(self) -> None:
        """Takes a second attempt out of the budget of the upstream that failed. Raises the failure if none is left."""
        if self._budget is not None and self._error is not None and not self._budget.spend():
            self._error.facts["exhausted"] = "true"
            raise self._error

    def _chosen(self, candidate: Candidate) -> "Passage | None":
        entry = candidate.access.entry
        lanes = [lane for lane in candidate.access.lanes if lane.label not in self._tried and self._suits(lane)]
        if entry.name in self._left or not lanes or not self._takes_more(entry):
            return None
        need = Need(candidate.model.id, self.wish.use)
        lane = lanes[0] if lanes[0].own else self._pooled(entry, lanes, need)
        return Passage(self, entry, Stop(lane, candidate.model), need) if lane else None

    def _suits(self, lane: Lane) -> bool:
        return self.wish.only in ("", lane.label)

    def _takes_more(self, entry: Entry) -> bool:
        wait = entry.allowance.wait()
        if wait is not None:
            self._hinder(Overloaded(f"{entry.name} has as many calls as it may have", retry_after=max(soon(), wait)))
        return wait is None

    def _pooled(self, entry: Entry, lanes: list[Lane], need: Need) -> Lane | None:
        """The lane that served the conversation before; else the least busy one that is open."""
        if opens := entry.breaker.open_at():
            self._hinder(left_alone(entry.name, opens))
            return None
        free = [lane for lane in lanes if self._is_open(entry, lane, need)]
        before = self.affinity.label(self.wish.thread) if self.wish.thread and len(lanes) > 1 else ""
        usual = next((lane for lane in free if lane.label == before), None)
        return usual or min(free, key=lambda lane: _load(entry, lane), default=None)

    def _is_open(self, entry: Entry, lane: Lane, need: Need) -> bool:
        health = entry.health_of(lane)
        opens = health.open_at(need) if health else 0.0
        if opens == inf:
            text = f"{lane.label} was refused by its upstream: the operator has to renew it"
            self._hinder(UpstreamCredentialInvalid(text))
        elif opens:
            text = f"every credential that could serve this is left alone for a while ({lane.label} among them)"
            self._hinder(NoCredential(text, retry_after=_wait(opens)))
        elif entry.busy(lane):
            self._hinder(Overloaded(f"{lane.label} has as many calls as it may have", retry_after=soon()))
            return False
        return not opens

    def _hinder(self, error: QwenError) -> None:
        self._hindrances.append(error)

    def _hindered(self) -> QwenError:
        """Why no lane could be taken at all: of all reasons the one that passes first."""
        if not self._hindrances:
            return NotFound("what this request names lies with an account that is no longer in use here")
        passing = [error for error in self._hindrances if error.retry_after is not None]
        return min(passing, key=lambda error: error.retry_after or 0.0, default=self._hindrances[0])

    # -- after a failure ------------------------------------------------------------------------------------------

    def failed(self, passage: "Passage", error: QwenError) -> bool:
        """Notes a failed attempt; whether the call goes on. `passage.error` is what to raise otherwise."""
        lane = passage.stop.lane
        self._trail.append(f"{lane.label} {error.reason}")
        self._tried.add(lane.label)
        self._error = self._told(error, lane)
        onward = Onward.NOWHERE if passage.committed else onward_from(error, self.wish.use)
        if onward is Onward.NOWHERE or (lane.own and isinstance(error, OWN_MATTERS)):
            return False
        if onward is Onward.OTHER_UPSTREAM:
            self._left.add(passage.entry.name)
        self._budget = passage.entry.budget
        if len(self._trail) >= MAX_ATTEMPTS:
            self._error.facts["exhausted"] = "true"
            return False
        return True

    @property
    def error(self) -> QwenError | None:
        """The last failure, as the caller is told of it."""
        return self._error

    def _told(self, error: QwenError, lane: Lane) -> QwenError:
        if isinstance(error, CredentialExpired) and not lane.own:
            text = f"{lane.label} was refused by its upstream; the operator has to renew it, the caller cannot"
            error = UpstreamCredentialInvalid(text)
        error.facts["upstream"] = lane.upstream.name
        if len(self._trail) > 1:
            error.facts["attempts"] = self.trail
            error.message = f"{error.message}; tried: {self.trail}"
        return error


class Passage:
    """One attempt on one lane. Left with a failure that another lane may mend, it swallows it."""

    def __init__(self, journey: Journey, entry: Entry, stop: Stop, need: Need) -> None:
        self.journey = journey
        self.entry = entry
        self.stop = stop
        self.committed = False
        self._need = need
        self._health = entry.health_of(stop.lane)
        self._call = entry.allowance.call()
        self._attempt = Attempt(entry.name, stop.model.id, journey.wish.use)

    @contextmanager
    def for_good(self) -> Iterator[None]:
        """The lane for what is never moved to another one: every failure is raised.

        It was chosen a while ago, so it is looked at once more: a server that
        is left alone is tried by one call and not by all that were waiting.
        """
        if self._health is not None and (opens := self.entry.breaker.open_at()):
            raise left_alone(self.entry.name, opens)
        self.committed = True
        with self, self.journey.counted():
            yield

    def __enter__(self) -> Self:
        self._call.__enter__()
        if not self.journey.trail:
            self.entry.budget.called()
        if self._health is not None:
            self._tried = self._health.begin(self._need)
            self._probe = self.entry.breaker.begin()
        calls.attempt(model=self._attempt.model, upstream=self._attempt.upstream)
        self._ends = [watch(self._attempt) for watch in self.journey.watches]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        self._call.__exit__(None, None, None)
        self._attempt.end(error)
        for end in self._ends:
            end()
        failure = error if isinstance(error, QwenError) else None
        # A caller that left, or a bug of ours, says nothing about the upstream.
        told = error is None or failure is not None
        if self._health is not None:
            self._health.end(self._need, failure, self._tried, told=told)
            self.entry.breaker.end(failure, told=told, probe=self._probe)
        if failure is None:
            self._remember(told=told)
            return False
        goes_on = self.journey.failed(self, failure)
        if not goes_on and self.journey.error is not failure:
            assert self.journey.error is not None
            raise self.journey.error from failure
        return goes_on

    def _remember(self, *, told: bool) -> None:
        lane, thread = self.stop.lane, self.journey.wish.thread
        if told and thread and not lane.own:
            self.journey.affinity.remember(thread, lane.label)


def _load(entry: Entry, lane: Lane) -> tuple[int, int]:
    health = entry.health_of(lane)
    return (health.in_flight, health.calls) if health else (0, 0)


def left_alone(name: str, opens: float) -> CircuitOpen:
    """What is told of a server that failed too often, with the time until it is tried again."""
    return CircuitOpen(f"{name} failed too often just now and is left alone", retry_after=_wait(opens))


def _wait(opens: float) -> float:
    return max(1.0, seconds_until(opens) or 0.0)
