"""What generated stubs get from a channel for each of their methods."""

from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from qwen_grpc.inprocess.calls import Requests, StreamStreamCall, StreamUnaryCall, UnaryStreamCall, UnaryUnaryCall
from qwen_grpc.inprocess.metadata import MetadataLike, checked
from qwen_grpc.inprocess.rpc import Invocation, Rpc

# The signatures below are those of grpc.aio. `wait_for_ready` and `compression` are taken and have nothing to do.
# ruff: noqa: ARG002, PLR0913


class _Callable:
    def __init__(self, start: Callable[..., Rpc], method: str) -> None:
        self._start = start
        self._method = method

    def _invocation(
        self, timeout: float | None, metadata: MetadataLike | None, credentials: grpc.CallCredentials | None
    ) -> Invocation:
        if credentials is not None:
            raise ValueError("call credentials need a secure wire: put what they would send into `metadata`")
        return Invocation(self._method, checked(metadata), timeout)


class UnaryUnary(_Callable, grpc.aio.UnaryUnaryMultiCallable[Any, Any]):
    """Starts calls of one request and one response."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> UnaryUnaryCall:
        """Starts a call; `timeout` is in seconds."""
        invocation = self._invocation(timeout, metadata, credentials)
        return UnaryUnaryCall(self._start(invocation, request=request, streams_responses=False))


class UnaryStream(_Callable, grpc.aio.UnaryStreamMultiCallable[Any, Any]):
    """Starts calls of one request and many responses."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> UnaryStreamCall:
        """Starts a call; `timeout` is in seconds."""
        invocation = self._invocation(timeout, metadata, credentials)
        return UnaryStreamCall(self._start(invocation, request=request, streams_responses=True))


# The two bases below take no type arguments at run time in grpcio 1.74.
class StreamUnary(_Callable, grpc.aio.StreamUnaryMultiCallable):  # type: ignore[type-arg]
    """Starts calls of many requests and one response."""

    def __call__(
        self,
        request_iterator: Requests | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> StreamUnaryCall:
        """Starts a call; `timeout` is in seconds. Without an iterator, the call is written to."""
        invocation = self._invocation(timeout, metadata, credentials)
        return StreamUnaryCall(self._start(invocation, streams_responses=False), request_iterator)


class StreamStream(_Callable, grpc.aio.StreamStreamMultiCallable):  # type: ignore[type-arg]
    """Starts calls of many requests and many responses."""

    def __call__(
        self,
        request_iterator: Requests | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> StreamStreamCall:
        """Starts a call; `timeout` is in seconds. Without an iterator, the call is written to."""
        invocation = self._invocation(timeout, metadata, credentials)
        return StreamStreamCall(self._start(invocation, streams_responses=True), request_iterator)
