"""The SQLite file: opened late, written by one thread, flushed before anything depends on it."""

import asyncio
import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from qwen_grpc.errors import StateStoreUnavailable

T = TypeVar("T")
VERSION = 4

# One statement list per schema version; a file is brought up from its own version.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE secret (value BLOB NOT NULL)",
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, request_id TEXT NOT NULL, request_hash TEXT NOT NULL,
            state TEXT NOT NULL, revision INTEGER NOT NULL, upstream TEXT NOT NULL, task_id TEXT NOT NULL,
            model TEXT NOT NULL, prompt TEXT NOT NULL, size TEXT NOT NULL, url TEXT NOT NULL,
            reason TEXT NOT NULL, message TEXT NOT NULL,
            created_at REAL NOT NULL, completed_at REAL, expires_at REAL
        ) STRICT""",
        "CREATE UNIQUE INDEX jobs_by_request ON jobs (owner, request_id) WHERE request_id != ''",
        "CREATE INDEX jobs_by_owner ON jobs (owner, created_at)",
        """CREATE TABLE files (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, upstream TEXT NOT NULL, upstream_id TEXT NOT NULL,
            kind TEXT NOT NULL, url TEXT NOT NULL, filename TEXT NOT NULL, mime_type TEXT NOT NULL,
            size_bytes INTEGER NOT NULL, purpose TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL
        ) STRICT""",
        "CREATE INDEX files_by_owner ON files (owner, created_at)",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE files ADD COLUMN lane TEXT NOT NULL DEFAULT ''",
    ),
    (
        """CREATE TABLE responses (
            id TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL, background INTEGER NOT NULL,
            request BLOB NOT NULL, answer BLOB NOT NULL, dialect_json TEXT NOT NULL,
            reason TEXT NOT NULL, message TEXT NOT NULL, created_at REAL NOT NULL, completed_at REAL,
            expires_at REAL NOT NULL, alive_until REAL NOT NULL, PRIMARY KEY (owner, id)
        ) STRICT""",
        "CREATE INDEX responses_by_end ON responses (expires_at)",
    ),
    (
        """CREATE TABLE replies (
            owner TEXT NOT NULL, key_hash TEXT NOT NULL, request_hash TEXT NOT NULL, stage TEXT NOT NULL,
            answer BLOB, model TEXT NOT NULL DEFAULT '', upstream TEXT NOT NULL DEFAULT '',
            created_at REAL NOT NULL, expires_at REAL NOT NULL, alive_until REAL NOT NULL,
            PRIMARY KEY (owner, key_hash)
        ) STRICT""",
        "CREATE INDEX replies_by_end ON replies (expires_at)",
    ),
)


class Ledger:
    """An async context manager over the file at `path`.

    A file that cannot be opened does not end the start: each use raises
    `StateStoreUnavailable`, and tries again to open it.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).expanduser()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs one transaction; what it returns is on the disk. A caller that leaves does not undo it."""
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.shield(loop.run_in_executor(self._thread, self._transaction, work))
        except (sqlite3.Error, OSError) as error:
            raise StateStoreUnavailable("the ledger of jobs, files and responses cannot be read or written") from error

    async def owner(self, upstream: str, account: str) -> str:
        """The name under which an account owns things here; it cannot be turned back into the account."""
        secret = await self.run(_secret)
        return hmac.new(secret, f"{upstream}\0{account}".encode(), hashlib.sha256).hexdigest()

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection or self._open()
        with connection:
            return work(connection)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        connection = sqlite3.connect(self._path, timeout=5.0)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        # An intent has to be on the disk before the upstream hears of it.
        connection.execute("PRAGMA synchronous = FULL")
        # What is forgotten is no longer in the file either.
        connection.execute("PRAGMA secure_delete = ON")
        _migrate(connection)
        self._connection = connection
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _migrate(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise sqlite3.DatabaseError(f"the ledger has schema {version}, made by a newer qwen-grpc")
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        if version == 0:
            connection.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _secret(connection: sqlite3.Connection) -> bytes:
    (value,) = connection.execute("SELECT value FROM secret").fetchone()
    return bytes(value)
