"""What is done after the caller has gone: stopping answers, removing chats.

Nothing here delays an answer, and a failure is logged and nothing else.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

import structlog

from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import NotFound, QwenError
from qwen_grpc.upstreams.chat_qwen_ai.conversations import Known
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.site import Site

CLOSE_S = 5.0
AT_ONCE = 4
log = structlog.get_logger()


class Tidying:
    """Calls to the site that belong to no request."""

    def __init__(self, site: Site, sessions: Sessions, *, keep_chats: bool) -> None:
        self._site = site
        self._sessions = sessions
        self._keep_chats = keep_chats
        # A sweep may hand in hundreds of chats, and the site shuts out who asks for everything at once.
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def stop(self, session: WebSession, chat_id: str, response_id: str, *, remove: bool) -> None:
        """Ends an answer that nobody waits for. Closing the socket alone does not stop it there."""
        self._start(self._stop(session, chat_id, response_id, remove=remove and not self._keep_chats))

    def remove(self, known: Known) -> None:
        """Removes a chat that was made for API calls, unless chats are to be kept."""
        if not self._keep_chats:
            self._start(self._remove(known.session, known.place.chat_id))

    async def close(self) -> None:
        """Gives what is under way a few seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self, session: WebSession, chat_id: str, response_id: str, *, remove: bool) -> None:
        await self._site.stop(session, chat_id, response_id)
        if remove:
            await self._remove(session, chat_id)

    async def _remove(self, session: WebSession, chat_id: str) -> None:
        # The person may have removed it already.
        async with self._turn:
            session = await self._sessions.fresh(session)
            with suppress(NotFound):
                await self._sessions.once_more(session, lambda fresh: self._site.delete_chat(fresh, chat_id))


async def _logged(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except QwenError as error:
        log.info("tidying failed", reason=error.reason, message=error.message)
