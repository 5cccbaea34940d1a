"""Answers that are made while nobody waits."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from qwen_grpc.errors import Internal, Overloaded, QwenError, ShuttingDown, StateStoreUnavailable, TotalTimeout
from qwen_grpc.ledger import Kept, Progress, Responses
from qwen_grpc.ledger.responses import LOST, End
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.lanes import Stop
from qwen_grpc.services.fold import fold
from qwen_grpc.services.turns import Turns
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

# As many answers as one process makes at once.
MAX_AT_ONCE = 64
# No answer takes longer; a streamed call ends then, too.
LIMIT_S = 3600.0
# How often a process looks whether another one was told to stop what it makes.
LOOK_S = 0.5
NOTE_PAUSE_S = 1.0
log = structlog.get_logger()

Task: TypeAlias = "asyncio.Task[None]"


@dataclass(frozen=True, slots=True)
class Work:
    """An answer that this process makes."""

    kept: Kept
    task: Task


class Background:
    """Makes answers, each in a task of its own, and writes down how they end.

    The ledger decides: it takes the first end that it is told. So a response
    that was cancelled or deleted by another process stays so, and the process
    that makes it stops when it sees that.
    """

    def __init__(self, turns: Turns, responses: Responses) -> None:
        self._turns = turns
        self._responses = responses
        self._works: dict[tuple[str, str], Work] = {}
        self._watch: Task | None = None

    async def close(self) -> None:
        """Stops all work; each answer has failed, and says why."""
        works = list(self._works.values())
        for work in works:
            work.task.cancel()
        await asyncio.gather(*(work.task for work in works), return_exceptions=True)
        for work in works:
            # Where the ledger cannot be written, it is found out by the silence of this process.
            with suppress(StateStoreUnavailable):
                await self._responses.end(work.kept, End(Progress.FAILED, error=ShuttingDown(LOST)))
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def check_room(self) -> None:
        """Raises `Overloaded` when no more answers may be made now."""
        if len(self._works) >= MAX_AT_ONCE:
            text = f"{MAX_AT_ONCE} answers are being made in the background already; ask again later"
            raise Overloaded(text, retry_after=5.0)

    def begin(self, kept: Kept, request: CompleteChatRequest, who: Caller) -> None:
        """Begins to make an answer whose row is in the ledger."""
        key = (kept.owner, kept.id)
        task = asyncio.create_task(self._make(kept, request, who))
        self._works[key] = Work(kept, task)
        task.add_done_callback(lambda _: self._works.pop(key))
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look_after())

    def stop(self, owner: str, response_id: str) -> None:
        """Stops the work on an answer, if it is made here; what becomes of its row is the caller's affair."""
        if work := self._works.get((owner, response_id)):
            work.task.cancel()

    async def _make(self, kept: Kept, request: CompleteChatRequest, who: Caller) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                answer = await self._answer(kept, request, who)
        except TimeoutError:
            await self._fail(kept, TotalTimeout(f"the answer was not complete after {LIMIT_S / 60:.0f} minutes"))
        except QwenError as error:
            await self._fail(kept, error)
        except Exception as error:
            log.error("unforeseen failure", response=kept.id, exc_info=error)
            await self._fail(kept, Internal("internal error; the log of the server has the rest"))
        else:
            await self._note(kept, End(Progress.SUCCEEDED, answer))

    async def _answer(self, kept: Kept, request: CompleteChatRequest, who: Caller) -> bytes:
        async def accepted(stop: Stop, trail: str) -> None:
            log.info("answer begun", response=kept.id, model=stop.model.id, upstream=stop.lane.upstream.name)

        async with self._turns.begun(request, who, accepted) as begun:
            with suppress(StateStoreUnavailable):
                await self._responses.begun(kept)
            return (await fold(begun.rest, begun.first)).SerializeToString()

    async def _fail(self, kept: Kept, error: QwenError) -> None:
        log.info("answer failed", response=kept.id, reason=error.reason)
        await self._note(kept, End(Progress.FAILED, error=error))

    async def _note(self, kept: Kept, end: End) -> None:
        """Writes down what must not be lost: while the ledger cannot be written, tries again."""
        while True:
            try:
                await self._responses.end(kept, end)
                return
            except StateStoreUnavailable:
                log.warning("response not noted down", response=kept.id)
                await asyncio.sleep(NOTE_PAUSE_S)

    async def _look_after(self) -> None:
        """Says that the work goes on, and stops what is no longer wanted."""
        while self._works:
            await asyncio.sleep(LOOK_S)
            works = list(self._works.values())
            try:
                wanted = await self._responses.unfinished([work.kept for work in works])
            except StateStoreUnavailable:
                continue
            for work in works:
                if work.kept.id not in wanted:
                    work.task.cancel()
