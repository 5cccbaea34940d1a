"""Scopes around calls of every shape."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from clockwork import turns

from qwen_grpc.calls import Call
from qwen_grpc.interceptors.around import Around

pytestmark = pytest.mark.asyncio

HANDLERS: dict[str, Callable[..., Any]] = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}
UNARY = ("unary_unary", "stream_unary")
STREAMS = ("unary_stream", "stream_stream")
EVERY = pytest.mark.parametrize("shape", HANDLERS)
METHOD = "/qwen.v1.ChatService/Any"


class Wire:
    """The context of a call: takes messages, or holds the first one for ever."""

    def __init__(self, *, stalls: bool = False) -> None:
        self.sent: list[str] = []
        self._stalls = stalls

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", "r1"),)

    async def write(self, message: str) -> None:
        self.sent.append(message)
        if self._stalls:
            await asyncio.Event().wait()


class Witness:
    """Two scopes and the services between them; writes down what happens."""

    def __init__(self, *, refuses: bool = False, fails: bool = False, waits: bool = False) -> None:
        self.seen: list[str] = []
        self.calls: list[Call] = []
        self._refuses, self._fails, self._waits = refuses, fails, waits

    def scope(self, name: str) -> Callable[[Call], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def scope(call: Call) -> AsyncIterator[None]:
            self.seen.append(f"{name} enters")
            self.calls.append(call)
            if self._refuses and name == "inner":
                raise RuntimeError("refused")
            try:
                yield
            except BaseException as error:
                self.seen.append(f"{name} sees {type(error).__name__}")
                raise
            self.seen.append(f"{name} leaves")

        return scope

    async def unary(self, request: str, context: object) -> str:
        self.seen.append("serves")
        if self._fails:
            raise RuntimeError("failed")
        if self._waits:
            await asyncio.Event().wait()
        return f"answer to {request}"

    async def stream(self, request: str, context: object) -> AsyncIterator[str]:
        try:
            yield "one"
            yield await self.unary(request, context)
        finally:
            self.seen.append("service ends")

    async def lifted(self, shape: str, method: str = METHOD) -> Any:
        serve = self.unary if shape in UNARY else self.stream
        handler = HANDLERS[shape](serve, request_deserializer=len, response_serializer=repr)
        around = Around(self.scope("outer"), self.scope("inner"))
        return await around.intercept_service(_answering(handler), SimpleNamespace(method=method))  # type: ignore[arg-type]

    async def run(self, shape: str) -> list[str]:
        run = getattr(await self.lifted(shape), shape)
        wire = Wire()
        answer = await run("it", wire)
        return [answer] if shape in UNARY else wire.sent


def _answering(handler: object) -> Callable[..., Any]:
    async def continuation(details: object) -> object:
        return handler

    return continuation


@EVERY
async def test_scopes_enter_in_order_and_leave_in_reverse(shape: str) -> None:
    witness = Witness()
    assert await witness.run(shape) == (["answer to it"] if shape in UNARY else ["one", "answer to it"])
    end = [] if shape in UNARY else ["service ends"]
    assert witness.seen == ["outer enters", "inner enters", "serves", *end, "inner leaves", "outer leaves"]


@EVERY
async def test_every_scope_is_given_the_one_record_of_the_call(shape: str) -> None:
    witness = Witness()
    await witness.run(shape)
    call, same = witness.calls
    assert call is same
    assert (call.method, call.request_id, call.streams, call.messages) == (
        METHOD,
        "r1",
        shape in STREAMS,
        2 if shape in STREAMS else 0,
    )


@EVERY
async def test_the_shape_and_its_serializers_stay(shape: str) -> None:
    handler = await Witness().lifted(shape)
    assert [name for name in HANDLERS if getattr(handler, name)] == [shape]
    assert (handler.request_deserializer, handler.response_serializer) == (len, repr)


@EVERY
async def test_a_failure_passes_through_all_scopes(shape: str) -> None:
    witness = Witness(fails=True)
    with pytest.raises(RuntimeError, match="^failed$"):
        await witness.run(shape)
    assert witness.seen[-2:] == ["inner sees RuntimeError", "outer sees RuntimeError"]


@EVERY
async def test_outer_scopes_see_the_refusal_of_an_inner_one(shape: str) -> None:
    witness = Witness(refuses=True)
    with pytest.raises(RuntimeError, match="^refused$"):
        await witness.run(shape)
    assert witness.seen == ["outer enters", "inner enters", "outer sees RuntimeError"]


@EVERY
async def test_a_cancelled_call_passes_through_all_scopes(shape: str) -> None:
    witness = Witness(waits=True)
    task = asyncio.create_task(witness.run(shape))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert witness.seen[-2:] == ["inner sees CancelledError", "outer sees CancelledError"]


@pytest.mark.parametrize("shape", STREAMS)
async def test_a_stream_that_is_left_ends_the_service_first(shape: str) -> None:
    witness = Witness()
    wire = Wire(stalls=True)
    task = asyncio.create_task(getattr(await witness.lifted(shape), shape)("it", wire))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wire.sent == ["one"]
    assert witness.seen == [
        "outer enters",
        "inner enters",
        "service ends",
        "inner sees CancelledError",
        "outer sees CancelledError",
    ]


@pytest.mark.parametrize("method", ["/grpc.health.v1.Health/Check", "/qwen.v10.X/Y"])
async def test_services_that_are_not_ours_stay_as_they_are(method: str) -> None:
    handler = await Witness().lifted("unary_unary", method)
    assert handler.unary_unary.__name__ == "unary"


async def test_an_unknown_method_stays_unknown() -> None:
    around = Around(Witness().scope("outer"))
    details = SimpleNamespace(method=METHOD)
    assert await around.intercept_service(_answering(None), details) is None  # type: ignore[arg-type]
