"""What was done under an idempotency key, so that it is not done twice."""

import hashlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from qwen_grpc.errors import IdempotencyKeyInUse, IdempotencyKeyReused, JobExpired, JobUnknownOutcome
from qwen_grpc.ledger.store import Ledger

# How long a key stands for one request.
KEPT_S = 86_400.0
# Larger answers are not kept: what was asked for was done, and cannot be told again.
MAX_ANSWER_BYTES = 16 << 20
# How long a process that works may be silent before others take it for dead, and how often it says a word.
LEASE_S, RENEW_S = 20.0, 5.0

LOST = (
    "the gateway stopped, or lost sight of the upstream, while it served the first request with this idempotency key: "
    "it may have been done, and was not tried again; look at the upstream, then take a new key"
)


class Stage(StrEnum):
    """How far the work under a key is."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants what done once: the owner, the key (hashed), and a hash that tells requests apart."""

    owner: str
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is kept: the message, encoded, and who gave it."""

    answer: bytes
    model: str = ""
    upstream: str = ""


def key_hash(key: str) -> str:
    """What is kept of a key: clients may make it of anything."""
    return hashlib.sha256(key.encode()).hexdigest()


class Replies:
    """The keys in a ledger. What has expired is not there."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    async def begin(self, claim: Claim) -> Reply | None:
        """Writes that the work begins, before the upstream hears of it, or finds what it came to the first time.

        Raises `IdempotencyKeyReused` when the key came with another request,
        `IdempotencyKeyInUse` while the first one is served, `JobUnknownOutcome`
        when it may have been done, and `JobExpired` when its answer was too
        large to be kept.
        """
        now = self._now()

        def work(db: sqlite3.Connection) -> sqlite3.Row | None:
            db.execute("DELETE FROM replies WHERE expires_at < ?", (now,))
            query = "SELECT * FROM replies WHERE owner = ? AND key_hash = ?"
            found: sqlite3.Row | None = db.execute(query, (claim.owner, claim.key)).fetchone()
            if found is None:
                values = (claim.owner, claim.key, claim.request_hash, Stage.RUNNING, now, now + KEPT_S, now + LEASE_S)
                db.execute(f"INSERT INTO replies ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
            return found

        found = await self._ledger.run(work)
        return None if found is None else _known(found, claim, now)

    async def renew(self, claim: Claim) -> None:
        """Whoever works under the key is alive."""
        await self._set(claim, "alive_until = ?", self._now() + LEASE_S)

    async def done(self, claim: Claim, reply: Reply) -> None:
        """The work went well."""
        answer = reply.answer if len(reply.answer) <= MAX_ANSWER_BYTES else None
        await self._set(claim, "stage = ?, answer = ?, model = ?, upstream = ?", Stage.DONE, answer, reply.model,
                        reply.upstream)  # fmt: skip

    async def unknown(self, claim: Claim) -> None:
        """The work failed, and the upstream may have done it all the same."""
        await self._set(claim, "stage = ?", Stage.UNKNOWN)

    async def free(self, claim: Claim) -> None:
        """The work failed, and nothing was done: the key may be used again."""
        query = "DELETE FROM replies WHERE owner = ? AND key_hash = ?"
        await self._ledger.run(lambda db: db.execute(query, (claim.owner, claim.key)))

    async def _set(self, claim: Claim, columns: str, *values: object) -> None:
        query = f"UPDATE replies SET {columns} WHERE owner = ? AND key_hash = ?"  # noqa: S608
        await self._ledger.run(lambda db: db.execute(query, (*values, claim.owner, claim.key)))


_COLUMNS = "owner, key_hash, request_hash, stage, created_at, expires_at, alive_until"


def _known(row: sqlite3.Row, claim: Claim, now: float) -> Reply:
    if row["request_hash"] != claim.request_hash:
        raise IdempotencyKeyReused("this idempotency key was used for another request; take a new one")
    if row["stage"] == Stage.RUNNING and row["alive_until"] >= now:
        text = "the first request with this idempotency key is still being served; ask again for its answer"
        raise IdempotencyKeyInUse(text, retry_after=2.0)
    if row["stage"] != Stage.DONE:
        raise JobUnknownOutcome(LOST)
    if row["answer"] is None:
        text = "the first request with this idempotency key went well, and its answer was too large to be kept"
        raise JobExpired(f"{text}: {MAX_ANSWER_BYTES >> 20} MiB are; ask for addresses instead of data")
    return Reply(bytes(row["answer"]), row["model"], row["upstream"])
