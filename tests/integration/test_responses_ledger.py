"""Answers in the ledger: who is first to end them, who is taken for dead, and what is forgotten when."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from qwen_grpc.errors import IdempotencyKeyReused, NotFound, RateLimited
from qwen_grpc.ledger import Kept, Ledger, Progress, Responses, store
from qwen_grpc.ledger.responses import KEPT_S, LEASE_S, LOST, RENEW_S, End

KEPT = Kept(
    id="resp_1", owner="ada", state=Progress.QUEUED, background=True, request=b"asked", answer=b"", dialect_json="{}",
    reason="", message="", created_at=0.0, completed_at=None, expires_at=KEPT_S, alive_until=LEASE_S,
)  # fmt: skip


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(path: Path, clock: Clock | None = None) -> AsyncIterator[Responses]:
    async with Ledger(path) as ledger:
        yield Responses(ledger, now=clock or Clock())


@pytest.mark.asyncio
async def test_what_is_added_is_found_by_its_owner_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as responses:
        await responses.add(KEPT)
        assert await responses.get("ada", "resp_1") == KEPT
        with pytest.raises(NotFound):
            await responses.get("bob", "resp_1")
        assert (await responses.delete("bob", "resp_1"), await responses.delete("ada", "resp_1")) == (False, True)


@pytest.mark.asyncio
async def test_an_id_is_taken_once_by_each_owner(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as responses:
        await responses.add(KEPT)
        await responses.add(replace(KEPT, owner="bob"))
        with pytest.raises(IdempotencyKeyReused):
            await responses.add(KEPT)


@pytest.mark.asyncio
async def test_the_first_end_counts(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as responses:
        await responses.add(KEPT)
        await responses.begun(KEPT)
        await responses.end(KEPT, End(Progress.CANCELLED))
        await responses.end(KEPT, End(Progress.SUCCEEDED, b"answer"))
        await responses.begun(KEPT)
        found = await responses.get("ada", "resp_1")
    assert (found.state, found.answer) == (Progress.CANCELLED, b"")


@pytest.mark.asyncio
async def test_a_failure_is_kept_with_its_reason(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "ledger", clock) as responses:
        await responses.add(KEPT)
        clock.now = 5.0
        await responses.end(KEPT, End(Progress.FAILED, error=RateLimited("too fast")))
        found = await responses.get("ada", "resp_1")
    assert (found.state, found.reason, found.message) == (Progress.FAILED, "RATE_LIMITED", "too fast")
    assert (found.completed_at, found.expires_at) == (5.0, 5.0 + KEPT_S)


@pytest.mark.asyncio
async def test_an_answer_whose_maker_fell_silent_is_lost(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "ledger", clock) as responses:
        await responses.add(KEPT)
        clock.now = LEASE_S
        assert (await responses.get("ada", "resp_1")).state is Progress.QUEUED
        clock.now = LEASE_S + 0.1
        found = await responses.get("ada", "resp_1")
        assert (found.state, found.reason, found.message) == (Progress.FAILED, "SHUTTING_DOWN", LOST)
        assert await responses.unfinished([KEPT]) == set()


@pytest.mark.asyncio
async def test_a_maker_that_looks_after_its_work_is_alive(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "ledger", clock) as responses:
        await responses.add(KEPT)
        while clock.now < 3 * LEASE_S:
            clock.now += RENEW_S
            assert await responses.unfinished([KEPT]) == {"resp_1"}
        assert (await responses.get("ada", "resp_1")).state is Progress.QUEUED


@pytest.mark.asyncio
async def test_what_was_stopped_or_forgotten_elsewhere_is_no_longer_wanted(tmp_path: Path) -> None:
    works = [replace(KEPT, id=f"resp_{number}") for number in range(3)]
    async with opened(tmp_path / "ledger") as here, opened(tmp_path / "ledger") as elsewhere:
        for work in works:
            await here.add(work)
        await elsewhere.end(works[0], End(Progress.CANCELLED))
        await elsewhere.delete("ada", works[1].id)
        assert await here.unfinished(works) == {"resp_2"}


@pytest.mark.asyncio
async def test_what_has_expired_is_not_there_and_leaves_with_the_next_that_comes(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "ledger"
    async with opened(path, clock) as responses:
        await responses.add(replace(KEPT, state=Progress.SUCCEEDED, expires_at=10.0))
        clock.now = 10.1
        with pytest.raises(NotFound):
            await responses.get("ada", "resp_1")
        await responses.add(replace(KEPT, id="resp_2"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT id FROM responses").fetchall() == [("resp_2",)]


@pytest.mark.asyncio
async def test_what_is_deleted_is_no_longer_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    async with opened(path) as responses:
        await responses.add(replace(KEPT, request=b"a secret of Ada's"))
        assert held(path, b"a secret of Ada's")
        await responses.delete("ada", "resp_1")
    assert not held(path, b"a secret of Ada's")


def held(path: Path, words: bytes) -> bool:
    return any(words in file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.asyncio
async def test_a_ledger_from_before_there_were_responses_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with closing(sqlite3.connect(path)) as database, database:
        for statement in (statement for migration in store.MIGRATIONS[:2] for statement in migration):
            database.execute(statement)
        database.execute("INSERT INTO secret VALUES (?)", (b"s" * 32,))
        database.execute("PRAGMA user_version = 2")
    async with opened(path) as responses:
        await responses.add(KEPT)
        assert await responses.get("ada", "resp_1") == KEPT
