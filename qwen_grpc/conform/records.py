"""What the upstream saw: which requests arrived with a nonce, what became of them, and when it wrote."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

KEPT = 2000
Outcome: TypeAlias = Literal["open", "answered", "broken", "left"]


@dataclass(slots=True)
class Record:
    """One request. `at` is when it arrived, and `sent` are the times of the upstream's writes, on its own clock.

    `outcome` is `answered`, `broken` by the upstream, or `left` by the gateway.
    """

    nonce: str
    path: str
    streamed: bool
    at: float
    outcome: Outcome = "open"
    sent: list[float] = field(default_factory=list)


Records: TypeAlias = Sequence[Record]
Until: TypeAlias = Literal["arrived", "over"]

REACHED: dict[str, Callable[[Records], bool]] = {
    "arrived": lambda records: bool(records),
    "over": lambda records: bool(records) and all(record.outcome != "open" for record in records),
}


class Book:
    """The last records; whoever waits for one is told of each change."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._news = asyncio.Event()

    def arrived(self, nonce: str, path: str, *, streamed: bool) -> Record:
        """Notes a request down."""
        record = Record(nonce, path, streamed, time.monotonic())
        self._records.append(record)
        self._tell()
        return record

    def wrote(self, record: Record) -> None:
        """The upstream wrote to the gateway, now."""
        record.sent.append(time.monotonic())

    def over(self, record: Record, outcome: Outcome) -> None:
        """The request has its end."""
        record.outcome = outcome
        self._tell()

    def of(self, nonce: str) -> list[Record]:
        """What arrived with a nonce, in order."""
        return [record for record in self._records if record.nonce == nonce]

    async def when(self, nonce: str, until: str, within: float) -> list[Record]:
        """What arrived with a nonce, as soon as it has come so far, or after `within` seconds as it is then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not REACHED[until](self.of(nonce)):
                    await self._news.wait()
        return self.of(nonce)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
