"""Does what costs, or destroys, once for each idempotency key."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from google.protobuf.message import Message

from qwen_grpc.calls import Context, announce, notice
from qwen_grpc.errors import ClientDeadline, InvalidParameter, QwenError, StateStoreUnavailable, TokenMissing
from qwen_grpc.ledger import Claim, Replies, Reply
from qwen_grpc.ledger.replies import RENEW_S, key_hash
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.reactions import may_have_acted
from qwen_grpc.services.owners import Owners

KEY = "idempotency-key"
# How long work goes on whose caller has left, and how long the end of the gateway waits for it.
WORK_S, CLOSE_S = 900.0, 5.0
STORED = "this is the stored answer of the first request with this idempotency key"
log = structlog.get_logger()

_key = re.compile(r"[ -~]{1,255}")
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Done(Generic[M]):
    """What some work came to, and who did it, where somebody is to be told."""

    message: M
    model: str = ""
    upstream: str = ""
    attempts: str = ""


def key_of(context: Context) -> str:
    """The idempotency key of a call; empty when it has none. Raises `InvalidParameter`."""
    found = next((value for key, value in context.invocation_metadata() or () if key == KEY), None)
    return "" if found is None else check_key(found, KEY)


def check_key(key: str | bytes, field: str) -> str:
    """The key. Raises `InvalidParameter` when it is none."""
    if not isinstance(key, str) or not _key.fullmatch(key):
        raise InvalidParameter(f"{field}: an idempotency key is 1 to 255 printable ASCII characters", field=field)
    return key


class Once:
    """Work under a key goes on when its caller leaves, so that the same key finds what it came to."""

    def __init__(self, owners: Owners, replies: Replies) -> None:
        self.owners = owners
        self._replies = replies
        self._running: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Lets what runs finish, for a few seconds; what does not is of unknown outcome."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_S)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def call(
        self, request: Message, context: Context, who: Caller, work: Callable[[], Awaitable[Done[M]]], kind: type[M]
    ) -> M:
        """What the work, or the first call with the same key, came to; `kind` is its message.

        Raises what the work raises, and what `Replies.begin` says of a key.
        """
        if key := key_of(context):
            done = await self._once(key, request, who, work, kind)
        else:
            done = await work()
        if done.upstream:
            await announce(context, model=done.model, upstream=done.upstream, attempts=done.attempts)
        return done.message

    async def _once(
        self, key: str, request: Message, who: Caller, work: Callable[[], Awaitable[Done[M]]], kind: type[M]
    ) -> Done[M]:
        if who.key is None and who.credentials is None:
            text = f"an {KEY} tells requests of one caller apart: send a credential with it, or leave the key out"
            raise TokenMissing(text)
        claim = Claim(await self.owners.of(who), key_hash(key), _hash(request))
        task = asyncio.create_task(self._claimed(claim, work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        found = await asyncio.shield(task)
        if isinstance(found, Done):
            return found
        notice(STORED)
        return Done(kind.FromString(found.answer), found.model, found.upstream)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Whoever waited has the error; without this, one that nobody waited for is logged as lost.
            task.exception()

    async def _claimed(self, claim: Claim, work: Callable[[], Awaitable[Done[M]]]) -> Done[M] | Reply:
        if found := await self._replies.begin(claim):
            return found
        try:
            async with self._alive(claim):
                done = await work()
        except BaseException as error:
            await self._failed(claim, error)
            raise
        reply = Reply(done.message.SerializeToString(), done.model, done.upstream)
        await self._noted(self._replies.done(claim, reply))
        return done

    @asynccontextmanager
    async def _alive(self, claim: Claim) -> AsyncIterator[None]:
        """Says over and over that the work goes on, and bounds it."""

        async def say() -> None:
            while True:
                await asyncio.sleep(RENEW_S)
                await self._noted(self._replies.renew(claim))

        saying = asyncio.create_task(say())
        try:
            async with asyncio.timeout(WORK_S):
                yield
        except TimeoutError as error:
            raise ClientDeadline(f"this took longer than {WORK_S:.0f} s, and was given up") from error
        finally:
            saying.cancel()
            with suppress(asyncio.CancelledError):
                await saying

    async def _failed(self, claim: Claim, error: BaseException) -> None:
        harmless = isinstance(error, QwenError) and not may_have_acted(error)
        await self._noted(self._replies.free(claim) if harmless else self._replies.unknown(claim))

    async def _noted(self, note: Awaitable[None]) -> None:
        try:
            await note
        except StateStoreUnavailable:
            # The lease runs out, and the key then says that the outcome is not known.
            log.warning("idempotency key not noted down")


def _hash(request: Message) -> str:
    """What tells requests apart that come under one key: the kind of request, and all that it says."""
    told = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    return hashlib.sha256(told).hexdigest()
