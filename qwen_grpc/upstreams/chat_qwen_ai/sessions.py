"""Access tokens that are kept fresh.

Since September 2026 an access token lives 15 minutes and is renewed with the
`refresh_token` cookie at the sign-in host. A fresh token is kept in memory for
the callers that present the same refresh token, and for nobody else.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import CredentialExpired

T = TypeVar("T")
REFRESH_BEFORE_S = 180.0
MAX_SESSIONS = 10_000

Refresh = Callable[[WebSession], Awaitable[WebSession]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A renewed session, and the token that it was renewed for."""

    session: WebSession
    replaced: str = field(repr=False)

    def wins_over(self, given: WebSession) -> bool:
        """Whether it is the newer one; an export that is newer than what we keep wins."""
        return given.token == self.replaced or (self.session.expires_at or 0) >= (given.expires_at or 0)

    def applied_to(self, given: WebSession) -> WebSession:
        """The caller's own cookies and headers, which may be newer than the kept ones, with the kept tokens."""
        return given.with_token(self.session.token, self.session.refresh_token)


class Sessions:
    """The newest form of each caller's session.

    One refresh runs per session at a time. It belongs to no request: a caller
    that leaves does not end it for the others.
    """

    def __init__(self, refresh: Refresh, *, now: Callable[[], float] = time.time) -> None:
        self._refresh = refresh
        self._now = now
        self._newest: OrderedDict[str, Kept] = OrderedDict()
        self._running: dict[str, asyncio.Task[WebSession]] = {}

    async def fresh(self, session: WebSession) -> WebSession:
        """The session with a token that lives on for a while, if it can be had."""
        newest = self._newest_of(session)
        if newest.refresh_token and self._ends_soon(newest):
            return await self.renewed(newest)
        return newest

    async def renewed(self, refused: WebSession) -> WebSession:
        """A session with another token than the one that was refused. Raises `CredentialExpired`."""
        newest = self._newest_of(refused)
        if newest.token != refused.token:
            return newest
        running = self._running.get(refused.fingerprint)
        if running is None:
            running = self._start(refused)
        renewed = await asyncio.shield(running)
        return refused.with_token(renewed.token, renewed.refresh_token)

    async def once_more(self, session: WebSession, call: Callable[[WebSession], Awaitable[T]]) -> T:
        """Makes a call, and makes it again with a renewed session if the site says 401."""
        try:
            return await call(session)
        except CredentialExpired:
            if not session.refresh_token:
                raise
            return await call(await self.renewed(session))

    async def close(self) -> None:
        """Waits for no refresh any longer."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _start(self, session: WebSession) -> asyncio.Task[WebSession]:
        task = asyncio.create_task(self._renew(session))
        self._running[session.fingerprint] = task
        task.add_done_callback(lambda done: self._ended(session.fingerprint, done))
        return task

    async def _renew(self, session: WebSession) -> WebSession:
        newest = await self._refresh(session)
        for name in self._names_of(session):
            self._newest[name] = Kept(newest, session.token)
            self._newest.move_to_end(name)
        while len(self._newest) > MAX_SESSIONS:
            self._newest.popitem(last=False)
        return newest

    def _names_of(self, session: WebSession) -> set[str]:
        """The fingerprints that lead to a session: its own, and those of refresh tokens that were replaced by its."""
        own = session.refresh_token
        return {
            session.fingerprint,
            *(name for name, kept in self._newest.items() if kept.session.refresh_token == own),
        }

    def _ended(self, fingerprint: str, task: asyncio.Task[WebSession]) -> None:
        del self._running[fingerprint]
        if not task.cancelled():
            # Whoever waited has the error; without this, one that nobody waited for is logged as lost.
            task.exception()

    def _newest_of(self, session: WebSession) -> WebSession:
        kept = self._newest.get(session.fingerprint)
        return kept.applied_to(session) if kept and kept.wins_over(session) else session

    def _ends_soon(self, session: WebSession) -> bool:
        return not session.token or (session.expires_at or float("inf")) - self._now() < REFRESH_BEFORE_S
