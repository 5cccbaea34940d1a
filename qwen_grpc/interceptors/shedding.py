"""Takes on what there is room for, and refuses the rest at once."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import grpc
from grpc.aio import ServerInterceptor

from qwen_grpc.calls import OURS, Call, Context
from qwen_grpc.interceptors.around import Continuation, Handler
from qwen_grpc.pressure import Pressure, Shortage


class Limit:
    """A scope that counts the calls that run; one more than may be is refused at once, not queued."""

    def __init__(self, pressure: Pressure) -> None:
        self._pressure = pressure

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        """The scope of one call."""
        self._pressure.begin()
        try:
            yield
        finally:
            self._pressure.end()


_MAKERS: Mapping[str, Callable[..., Handler]] = MappingProxyType(
    {
        "unary_unary": grpc.unary_unary_rpc_method_handler,
        "unary_stream": grpc.unary_stream_rpc_method_handler,
        "stream_unary": grpc.stream_unary_rpc_method_handler,
        "stream_stream": grpc.stream_stream_rpc_method_handler,
    }
)


class Shedding(ServerInterceptor):
    """Refuses calls of the wire before anything of them is read, and counts the bytes of those that are served.

    A message of gRPC does not say beforehand how long it is, so it is weighed
    when it has come: what is refused unread is what comes after it. Health and
    reflection are not asked.
    """

    def __init__(self, pressure: Pressure) -> None:
        self._pressure = pressure

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Replaces the handler of one of our services by one that refuses, or by one that counts."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(OURS):
            return handler
        if shortage := self._pressure.shortage(method[len(OURS) :].partition("/")[0]):
            return self._refusing(shortage)
        shape = next(shape for shape in _MAKERS if getattr(handler, shape))
        weighed = self._pieces if handler.request_streaming else self._whole
        serializers = (handler.request_deserializer, handler.response_serializer)
        return _MAKERS[shape](weighed(getattr(handler, shape)), *serializers)

    def _refusing(self, shortage: Shortage) -> Handler:
        """A handler that streams its request, whatever the call's shape: the usual one would receive it first."""

        async def refuse(request: Any, context: Context) -> AsyncIterator[Any]:
            raise self._pressure.refusal(shortage)
            yield  # makes this the generator that a streaming handler has to be

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _whole(self, serve: Callable[..., Any]) -> Callable[..., Any]:
        # No generator around the one that streams: this costs nothing per message.
        def run(request: Any, context: Context) -> Any:
            size = request.ByteSize()
            self._take(size)
            given: Any = lambda _: self._pressure.give(size)  # noqa: E731  # its type is private to grpc
            context.add_done_callback(given)
            return serve(request, context)

        return run

    def _pieces(self, serve: Callable[..., Any]) -> Callable[..., Any]:
        async def weighed(pieces: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for piece in pieces:
                size = piece.ByteSize()
                self._take(size)
                try:
                    yield piece
                finally:
                    self._pressure.give(size)

        return lambda pieces, context: serve(weighed(pieces), context)

    def _take(self, size: int) -> None:
        if shortage := self._pressure.take(size):
            raise self._pressure.refusal(shortage)
