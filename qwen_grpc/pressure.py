"""How much this process has in hand, and whether it takes on more.

One timer looks at the event loop and at the memory four times a second; a
call asks four integers. Nothing waits in a queue: what cannot be served now is
refused at once, and what runs is never ended to make room.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import inf
from types import MappingProxyType

from qwen_grpc.errors import Overloaded
from qwen_grpc.memory import resident_bytes

SAMPLE_S = 0.25
# A refused caller comes back after so many seconds, each after another time.
BACK_S = (1.0, 5.0)


class Priority(IntEnum):
    """Which calls are refused first: the lowest."""

    OTHER = 1
    MEDIA = 2
    CHAT = 3


class Shortage(StrEnum):
    """What there is too little of."""

    CALLS = "calls"
    BYTES = "bytes"
    LAG = "lag"
    MEMORY = "memory"
    CONNECTIONS = "connections"


PRIORITIES: Mapping[str, Priority] = MappingProxyType(
    {
        "ChatService": Priority.CHAT,
        "ResponsesService": Priority.CHAT,
        "EmbeddingsService": Priority.CHAT,
        "ImagesService": Priority.MEDIA,
        "VideosService": Priority.MEDIA,
        "FilesService": Priority.MEDIA,
    }
)
# How many seconds the loop has to be late, look after look, until calls of a priority are refused.
PATIENCE_S: Mapping[Priority, float] = MappingProxyType({Priority.OTHER: 0.5, Priority.MEDIA: 1.0, Priority.CHAT: 2.0})
TEXTS: Mapping[Shortage, str] = MappingProxyType(
    {
        Shortage.CALLS: "the gateway serves {calls} calls at once and is full; try again",
        Shortage.BYTES: "the gateway holds {bytes} bytes of requests and takes no more just now; try again",
        Shortage.LAG: "the gateway is late with what it serves and takes on no more just now; try again",
        Shortage.MEMORY: "the gateway is short of memory and takes on no more just now; try again",
        Shortage.CONNECTIONS: "the gateway has as many connections as it may have; try again",
    }
)


@dataclass(frozen=True, slots=True)
class Caps:
    """How much is taken on: calls at once, bytes of requests in hand, bytes of memory, seconds of lag (0: no limit)."""

    calls: int
    request_bytes: int
    rss_bytes: int = 0
    lag_s: float = 0.0


def soon() -> float:
    """Seconds after which a refused caller should come back, so that not all come at once."""
    return random.uniform(*BACK_S)


class Pressure:
    """What the process has in hand. All numbers may be read at any time; `refused` counts by shortage."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self.calls = 0
        self.inflight_bytes = 0
        self.lag_s = 0.0
        self.rss_bytes = 0
        self.refused: Counter[str] = Counter({shortage.value: 0 for shortage in Shortage})
        self._late_since = inf
        # Calls up to this priority are refused, for this reason.
        self._shed = 0
        self._why = Shortage.LAG

    # -- what is asked for each call ----------------------------------------------------------------------------------

    def shortage(self, service: str) -> Shortage | None:
        """What a call of a service such as `ChatService` would have too little of; None when it may begin."""
        if self.calls >= self._caps.calls:
            return Shortage.CALLS
        if self.inflight_bytes >= self._caps.request_bytes:
            return Shortage.BYTES
        if self._shed and PRIORITIES.get(service, Priority.OTHER) <= self._shed:
            return self._why
        return None

    def refusal(self, shortage: str) -> Overloaded:
        """What a caller is told, and counted as refused with."""
        self.refused[shortage] += 1
        text = TEXTS[Shortage(shortage)].format(calls=self._caps.calls, bytes=self._caps.request_bytes)
        return Overloaded(text, retry_after=soon())

    def begin(self) -> None:
        """Counts a call that begins, until `end`. Raises `Overloaded` when there are as many as there may be."""
        if self.calls >= self._caps.calls:
            raise self.refusal(Shortage.CALLS)
        self.calls += 1

    def end(self) -> None:
        """A call is over."""
        self.calls -= 1

    def take(self, size: int) -> Shortage | None:
        """Takes bytes of a request in hand, to be given back with `give`, or tells what is short."""
        # One that is larger than the whole budget is still served when it is alone.
        if self.inflight_bytes and self.inflight_bytes + size > self._caps.request_bytes:
            return Shortage.BYTES
        self.inflight_bytes += size
        return None

    def give(self, size: int) -> None:
        """These bytes are no longer in hand."""
        self.inflight_bytes -= size

    # -- what is looked at now and then -------------------------------------------------------------------------------

    def look(self, now: float, lag_s: float, rss_bytes: int) -> None:
        """Notes down how late the loop is and how much memory is held, at a moment of the loop's clock."""
        self.lag_s, self.rss_bytes = lag_s, rss_bytes
        late = 0 < self._caps.lag_s < lag_s
        self._late_since = min(self._late_since, now) if late else inf
        if self._caps.rss_bytes and rss_bytes > self._caps.rss_bytes:
            self._shed, self._why = max(Priority), Shortage.MEMORY
        else:
            late_s = now - self._late_since
            self._shed = max((one for one, patience in PATIENCE_S.items() if late_s >= patience), default=0)
            self._why = Shortage.LAG

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Looks four times a second, on the running loop, while inside."""
        loop = asyncio.get_running_loop()
        self._arm(loop, loop.time())
        try:
            yield
        finally:
            self._timer.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._timer = loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self.look(now, max(0.0, now - due), resident_bytes())
        self._arm(loop, now + SAMPLE_S)
