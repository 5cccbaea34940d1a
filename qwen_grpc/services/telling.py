"""Sends an answer as it is made: a message for each read of the upstream, or for several when the loop is late."""

from collections.abc import Awaitable, Callable

from qwen_grpc.answering import Take, pour
from qwen_grpc.calls import Call, Context, current
from qwen_grpc.routing.journey import Begun
from qwen_grpc.services.pacing import Gathering, LagMeter
from qwen_grpc.v1.chat_pb2 import StreamChatResponse

# Sends a message; returns what to await before the next one, or None for nothing.
Put = Callable[[StreamChatResponse], Awaitable[object] | None]


async def tell(answer: Begun, context: Context, meter: LagMeter) -> None:
    """Sends all messages of an answer. Within the process no task is woken for one of them."""
    call, gathering = current(), Gathering(meter)
    await context.write(answer.first)
    _count(call, answer.first)
    # A context within the process takes a message at once; grpc.aio's has no such method.
    put: Put | None = getattr(context, "put", None)
    if put is not None:
        await pour(answer.rest, _putting(put, call, gathering))
        return
    async for message in answer.rest:
        await context.write(message)
        _count(call, message)
        if meter.late and (pause := gathering.pause()) is not None:
            await pause


def _putting(put: Put, call: Call | None, gathering: Gathering) -> Take:
    meter = gathering.meter

    def take(message: StreamChatResponse) -> Awaitable[object] | None:
        waiting = put(message)
        _count(call, message)
        return gathering.pause() if meter.late and waiting is None else waiting

    return take


def _count(call: Call | None, message: StreamChatResponse) -> None:
    if call is not None:
        call.sent(message)
        call.deltas += len(message.deltas)
