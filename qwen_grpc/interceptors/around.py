"""Lifts async context managers around calls of any shape."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from inspect import iscoroutine
from typing import Any, TypeAlias

import grpc
from grpc.aio import ServerInterceptor

from qwen_grpc.calls import OURS, Call, Context, begin

Scope = Callable[[Call], AbstractAsyncContextManager[None]]
Handler: TypeAlias = Any  # grpc.RpcMethodHandler, which is generic for type checkers only
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]


class Around(ServerInterceptor):
    """Runs scopes around every call of our services, the first one outermost."""

    def __init__(self, *scopes: Scope) -> None:
        self._scopes = scopes

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Replaces the handler by one that runs inside the scopes."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(OURS):
            return handler
        return self._lifted(handler, handler_call_details.method)

    def _lifted(self, handler: Any, method: str) -> Handler:
        serializers = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._unary(handler.unary_unary, method), *serializers)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._stream(handler.unary_stream, method), *serializers)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(self._unary(handler.stream_unary, method), *serializers)
        return grpc.stream_stream_rpc_method_handler(self._stream(handler.stream_stream, method), *serializers)

    def _unary(self, serve: Callable[..., Any], method: str) -> Callable[..., Any]:
        async def run(request: Any, context: Context) -> Any:
            call = begin(method, context, streams=False)
            async with self._scoped(call):
                call.last = answer = await serve(request, context)
                return answer

        return run

    def _stream(self, serve: Callable[..., Any], method: str) -> Callable[..., Any]:
        async def run(request: Any, context: Context) -> None:
            call = begin(method, context, streams=True)
            async with self._scoped(call):
                answer = serve(request, context)
                if iscoroutine(answer):
                    # A method that writes its messages itself counts them, too.
                    await answer
                else:
                    await self._send(answer, call)

        return run

    @staticmethod
    async def _send(answer: AsyncGenerator[Any, None], call: Call) -> None:
        async with aclosing(answer) as messages:
            async for message in messages:
                await call.context.write(message)
                call.sent(message)

    def _scoped(self, call: Call) -> AbstractAsyncContextManager[Any]:
        return _Scoped(self._scopes, call)


class _Scoped:
    """The scopes of one call. `AsyncExitStack` does the same, for any kind of scope, at several times the cost.

    A scope may end a call with another error, but not without one.
    """

    __slots__ = ("_call", "_entered", "_scopes")

    def __init__(self, scopes: tuple[Scope, ...], call: Call) -> None:
        self._scopes, self._call = scopes, call
        self._entered: list[AbstractAsyncContextManager[None]] = []

    async def __aenter__(self) -> None:
        try:
            for scope in self._scopes:
                inner = scope(self._call)
                await inner.__aenter__()
                self._entered.append(inner)
        except BaseException as error:
            # The outer scopes see the refusal of an inner one; `async with` would not tell them.
            await self._leave(error)
            raise

    async def __aexit__(self, kind: object, error: BaseException | None, tb: object) -> None:
        await self._leave(error)

    async def _leave(self, told: BaseException | None) -> None:
        error = told
        while self._entered:
            scope = self._entered.pop()
            try:
                await scope.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
            except BaseException as other:  # noqa: BLE001
                error = other
        if error is not None and error is not told:
            raise error
