"""Uploaded files: what lies where at the upstream, and whose it is."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qwen_grpc.errors import NotFound
from qwen_grpc.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A row of the ledger. `url` is the upstream's address without its signature."""

    id: str
    owner: str
    upstream: str
    lane: str
    upstream_id: str
    kind: str
    url: str
    filename: str
    mime_type: str
    size_bytes: int
    purpose: str
    created_at: float
    expires_at: float


class Files:
    """The files in a ledger. What has expired is not there."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    async def add(self, entry: FileEntry) -> None:
        """Records an upload, and forgets what has expired."""
        values = [getattr(entry, name) for name in FileEntry.__slots__]
        query = f"INSERT INTO files ({', '.join(FileEntry.__slots__)}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM files WHERE expires_at < ?", (self._now(),))
            db.execute(query, values)

        await self._ledger.run(work)

    async def get(self, owner: str, file_id: str) -> FileEntry:
        """A file of this owner. Raises `NotFound`, also for somebody else's."""
        found = await self._ledger.run(lambda db: self._all(db, "id = ? AND owner = ?", file_id, owner))
        if not found:
            raise NotFound("there is no such file under this account, or it has expired")
        return found[0]

    async def page(self, owner: str, first: int, count: int) -> list[FileEntry]:
        """Files of this owner, newest first, `first` of them left out."""
        query = "owner = ? ORDER BY created_at DESC, id LIMIT ? OFFSET ?"
        return await self._ledger.run(lambda db: self._all(db, query, owner, count, first))

    async def delete(self, owner: str, file_id: str) -> bool:
        """Forgets a file; says whether there was one."""
        query = "DELETE FROM files WHERE id = ? AND owner = ?"
        return await self._ledger.run(lambda db: db.execute(query, (file_id, owner)).rowcount > 0)

    def _all(self, db: sqlite3.Connection, where: str, *values: Any) -> list[FileEntry]:
        names = ", ".join(FileEntry.__slots__)
        query = f"SELECT {names} FROM files WHERE expires_at >= ? AND {where}"  # noqa: S608
        return [FileEntry(**dict(row)) for row in db.execute(query, (self._now(), *values))]
