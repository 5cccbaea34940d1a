"""The server half of a call: finds the method, runs it, and always ends the call."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import grpc.aio

from qwen_grpc.inprocess.context import Context
from qwen_grpc.inprocess.rpc import Rpc, Status
from qwen_grpc.inprocess.slot import EOF

_LOG = logging.getLogger(__name__)

# Generic for the type checker only, hence the quotes.
MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


@dataclass(slots=True)
class CallDetails:
    """What an interceptor is told of a call; the shape is `grpc.HandlerCallDetails`."""

    method: str
    invocation_metadata: tuple[tuple[str, str | bytes], ...]


Locate: TypeAlias = "Callable[[CallDetails], Awaitable[MethodHandler | None]]"


async def serve(rpc: Rpc, locate: Locate) -> None:
    """Serves one call; whatever the servicer does, the client is told an end."""
    context = Context(rpc)
    try:
        await _answer(rpc, context, locate)
    except grpc.aio.AbortError as error:
        # Our own abort has finished the call already; somebody else's is a failure like any other.
        rpc.finish(context.failure(error))
    except Exception as error:  # noqa: BLE001
        # This is the edge of the server: as on the wire, the client gets the text and the log the traceback.
        _LOG.exception("Unexpected [%s] raised by servicer method [%s]", type(error).__name__, rpc.invocation.method)
        rpc.finish(context.failure(error))
    finally:
        # Only a servicer that raised CancelledError by itself leaves a call open until here.
        rpc.finish(Status(grpc.StatusCode.CANCELLED, "The method cancelled itself."))
        context.run_done_callbacks()


async def _answer(rpc: Rpc, context: Context, locate: Locate) -> None:
    method = await locate(CallDetails(rpc.invocation.method, rpc.invocation.metadata))
    if method is None:
        rpc.finish(Status(grpc.StatusCode.UNIMPLEMENTED, "Method not found!"))
        return
    request = rpc.requests if method.request_streaming else await rpc.requests.take()
    if request is EOF:
        rpc.finish(Status(grpc.StatusCode.CANCELLED, "The client sent no request."))
        return
    behaviour = _behaviour(method)
    if not method.response_streaming:
        await _send_response(behaviour, request, rpc, context)
    elif inspect.iscoroutinefunction(behaviour):
        await behaviour(request, context)
    else:
        await _stream_responses(behaviour, request, rpc, context)
    rpc.finish(context.status())


def _behaviour(method: MethodHandler) -> Callable[[Any, Context], Any]:
    """The function of a handler; interceptors may answer with one of another kind than was called."""
    if method.request_streaming:
        function = method.stream_stream if method.response_streaming else method.stream_unary
    else:
        function = method.unary_stream if method.response_streaming else method.unary_unary
    return function  # type: ignore[return-value]


async def _send_response(behaviour: Callable[[Any, Context], Any], request: Any, rpc: Rpc, context: Context) -> None:
    if not inspect.iscoroutinefunction(behaviour):
        raise TypeError(f"{rpc.invocation.method} is not a coroutine function: define it with `async def`")
    response = await behaviour(request, context)
    if rpc.outcome is not None or context.status().code is not grpc.StatusCode.OK:
        return
    if response is None:
        raise TypeError(f"{rpc.invocation.method} returned None: expected a response message")
    rpc.send(response)


async def _stream_responses(behaviour: Callable[[Any, Context], Any], request: Any, rpc: Rpc, context: Context) -> None:
    if not inspect.isasyncgenfunction(behaviour):
        raise TypeError(f"{rpc.invocation.method} is neither an async generator nor a coroutine function")
    send = rpc.send
    # Cancelled at its `yield`, the generator is closed here and now, not when the garbage collector comes by.
    async with aclosing(behaviour(request, context)) as responses:
        async for response in responses:
            waiting = send(response)
            if waiting is not None:
                await waiting
