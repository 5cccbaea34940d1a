"""A channel whose server is in the same process."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeAlias

import grpc
import grpc.aio

from qwen_grpc.inprocess.callables import StreamStream, StreamUnary, UnaryStream, UnaryUnary
from qwen_grpc.inprocess.rpc import Invocation, Rpc, Status
from qwen_grpc.inprocess.serving import MethodHandler, serve
from qwen_grpc.inprocess.slot import EOF

_CLOSED = Status(grpc.StatusCode.UNAVAILABLE, "The in-process channel is closed.")

# The (de)serialisers that generated code brings along; they have no work here.
Codec: TypeAlias = Any
# ruff: noqa: ARG002


class InProcessChannel(grpc.aio.Channel):
    """Takes generated stubs on one side and generated servicers on the other, with no socket between.

    Interceptors, metadata, deadlines, cancellation and rich errors behave as on
    the wire. Messages are handed over as they are: a servicer must not change
    a request, and neither side may change a message after it has sent it.
    Every call runs in a task and a context of its own, on the loop of its
    caller; methods are coroutine functions or async generators.

    Not as on the wire: nothing limits the size of messages and metadata, and
    `wait_for_ready` and `compression` have no effect.
    """

    def __init__(self, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()) -> None:
        self._interceptors = tuple(interceptors)
        self._generic: list[grpc.GenericRpcHandler] = []
        self._registered: dict[str, MethodHandler] = {}
        self._running: set[Rpc] = set()
        self._closing = asyncio.Event()

    # -- the server's side --------------------------------------------------------------------------------------------

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Serves what these know; the generated `add_…_to_server` functions call it."""
        self._generic.extend(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, MethodHandler]) -> None:
        """Serves these methods, in preference to what generic handlers know of them."""
        self._registered.update({f"/{service_name}/{name}": handler for name, handler in method_handlers.items()})

    async def _locate(self, position: int, details: grpc.HandlerCallDetails) -> MethodHandler | None:
        if position == len(self._interceptors):
            return self._lookup(details)
        interceptor = self._interceptors[position]
        return await interceptor.intercept_service(partial(self._locate, position + 1), details)

    def _lookup(self, details: grpc.HandlerCallDetails) -> MethodHandler | None:
        registered = self._registered.get(details.method)
        if registered is not None:
            return registered
        known = (generic.service(details) for generic in self._generic)
        return next((handler for handler in known if handler is not None), None)

    # -- the client's side --------------------------------------------------------------------------------------------

    def unary_unary(
        self,
        method: str,
        request_serializer: Codec = None,
        response_deserializer: Codec = None,
        _registered_method: bool | None = False,
    ) -> UnaryUnary:
        """Makes the callable of a method; the serialisers are not used."""
        return UnaryUnary(self.start, method)

    def unary_stream(
        self,
        method: str,
        request_serializer: Codec = None,
        response_deserializer: Codec = None,
        _registered_method: bool | None = False,
    ) -> UnaryStream:
        """Makes the callable of a method; the serialisers are not used."""
        return UnaryStream(self.start, method)

    def stream_unary(
        self,
        method: str,
        request_serializer: Codec = None,
        response_deserializer: Codec = None,
        _registered_method: bool | None = False,
    ) -> StreamUnary:
        """Makes the callable of a method; the serialisers are not used."""
        return StreamUnary(self.start, method)

    def stream_stream(
        self,
        method: str,
        request_serializer: Codec = None,
        response_deserializer: Codec = None,
        _registered_method: bool | None = False,
    ) -> StreamStream:
        """Makes the callable of a method; the serialisers are not used."""
        return StreamStream(self.start, method)

    def start(self, invocation: Invocation, *, request: Any = EOF, streams_responses: bool) -> Rpc:
        """Starts a call; a `request` is the only one, without it the client streams requests."""
        rpc = Rpc(invocation, streams_responses=streams_responses)
        if self._closing.is_set():
            rpc.terminate(_CLOSED)
        elif invocation.timeout is not None and invocation.timeout <= 0:
            rpc.expire()
        else:
            self._run(rpc, request)
        return rpc

    def _run(self, rpc: Rpc, request: Any) -> None:
        if request is not EOF:
            rpc.requests.offer(request)
            rpc.requests.end()
        # A fresh context, because on the wire no context variable of the caller would reach the servicer.
        rpc.task = rpc.loop.create_task(serve(rpc, partial(self._locate, 0)), context=contextvars.Context())
        self._running.add(rpc)
        rpc.task.add_done_callback(partial(self._forget, rpc))

    def _forget(self, rpc: Rpc, task: asyncio.Task[None]) -> None:
        self._running.discard(rpc)
        # A cancelled task holds the frames that it was cancelled in, and they hold the call: this breaks the circle.
        rpc.task = None

    # -- the channel itself -------------------------------------------------------------------------------------------

    async def close(self, grace: float | None = None) -> None:
        """Refuses new calls, gives the running ones `grace` seconds, cancels the rest and waits for them.

        Whoever still waits for a call that is cancelled here gets UNAVAILABLE.
        """
        self._closing.set()
        tasks = [rpc.task for rpc in self._running if rpc.task is not None]
        if not tasks:
            return
        if grace:
            await asyncio.wait(tasks, timeout=grace)
        for rpc in tuple(self._running):
            rpc.terminate(_CLOSED)
        await asyncio.wait(tasks)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """READY, or SHUTDOWN after `close`."""
        connectivity = grpc.ChannelConnectivity
        return connectivity.SHUTDOWN if self._closing.is_set() else connectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Returns when the state is another one than the given."""
        if self.get_state() is last_observed_state:
            await self._closing.wait()

    async def channel_ready(self) -> None:
        """Returns at once.

        Raises:
            UsageError: after `close`.

        """
        if self._closing.is_set():
            raise grpc.aio.UsageError("Channel is closed.")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
