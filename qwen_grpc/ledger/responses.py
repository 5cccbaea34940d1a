"""Answers that are kept, and answers that are being made while nobody waits."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from qwen_grpc.errors import IdempotencyKeyReused, NotFound, QwenError, ShuttingDown
from qwen_grpc.ledger.store import Ledger

# No answer is kept for longer.
KEPT_S = 30 * 86_400.0
# How long a process that makes an answer may be silent before others take it for dead.
LEASE_S = 20.0
# How old its word may become before it says so again.
RENEW_S = 5.0

LOST = "the gateway stopped while it made this answer, and what it had is lost; ask again"


class Progress(StrEnum):
    """How far an answer is."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self not in (Progress.QUEUED, Progress.RUNNING)


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of the ledger. Messages are encoded; times are seconds since the epoch.

    Whoever makes the answer has to say until when it is alive, over and over.
    """

    id: str
    owner: str
    state: Progress
    background: bool
    request: bytes
    answer: bytes
    dialect_json: str
    reason: str
    message: str
    created_at: float
    completed_at: float | None
    expires_at: float
    alive_until: float


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended: in a final state, with the encoded answer or with what went wrong."""

    state: Progress
    answer: bytes = b""
    error: QwenError | None = None


class Responses:
    """The answers in a ledger. What has expired is not there."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    async def add(self, kept: Kept) -> None:
        """Writes a new row, and forgets what has expired. Raises `IdempotencyKeyReused` when the id is taken."""
        values = [getattr(kept, name) for name in Kept.__slots__]
        query = f"INSERT INTO responses ({', '.join(Kept.__slots__)}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM responses WHERE expires_at < ?", (self._now(),))
            if _one(db, kept.owner, kept.id) is not None:
                raise IdempotencyKeyReused("a response of this id is kept already; take a new one", field="id")
            db.execute(query, values)

        await self._ledger.run(work)

    async def get(self, owner: str, response_id: str) -> Kept:
        """An answer of this owner. One whose maker is dead has failed by now. Raises `NotFound`."""
        now = self._now()

        def work(db: sqlite3.Connection) -> Kept | None:
            found = _one(db, owner, response_id)
            if found is None or found.state.final or found.alive_until >= now:
                return found
            _end(db, found, End(Progress.FAILED, error=ShuttingDown(LOST)), now)
            return _one(db, owner, response_id)

        found = await self._ledger.run(work)
        if found is None or found.expires_at < now:
            raise NotFound("there is no such response under this account, or it was forgotten", field="response_id")
        return found

    async def begun(self, kept: Kept) -> None:
        """The upstream has accepted the request."""
        query = f"UPDATE responses SET state = ? WHERE owner = ? AND id = ? AND {_UNFINISHED}"  # noqa: S608
        await self._ledger.run(lambda db: db.execute(query, (Progress.RUNNING, kept.owner, kept.id)))

    async def end(self, kept: Kept, end: End) -> None:
        """Writes how it ended, if nothing is written yet: what was cancelled does not succeed later."""
        now = self._now()
        await self._ledger.run(lambda db: _end(db, kept, end, now))

    async def unfinished(self, made: Sequence[Kept]) -> set[str]:
        """Of the answers that this process makes, those that are still wanted; says that it is alive."""
        now = self._now()
        ids = [kept.id for kept in made]
        marks = ", ".join("?" * len(ids))

        def work(db: sqlite3.Connection) -> set[str]:
            late = now + LEASE_S - RENEW_S
            where = f"id IN ({marks}) AND {_UNFINISHED}"
            if db.execute(f"SELECT 1 FROM responses WHERE {where} AND alive_until < ?", (*ids, late)).fetchone():  # noqa: S608
                db.execute(f"UPDATE responses SET alive_until = ? WHERE {where}", (now + LEASE_S, *ids))  # noqa: S608
            return {row["id"] for row in db.execute(f"SELECT id FROM responses WHERE {where}", ids)}  # noqa: S608

        return await self._ledger.run(work)

    async def delete(self, owner: str, response_id: str) -> bool:
        """Forgets an answer; says whether there was one."""
        query = "DELETE FROM responses WHERE owner = ? AND id = ?"
        return await self._ledger.run(lambda db: db.execute(query, (owner, response_id)).rowcount > 0)


_UNFINISHED = f"state IN ('{Progress.QUEUED}', '{Progress.RUNNING}')"


def _end(db: sqlite3.Connection, kept: Kept, end: End, now: float) -> None:
    reason, message = (end.error.reason, end.error.message) if end.error else ("", "")
    db.execute(
        "UPDATE responses SET state = ?, answer = ?, reason = ?, message = ?, completed_at = ?, expires_at = ? "  # noqa: S608
        f"WHERE owner = ? AND id = ? AND {_UNFINISHED}",
        (end.state, end.answer, reason, message, now, now + KEPT_S, kept.owner, kept.id),
    )


def _one(db: sqlite3.Connection, owner: str, response_id: str) -> Kept | None:
    names = ", ".join(Kept.__slots__)
    query = f"SELECT {names} FROM responses WHERE owner = ? AND id = ?"  # noqa: S608
    row = db.execute(query, (owner, response_id)).fetchone()
    if row is None:
        return None
    return Kept(**{**dict(row), "state": Progress(row["state"]), "background": bool(row["background"])})
