"""Toy servicers, and the two channels that they are reached by."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc.aio
import pytest

from qwen_grpc.inprocess import InProcessChannel
from qwen_grpc.v1.chat_pb2 import ChatDelta, CompleteChatRequest, StreamChatResponse
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceServicer, ChatServiceStub, add_ChatServiceServicer_to_server
from qwen_grpc.v1.files_pb2 import UploadFileRequest
from qwen_grpc.v1.files_pb2_grpc import FilesServiceServicer, FilesServiceStub, add_FilesServiceServicer_to_server

PATIENCE = 10.0  # seconds until a test gives up on something that must happen


class Toy(ChatServiceServicer, FilesServiceServicer):
    """Plays the methods that it is given: `Toy(StreamChat=count)`."""

    def __init__(self, **methods: Callable[..., Any]) -> None:
        vars(self).update(methods)


@dataclass(frozen=True)
class Stubs:
    """The generated stubs on one channel."""

    channel: grpc.aio.Channel
    chat: ChatServiceStub
    files: FilesServiceStub


class Watch:
    """Notes how a servicer method went, for the test to await."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.over = asyncio.Event()
        self.notes: list[Any] = []

    @property
    def ended(self) -> Awaitable[Any]:
        return asyncio.wait_for(self.over.wait(), PATIENCE)

    @property
    def running(self) -> Awaitable[Any]:
        return asyncio.wait_for(self.started.wait(), PATIENCE)

    async def hang(self) -> None:
        """Waits until cancelled, and notes what it was ended by and whether cleaning up may take time."""
        self.started.set()
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            self.notes.append(type(error).__name__)
            raise
        finally:
            await asyncio.sleep(0)
            self.notes.append("cleaned up")
            self.over.set()


def delta(text: str) -> StreamChatResponse:
    return StreamChatResponse(deltas=[ChatDelta(content=text)])


def texts(messages: Sequence[StreamChatResponse]) -> list[str]:
    return [message.deltas[0].content for message in messages]


def ask(model: str = "toy", **fields: Any) -> CompleteChatRequest:
    return CompleteChatRequest(model=model, **fields)


def pieces(count: int) -> list[UploadFileRequest]:
    return [UploadFileRequest(data=str(number).encode()) for number in range(count)]


def register(toy: Toy, server: Any) -> None:
    add_ChatServiceServicer_to_server(toy, server)
    add_FilesServiceServicer_to_server(toy, server)


@asynccontextmanager
async def over_the_wire(
    toy: Toy, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
) -> AsyncIterator[grpc.aio.Channel]:
    # Without bdp probes the flow control window is small, so that a reader who stops is soon felt.
    small_window = [("grpc.http2.bdp_probe", 0)]
    server = grpc.aio.server(interceptors=interceptors, options=small_window)
    register(toy, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", small_window) as channel:
            yield channel
    finally:
        await server.stop(None)


@asynccontextmanager
async def in_process(
    toy: Toy, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
) -> AsyncIterator[grpc.aio.Channel]:
    channel = InProcessChannel(interceptors)
    register(toy, channel)
    async with channel:
        yield channel


CHANNELS = {"wire": over_the_wire, "inprocess": in_process}


@asynccontextmanager
async def stubs_over(
    kind: str, toy: Toy, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
) -> AsyncIterator[Stubs]:
    """Connects stubs to the toy, and checks afterwards that no task is left of it all."""
    before = asyncio.all_tasks()
    async with CHANNELS[kind](toy, interceptors) as channel:
        yield Stubs(channel, ChatServiceStub(channel), FilesServiceStub(channel))
    await eventually(lambda: asyncio.all_tasks() <= before)


each_channel = pytest.mark.parametrize("connect", [partial(stubs_over, kind) for kind in CHANNELS], ids=list(CHANNELS))


async def failure_of(awaitable: Awaitable[Any]) -> tuple[grpc.StatusCode, str | None]:
    """The code and details of the call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await awaitable
    return failure.value.code(), failure.value.details()


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits for the condition; fails after PATIENCE seconds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nobody tells when the set of tasks changes
            await asyncio.sleep(0.01)


async def steady(count: Callable[[], int]) -> int:
    """Waits until a number no longer changes, and returns it."""
    last = -1
    while count() != last:
        last = count()
        await asyncio.sleep(0.3)
    return last
