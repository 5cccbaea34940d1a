"""Video jobs, from the intent to the end."""

import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qwen_grpc.errors import IdempotencyKeyReused, NotFound
from qwen_grpc.ledger.store import Ledger

# How long a job that has ended is remembered; results are gone upstream long before.
KEPT_S = 30 * 86_400.0


class State(StrEnum):
    """How far a job is. Each is written before what it announces is done, or after what it reports was seen."""

    INTENT = "INTENT"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to the job."""
        return self not in (State.INTENT, State.SUBMITTED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks for, and the lane that it takes.

    `request_id` is empty when the caller gave none; `request_hash` tells requests apart.
    """

    owner: str
    upstream: str
    lane: str
    model: str
    prompt: str
    size: str
    request_id: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the ledger. Times are seconds since the epoch."""

    id: str
    owner: str
    request_id: str
    request_hash: str
    state: State
    revision: int
    upstream: str
    lane: str
    task_id: str
    model: str
    prompt: str
    size: str
    url: str
    reason: str
    message: str
    created_at: float
    completed_at: float | None
    expires_at: float | None


class Jobs:
    """The jobs in a ledger."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    async def begin(self, wanted: Wanted) -> tuple[Job, bool]:
        """Writes the intent, or finds the job of the same request id. The flag says whether the job is new.

        Raises `IdempotencyKeyReused` when the id came with another request.
        """
        now = self._now()

        def work(db: sqlite3.Connection) -> tuple[Job, bool]:
            db.execute("DELETE FROM jobs WHERE completed_at < ?", (now - KEPT_S,))
            known = _one(db, "owner = ? AND request_id = ? AND request_id != ''", wanted.owner, wanted.request_id)
            if known is None:
                return _insert(db, wanted, now), True
            if known.request_hash != wanted.request_hash:
                raise IdempotencyKeyReused("this idempotency key was used for another request; take a new one")
            return known, False

        return await self._ledger.run(work)

    async def change(self, job_id: str, **values: Any) -> Job:
        """Sets columns, and counts the revision. The first final state also gets its time."""
        names = ", ".join(f"{name} = ?" for name in values)
        ended_at = self._now() if State(values.get("state", State.RUNNING)).final else None

        def work(db: sqlite3.Connection) -> Job:
            db.execute(
                f"UPDATE jobs SET {names}, completed_at = COALESCE(completed_at, ?), "  # noqa: S608
                "revision = revision + 1 WHERE id = ?",
                (*values.values(), ended_at, job_id),
            )
            return _found(_one(db, "id = ?", job_id))

        return await self._ledger.run(work)

    async def get(self, owner: str, job_id: str) -> Job:
        """A job of this owner. Raises `NotFound`, also for somebody else's."""
        return _found(await self._ledger.run(lambda db: _one(db, "id = ? AND owner = ?", job_id, owner)))

    async def page(self, owner: str, states: Sequence[State], after: str, count: int) -> list[Job]:
        """Jobs of this owner, newest first, from behind the job `after` on; no states means all.

        Without `after` from the newest on. Jobs that are added between two pages shift nothing.
        """
        marks = ", ".join("?" * len(states))
        only = f"AND state IN ({marks})" if states else ""
        behind = "AND (created_at, id) < (SELECT created_at, id FROM jobs WHERE id = ?)" if after else ""
        query = f"owner = ? {only} {behind} ORDER BY created_at DESC, id DESC LIMIT ?"
        values = (owner, *states, *((after,) if after else ()), count)
        return await self._ledger.run(lambda db: _all(db, query, *values))

    async def unfinished(self) -> list[Job]:
        """All jobs that are not in a final state, for the start of the server."""
        final = [state for state in State if state.final]
        return await self._ledger.run(lambda db: _all(db, f"state NOT IN ({', '.join('?' * len(final))})", *final))

    async def counts(self) -> dict[State, int]:
        """How many jobs there are, by state."""
        query = "SELECT state, COUNT(*) FROM jobs GROUP BY state"
        return await self._ledger.run(lambda db: {State(state): count for state, count in db.execute(query)})

    async def delete(self, owner: str, job_id: str) -> bool:
        """Forgets a job; says whether there was one."""
        query = "DELETE FROM jobs WHERE id = ? AND owner = ?"
        return await self._ledger.run(lambda db: db.execute(query, (job_id, owner)).rowcount > 0)


def _insert(db: sqlite3.Connection, wanted: Wanted, now: float) -> Job:
    job = Job(
        id=f"video_{uuid.uuid4().hex}", owner=wanted.owner, request_id=wanted.request_id,
        request_hash=wanted.request_hash, state=State.INTENT, revision=1, upstream=wanted.upstream, lane=wanted.lane,
        task_id="", model=wanted.model, prompt=wanted.prompt, size=wanted.size, url="", reason="", message="",
        created_at=now, completed_at=None, expires_at=None,
    )  # fmt: skip
    values = [getattr(job, name) for name in Job.__slots__]
    db.execute(f"INSERT INTO jobs ({', '.join(Job.__slots__)}) VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
    return job


def _one(db: sqlite3.Connection, where: str, *values: Any) -> Job | None:
    return next(iter(_all(db, f"{where} LIMIT 1", *values)), None)


def _all(db: sqlite3.Connection, where: str, *values: Any) -> list[Job]:
    rows = db.execute(f"SELECT {', '.join(Job.__slots__)} FROM jobs WHERE {where}", values)  # noqa: S608
    return [Job(**{**dict(row), "state": State(row["state"])}) for row in rows]


def _found(job: Job | None) -> Job:
    if job is None:
        raise NotFound("there is no such job under this account")
    return job
