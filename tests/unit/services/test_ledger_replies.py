"""What the ledger says of idempotency keys."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from clockwork import Clock

from qwen_grpc.errors import IdempotencyKeyInUse, IdempotencyKeyReused, JobExpired, JobUnknownOutcome
from qwen_grpc.ledger import Claim, Ledger, Replies, Reply, store
from qwen_grpc.ledger.replies import KEPT_S, LEASE_S, MAX_ANSWER_BYTES, key_hash

CLAIM = Claim("ada", key_hash("key-1"), "hash-1")
REPLY = Reply(b"the answer", "qwen-image", "official")


@asynccontextmanager
async def opened(path: Path, clock: Clock | None = None) -> AsyncIterator[Replies]:
    async with Ledger(path) as ledger:
        yield Replies(ledger, now=clock or Clock())


@pytest.mark.asyncio
async def test_a_key_is_free_then_in_use_and_then_gives_the_first_answer_until_a_day_has_gone(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "ledger", clock) as replies:
        assert await replies.begin(CLAIM) is None
        with pytest.raises(IdempotencyKeyInUse) as refusal:
            await replies.begin(CLAIM)
        assert refusal.value.retry_after == 2.0
        await replies.done(CLAIM, REPLY)
        assert await replies.begin(CLAIM) == REPLY
        clock.now += KEPT_S
        assert await replies.begin(CLAIM) == REPLY
        clock.now += 1
        assert await replies.begin(CLAIM) is None


@pytest.mark.asyncio
async def test_a_key_stands_for_one_request_of_one_owner(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as replies:
        await replies.begin(CLAIM)
        with pytest.raises(IdempotencyKeyReused):
            await replies.begin(replace(CLAIM, request_hash="hash-2"))
        assert await replies.begin(replace(CLAIM, owner="bob", request_hash="hash-2")) is None
        assert await replies.begin(replace(CLAIM, key=key_hash("key-2"))) is None


@pytest.mark.asyncio
async def test_work_that_came_to_nothing_frees_its_key(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as replies:
        await replies.begin(CLAIM)
        await replies.free(CLAIM)
        assert await replies.begin(replace(CLAIM, request_hash="hash-2")) is None


@pytest.mark.asyncio
async def test_work_that_may_have_been_done_keeps_its_key(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as replies:
        await replies.begin(CLAIM)
        await replies.unknown(CLAIM)
        with pytest.raises(JobUnknownOutcome):
            await replies.begin(CLAIM)


@pytest.mark.asyncio
async def test_whoever_says_nothing_for_a_while_is_dead_and_nobody_knows_what_came_of_its_work(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "ledger", clock) as replies:
        await replies.begin(CLAIM)
        clock.now += LEASE_S
        await replies.renew(CLAIM)
        clock.now += LEASE_S
        with pytest.raises(IdempotencyKeyInUse):
            await replies.begin(CLAIM)
        clock.now += 1
        with pytest.raises(JobUnknownOutcome):
            await replies.begin(CLAIM)


@pytest.mark.asyncio
async def test_an_answer_that_is_too_large_is_not_kept_and_not_made_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as replies:
        await replies.begin(CLAIM)
        await replies.done(CLAIM, Reply(b"x" * (MAX_ANSWER_BYTES + 1)))
        with pytest.raises(JobExpired, match="too large to be kept"):
            await replies.begin(CLAIM)


def held(folder: Path, words: bytes) -> bool:
    """Whether a file there has these words."""
    return any(words in file.read_bytes() for file in folder.iterdir())


@pytest.mark.asyncio
async def test_the_ledger_holds_no_key_as_it_was_sent(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger") as replies:
        await replies.begin(Claim("ada", key_hash("sk-canary-4711"), "hash-1"))
    assert not held(tmp_path, b"canary")


@pytest.mark.asyncio
async def test_an_answer_that_is_forgotten_is_no_longer_in_the_file(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "ledger", clock) as replies:
        await replies.begin(CLAIM)
        await replies.done(CLAIM, Reply(b"a secret of Ada's"))
        clock.now += KEPT_S + 1
        await replies.begin(replace(CLAIM, key=key_hash("key-2")))
    assert not held(tmp_path, b"a secret of Ada's")


@pytest.mark.asyncio
async def test_a_ledger_from_before_there_were_keys_is_brought_up_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with closing(sqlite3.connect(path)) as database, database:
        for statement in (statement for migration in store.MIGRATIONS[:3] for statement in migration):
            database.execute(statement)
        database.execute("INSERT INTO secret VALUES (?)", (b"s" * 32,))
        database.execute("PRAGMA user_version = 3")
    async with Ledger(path) as ledger:
        replies = Replies(ledger, now=Clock())
        assert await replies.begin(CLAIM) is None
        (secret,) = await ledger.run(lambda db: db.execute("SELECT value FROM secret").fetchone())
        (version,) = await ledger.run(lambda db: db.execute("PRAGMA user_version").fetchone())
    assert (secret, version) == (b"s" * 32, 4)
