"""Messages that are given away in the method's own task, instead of being read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from qwen_grpc.inprocess import InProcessChannel
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceServicer, ChatServiceStub, add_ChatServiceServicer_to_server

pytestmark = pytest.mark.asyncio

PATIENCE_S = 10.0


def calling(behaviour: Callable[..., AsyncIterator[StreamChatResponse]], **options: Any) -> Any:
    servicer = ChatServiceServicer()
    vars(servicer)["StreamChat"] = behaviour
    channel = InProcessChannel()
    add_ChatServiceServicer_to_server(servicer, channel)
    return ChatServiceStub(channel).StreamChat(CompleteChatRequest(), **options)


def numbered(count: int) -> Callable[..., AsyncIterator[StreamChatResponse]]:
    async def count_up(request: Any, context: Any) -> AsyncIterator[StreamChatResponse]:
        for number in range(count):
            yield StreamChatResponse(extra_json=str(number))

    return count_up


async def turns(count: int = 20) -> None:
    """Lets every task that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def hanging(request: Any, context: Any) -> AsyncIterator[StreamChatResponse]:
    yield StreamChatResponse()
    await asyncio.Event().wait()


@pytest.mark.parametrize("read", [0, 1, 3, 10])
@pytest.mark.parametrize("made_before", [False, True])
async def test_every_message_comes_once_and_in_order(read: int, made_before: bool) -> None:
    call, seen = calling(numbered(10)), []
    if made_before:
        await turns()
    for _ in range(read):
        seen.append((await anext(call)).extra_json)
    await call.pour(lambda message: seen.append(message.extra_json))
    assert seen == [str(number) for number in range(10)]
    assert await call.code() is grpc.StatusCode.OK


async def test_messages_are_taken_in_the_task_of_the_method() -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def noting(request: Any, context: Any) -> AsyncIterator[StreamChatResponse]:
        yield StreamChatResponse()
        await turns()
        tasks.append(asyncio.current_task())
        yield StreamChatResponse()

    call = calling(noting)
    await anext(call)
    await call.pour(lambda _: tasks.append(asyncio.current_task()))
    assert tasks[0] is tasks[1] is not asyncio.current_task()


async def test_the_method_waits_for_who_takes() -> None:
    room, seen = asyncio.Event(), list[str]()

    def take(message: StreamChatResponse) -> Awaitable[object]:
        seen.append(message.extra_json)
        return room.wait()

    pouring = asyncio.create_task(calling(numbered(5)).pour(take))
    await turns()
    assert seen == ["0"]
    room.set()
    await asyncio.wait_for(pouring, PATIENCE_S)
    assert seen == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("read", [0, 1])
async def test_who_cannot_take_ends_the_call_and_is_told_why(read: int) -> None:
    ended = list[str]()

    async def endless(request: Any, context: Any) -> AsyncIterator[StreamChatResponse]:
        try:
            while True:
                yield StreamChatResponse()
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    def refuse(message: StreamChatResponse) -> None:
        raise ValueError("no room")

    call = calling(endless)
    for _ in range(read):
        await anext(call)
    with pytest.raises(ValueError, match="no room"):
        await asyncio.wait_for(call.pour(refuse), PATIENCE_S)
    await turns()
    assert call.cancelled()
    assert ended in (["GeneratorExit"], ["CancelledError"])


async def test_a_failure_of_the_method_is_raised_behind_its_messages() -> None:
    async def failing(request: Any, context: Any) -> AsyncIterator[StreamChatResponse]:
        yield StreamChatResponse()
        await context.abort(grpc.StatusCode.DATA_LOSS, "broken")

    seen: list[StreamChatResponse] = []
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await calling(failing).pour(seen.append)
    assert (len(seen), failure.value.code()) == (1, grpc.StatusCode.DATA_LOSS)


async def test_a_deadline_ends_what_is_poured() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await calling(hanging, timeout=0.05).pour(lambda _: None)
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("clogged", [False, True])
async def test_cancelling_who_pours_cancels_the_method(clogged: bool) -> None:
    before = asyncio.all_tasks()
    call = calling(hanging)
    pouring = asyncio.create_task(call.pour(lambda _: asyncio.Event().wait() if clogged else None))
    await turns()
    pouring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pouring
    await turns()
    assert call.cancelled()
    assert asyncio.all_tasks() == before


async def test_a_call_that_was_cancelled_pours_nothing() -> None:
    call, seen = calling(numbered(3)), []
    await turns()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.pour(seen.append)
    assert seen == []


async def test_what_was_poured_cannot_be_read() -> None:
    call = calling(numbered(3))
    await call.read()
    with pytest.raises(grpc.aio.UsageError):
        await call.pour(lambda _: None)
    call.cancel()
