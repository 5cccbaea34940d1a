"""The client's end of a call, in the four kinds that generated stubs make."""

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable
from functools import partial
from typing import Any, Self, TypeAlias

import grpc
import grpc.aio

from qwen_grpc.inprocess.rpc import Rpc, Status
from qwen_grpc.inprocess.slot import EOF, Take

_LOG = logging.getLogger(__name__)

_CANCELLED = Status(grpc.StatusCode.CANCELLED, "Locally cancelled by application!")
_DROPPED = Status(grpc.StatusCode.CANCELLED, "Cancelled upon garbage collection!")
_FINISHED = "RPC already finished."
_HALF_CLOSED = 'RPC is half closed after calling "done_writing".'
_MIXED = "The iterator and read/write APIs may not be mixed on a single RPC."

Requests: TypeAlias = AsyncIterable[Any] | Iterable[Any]


class _Call:
    """What every kind of call can tell; the methods mean what they mean in `grpc.aio.Call`."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def cancel(self) -> bool:
        return self._rpc.terminate(_CANCELLED, locally=True)

    def cancelled(self) -> bool:
        status = self._rpc.status
        return status is not None and status.code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        return self._rpc.status is not None

    def time_remaining(self) -> float | None:
        return self._rpc.time_remaining()

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._rpc.add_done_callback(partial(callback, self))

    async def initial_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*await self._rpc.opened())

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*(await self._rpc.ended()).trailing_metadata)

    async def code(self) -> grpc.StatusCode:
        return (await self._rpc.ended()).code

    async def details(self) -> str:
        return (await self._rpc.ended()).details

    async def debug_error_string(self) -> str:
        return self._debug_text(await self._rpc.ended())

    async def wait_for_connection(self) -> None:
        self._raise_if_failed()

    def _debug_text(self, status: Status) -> str:
        if status.code is grpc.StatusCode.OK:
            return ""
        return f"{status.code.name}: {status.details} (in-process call of {self._rpc.invocation.method})"

    def _raise_if_failed(self) -> None:
        rpc = self._rpc
        if rpc.cancelled_locally:
            raise asyncio.CancelledError
        status = rpc.status
        if status is not None and status.code is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(
                status.code,
                grpc.aio.Metadata(*(rpc.initial_metadata or ())),
                grpc.aio.Metadata(*status.trailing_metadata),
                details=status.details,
                debug_error_string=self._debug_text(status),
            )


class _OneResponse(_Call):
    def __await__(self) -> Generator[Any, None, Any]:
        try:
            yield from self._rpc.ended().__await__()
        except asyncio.CancelledError:
            self.cancel()
            raise
        self._raise_if_failed()
        return self._rpc.response


class _ManyResponses(_Call):
    # The call is its own iterator: no reference cycle keeps a dropped call, and with it the servicer, running.
    _iterated: bool | None = None

    def __aiter__(self) -> Self:
        self._use(iterated=True)
        return self

    async def __anext__(self) -> Any:
        rpc = self._rpc
        try:
            message = await rpc.responses.take()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if rpc.outcome is not None:
            rpc.settle()
        if message is EOF:
            self._raise_if_failed()
            raise StopAsyncIteration
        return message

    async def read(self) -> Any:
        if self._rpc.status is None:
            self._use(iterated=False)
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            return EOF

    async def pour(self, take: Take) -> None:
        """Gives all further messages to `take`, in the method's own task; returns when the call has ended well.

        grpc.aio has no such thing: it is for who would otherwise wake up for
        every message only to pass it on. What `take` returns is awaited by the
        method before it goes on. If `take` raises, the call is cancelled, and
        the error is raised here.
        """
        self._use(iterated=True)
        rpc, errors = self._rpc, list[Exception]()

        def taken(message: Any) -> Awaitable[object] | None:
            try:
                return take(message)
            except Exception as error:  # noqa: BLE001
                errors.append(error)
                self.cancel()
                # The method learns of it where it waits.
                return asyncio.sleep(0)

        try:
            await rpc.responses.pour(taken)
            rpc.settle()
            await rpc.ended()
        finally:
            self.cancel()
        if errors:
            raise errors[0]
        self._raise_if_failed()

    def _use(self, *, iterated: bool) -> None:
        if self._iterated is None:
            self._iterated = iterated
        elif self._iterated is not iterated:
            raise grpc.aio.UsageError(_MIXED)

    def __del__(self) -> None:
        loop = self._rpc.loop
        # The garbage collector may run in any thread.
        if self._rpc.status is None and not loop.is_closed():
            loop.call_soon_threadsafe(self._rpc.terminate, _DROPPED)


class _ManyRequests(_Call):
    def __init__(self, rpc: Rpc, requests: Requests | None) -> None:
        super().__init__(rpc)
        self._half_closed = False
        self._feeder: asyncio.Task[None] | None = None
        if requests is not None and rpc.status is None:
            self._feeder = rpc.loop.create_task(self._feed(requests))
            rpc.add_done_callback(self._feeder.cancel)

    async def write(self, request: Any) -> None:
        self._require_no_iterator()
        await self._write(request)

    async def done_writing(self) -> None:
        self._require_no_iterator()
        self._end_requests()

    def _require_no_iterator(self) -> None:
        if self._feeder is not None:
            raise grpc.aio.UsageError(_MIXED)

    def _end_requests(self) -> None:
        self._half_closed = True
        self._rpc.requests.end()

    async def _write(self, request: Any) -> None:
        rpc = self._rpc
        if rpc.status is not None:
            raise asyncio.InvalidStateError(_FINISHED)
        if self._half_closed:
            raise asyncio.InvalidStateError(_HALF_CLOSED)
        try:
            waiting = rpc.requests.offer(request)
            if waiting is not None:
                await waiting
        except asyncio.CancelledError:
            self.cancel()
            raise
        self._raise_if_failed()

    async def _feed(self, requests: Requests) -> None:
        try:
            if isinstance(requests, AsyncIterable):
                async for request in requests:
                    await self._write(request)
            else:
                for request in requests:
                    await self._write(request)
            self._end_requests()
        except Exception:  # noqa: BLE001
            # Nobody awaits this task.
            _LOG.debug("the requests of %s broke off", self._rpc.invocation.method, exc_info=True)
        finally:
            # The reader of the call learns of broken requests as a cancellation, as on the wire.
            if not self._half_closed:
                self.cancel()


class UnaryUnaryCall(_OneResponse, grpc.aio.UnaryUnaryCall[Any, Any]):
    """One request, one response."""

    async def wait_for_connection(self) -> None:
        """Returns when the call has ended: on the wire, too, that is when one request is known to have arrived."""
        await self._rpc.ended()
        self._raise_if_failed()


class UnaryStreamCall(_ManyResponses, grpc.aio.UnaryStreamCall[Any, Any]):
    """One request, many responses."""


class StreamUnaryCall(_ManyRequests, _OneResponse, grpc.aio.StreamUnaryCall[Any, Any]):
    """Many requests, one response."""


class StreamStreamCall(_ManyRequests, _ManyResponses, grpc.aio.StreamStreamCall[Any, Any]):
    """Many requests, many responses."""
