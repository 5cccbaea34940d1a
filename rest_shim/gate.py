"""What may begin at the REST door, decided before a body is read."""

import asyncio
import random
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self

from sanic import Request
from sanic.exceptions import PayloadTooLarge

from qwen_grpc.openai_json.jsontext import dump
from rest_shim.errors import REASONS, HttpError
from rest_shim.hardening import close_after

# A body of a refused request is read away if it is small, so that its connection goes on.
DROPPED_BYTES, DROP_S = 64 << 10, 1.0
BODIES, CONNECTIONS = "bytes", "connections"


def gated(rpc: str) -> str:
    """The service that an endpoint needs room for, from the RPC behind it; empty for what is always answered."""
    service = rpc.partition(".")[0]
    return "" if service == "Health" else service


class Refusal(Protocol):
    """Why something may not begin, in words, and after how many seconds it is worth another try."""

    message: str
    retry_after: float | None


class Room(Protocol):
    """How much room there is for more. What is short has a name, such as `bytes`; None means that nothing is."""

    def shortage(self, service: str) -> Any:
        """What a request for this service would have too little of."""

    def take(self, size: int) -> Any:
        """Takes bytes of a body in hand, to be given back with `give`, or tells what is short."""

    def give(self, size: int) -> None:
        """These bytes are no longer in hand."""

    def refusal(self, shortage: Any) -> Refusal:
        """What the client is told; it is counted."""


class Budget:
    """The room of a door that stands alone: it knows of its own bodies and of nothing else."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.inflight_bytes = 0

    def shortage(self, service: str) -> str:  # noqa: ARG002  # all services alike
        """What is short, or an empty text."""
        return BODIES if self.inflight_bytes >= self._limit else ""

    def take(self, size: int) -> str:
        """Takes bytes in hand, or tells what is short."""
        if self.inflight_bytes and self.inflight_bytes + size > self._limit:
            return BODIES
        self.inflight_bytes += size
        return ""

    def give(self, size: int) -> None:
        """These bytes are no longer in hand."""
        self.inflight_bytes -= size

    def refusal(self, shortage: str) -> Refusal:
        """What the client is told; they come back at different times."""
        text = f"the door has as many {shortage} as it may have in hand; try again"
        return overloaded(text, random.uniform(1.0, 5.0))


def overloaded(message: str, retry_after: float | None) -> HttpError:
    """The answer to what finds no room."""
    return HttpError(REASONS["OVERLOADED"], message, retry_after=retry_after)


def raw_answer(error: HttpError) -> bytes:
    """The whole of an HTTP answer, for a connection that nothing is read from; it is then closed."""
    body = dump(error.body)
    headers = {**error.headers, "content-type": "application/json", "connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {error.row.status} Refused\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


class Admitted:
    """A request that is served: what its body has in hand is given back at its end."""

    def __init__(self, room: Room, service: str) -> None:
        self._room = room
        self._service = service
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._room.give(self._size)

    async def receive_body(self, request: Request, limit: int) -> None:
        """Reads the body. Raises `HttpError` when there is no room for it, and what Sanic raises of a bad one."""
        if request.body:
            # Sanic has read it: this is a method that hardly ever has one.
            return
        stream: Any = request.stream
        stream.request_max_size = limit
        # What the head says; nothing where the body comes in chunks, which are counted as they come.
        told = stream.request_bytes
        if 0 < told <= limit:
            await self._take(request, told)
        pieces = []
        async for piece in stream:
            if not told:
                await self._take(request, len(piece))
            pieces.append(piece)
        request.body = b"".join(pieces)

    async def check(self, request: Request) -> None:
        """Raises `HttpError` when the request may not begin. Nothing of it was read."""
        if self._service and (shortage := self._room.shortage(self._service)):
            await self._refuse(request, shortage)

    async def _take(self, request: Request, size: int) -> None:
        if shortage := self._room.take(size):
            await self._refuse(request, shortage)
        self._size += size

    async def _refuse(self, request: Request, shortage: Any) -> None:
        refusal = self._room.refusal(shortage)
        await _drop_body(request)
        raise overloaded(refusal.message, refusal.retry_after)


async def _drop_body(request: Request) -> None:
    """Reads away what is small and comes at once; anything else ends with its connection."""
    stream: Any = request.stream
    if stream.request_body is None:
        return
    stream.request_max_size = DROPPED_BYTES
    if not stream.expecting_continue:
        with suppress(TimeoutError, PayloadTooLarge):
            async with asyncio.timeout(DROP_S):
                async for _ in stream:
                    pass
            return
    close_after(request)
