"""Cancellation, back pressure, uploads and closing, over a real socket and in the process."""

import asyncio
import hashlib

import grpc
import grpc.aio
import pytest
from toy import Toy, Watch, ask, delta, each_channel, pieces, steady, texts

from qwen_grpc.v1.chat_pb2 import CompleteChatResponse
from qwen_grpc.v1.files_pb2 import File, UploadFileRequest, UploadFileResponse

pytestmark = [pytest.mark.asyncio, each_channel]


class Hanging(Toy):
    """Sends what `request.n` asks for, and then nothing until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch()

    async def CompleteChat(self, request, context):
        await self.watch.hang()

    async def StreamChat(self, request, context):
        for number in range(request.n):
            yield delta(str(number))
        await self.watch.hang()

    async def UploadFile(self, requests, context):
        await self.watch.hang()


CANCELLED = ["CancelledError", "cleaned up"]


# -- cancellation -----------------------------------------------------------------------------------------------------


async def test_cancelling_a_unary_call_cancels_its_method(connect):
    toy = Hanging()
    async with connect(toy) as stubs:
        call = stubs.chat.CompleteChat(ask())
        await toy.watch.running
        assert [call.done(), call.cancel(), call.cancel()] == [False, True, False]
        with pytest.raises(asyncio.CancelledError):
            await call
        assert [call.done(), call.cancelled(), await call.code()] == [True, True, grpc.StatusCode.CANCELLED]
        assert await call.details() == "Locally cancelled by application!"
        await toy.watch.ended
    assert toy.watch.notes == CANCELLED


async def test_cancelling_a_call_wakes_whoever_awaits_it(connect):
    toy = Hanging()
    async with connect(toy) as stubs:
        call = stubs.chat.StreamChat(ask())
        reading = asyncio.create_task(call.read())
        await toy.watch.running
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await toy.watch.ended
    assert toy.watch.notes == CANCELLED


async def awaited(call) -> None:
    await call


@pytest.mark.parametrize("method", ["CompleteChat", "StreamChat"])
async def test_cancelling_the_awaiting_task_cancels_the_method(connect, method):
    toy = Hanging()
    async with connect(toy) as stubs:
        call = getattr(stubs.chat, method)(ask())
        waiting = asyncio.create_task(awaited(call if method == "CompleteChat" else call.read()))
        await toy.watch.running
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await toy.watch.ended
        assert call.cancelled()
    assert toy.watch.notes == CANCELLED


async def test_a_time_limit_around_a_read_cancels_the_method(connect):
    toy = Hanging()
    async with connect(toy) as stubs:
        call = stubs.chat.StreamChat(ask(n=1))
        await call.read()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call.read(), 0.1)
        await toy.watch.ended
    assert toy.watch.notes == CANCELLED


async def test_leaving_the_loop_and_cancelling_ends_the_method(connect):
    toy = Hanging()
    async with connect(toy) as stubs:
        call = stubs.chat.StreamChat(ask(n=2))
        async for _ in call:
            break
        await toy.watch.running
        call.cancel()
        await toy.watch.ended
    assert toy.watch.notes == CANCELLED


async def test_a_cancelled_call_gives_no_more_messages(connect):
    toy = Hanging()
    async with connect(toy) as stubs:
        call = stubs.chat.StreamChat(ask(n=1))
        await toy.watch.running
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.read()
        await toy.watch.ended


async def test_a_call_cancelled_before_it_starts_never_hangs(connect):
    async with connect(Hanging()) as stubs:
        for call in (stubs.chat.CompleteChat(ask()), stubs.files.UploadFile(iter(pieces(3)))):
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call


async def test_a_generator_cancelled_at_its_yield_cleans_up(connect):
    cleaned = asyncio.Event()

    async def endless(request, context):
        try:
            while True:
                yield delta("x" * 100_000)
        finally:
            cleaned.set()

    async with connect(Toy(StreamChat=endless)) as stubs:
        call = stubs.chat.StreamChat(ask())
        await call.read()
        call.cancel()
        await asyncio.wait_for(cleaned.wait(), 10)


# -- back pressure ----------------------------------------------------------------------------------------------------


async def test_a_method_does_not_run_ahead_of_a_reader_that_stops(connect):
    made = []

    async def eager(request, context):
        for number in range(request.n):
            made.append(number)
            yield delta(f"{number}:" + "x" * 100_000)

    async with connect(Toy(StreamChat=eager)) as stubs:
        call = stubs.chat.StreamChat(ask(n=100))
        await call.read()
        assert await steady(lambda: len(made)) <= 20
        rest = [text.partition(":")[0] for text in texts([message async for message in _rest(call)])]
    assert rest == [str(number) for number in range(1, 100)]


async def test_a_client_does_not_run_ahead_of_a_method_that_does_not_read(connect):
    sent, reading = [], asyncio.Event()

    async def late(requests, context):
        await reading.wait()
        return UploadFileResponse(file=File(size_bytes=len([request async for request in requests])))

    async def upload():
        for number in range(100):
            sent.append(number)
            yield UploadFileRequest(data=b"x" * 100_000)

    async with connect(Toy(UploadFile=late)) as stubs:
        call = stubs.files.UploadFile(upload())
        assert await steady(lambda: len(sent)) <= 20
        reading.set()
        assert (await call).file.size_bytes == 100


async def _rest(call):
    while (message := await call.read()) is not grpc.aio.EOF:
        yield message


# -- uploads ----------------------------------------------------------------------------------------------------------


async def gather(requests, context):
    data = b"".join([request.data async for request in requests])
    return UploadFileResponse(file=File(id=hashlib.sha256(data).hexdigest()))


GATHERED = UploadFileResponse(file=File(id=hashlib.sha256(b"".join(p.data for p in pieces(40))).hexdigest()))


async def slowly(messages):
    for message in messages:
        await asyncio.sleep(0)
        yield message


@pytest.mark.parametrize("requests", [lambda: pieces(40), lambda: slowly(pieces(40))], ids=["list", "async"])
async def test_an_upload_arrives_whole(connect, requests):
    async with connect(Toy(UploadFile=gather)) as stubs:
        assert await stubs.files.UploadFile(requests()) == GATHERED


async def test_an_upload_may_be_written(connect):
    async with connect(Toy(UploadFile=gather)) as stubs:
        call = stubs.files.UploadFile()
        for piece in pieces(40):
            await call.write(piece)
        await call.done_writing()
        with pytest.raises(asyncio.InvalidStateError):
            await call.write(pieces(1)[0])
        assert await call == GATHERED


async def test_a_method_may_read_an_upload_by_its_context(connect):
    async def read(requests, context):
        data = b""
        while (request := await context.read()) is not grpc.aio.EOF:
            data += request.data
        return UploadFileResponse(file=File(id=hashlib.sha256(data).hexdigest()))

    async with connect(Toy(UploadFile=read)) as stubs:
        assert await stubs.files.UploadFile(iter(pieces(40))) == GATHERED


async def test_a_method_may_answer_before_the_upload_ends(connect):
    async def hasty(requests, context):
        return UploadFileResponse(file=File(id="first of many: " + (await anext(aiter(requests))).data.decode()))

    async def endless():
        while True:
            yield pieces(1)[0]
            await asyncio.sleep(0.01)

    async with connect(Toy(UploadFile=hasty)) as stubs:
        response = await stubs.files.UploadFile(endless())
    assert response == UploadFileResponse(file=File(id="first of many: 0"))


async def test_an_upload_whose_source_fails_is_cancelled(connect):
    toy = Hanging()

    async def broken():
        yield pieces(1)[0]
        await toy.watch.running
        raise OSError("the disk is gone")

    async with connect(toy) as stubs:
        with pytest.raises(asyncio.CancelledError):
            await stubs.files.UploadFile(broken())
        await toy.watch.ended
    assert toy.watch.notes == CANCELLED


# -- closing ----------------------------------------------------------------------------------------------------------


async def test_closing_cancels_what_runs_and_no_one_hangs(connect):
    toy = Hanging()
    async with connect(toy) as stubs:
        reading = asyncio.create_task(stubs.chat.StreamChat(ask()).read())
        await toy.watch.running
        await stubs.channel.close()
        with pytest.raises((asyncio.CancelledError, grpc.aio.AioRpcError)):
            await reading
        await toy.watch.ended
        assert stubs.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
    assert toy.watch.notes == CANCELLED


async def test_closing_with_grace_lets_a_call_finish(connect):
    started, finish = asyncio.Event(), asyncio.Event()

    async def steady_answer(request, context):
        started.set()
        await finish.wait()
        return CompleteChatResponse(model="finished")

    async with connect(Toy(CompleteChat=steady_answer)) as stubs:
        call = stubs.chat.CompleteChat(ask())
        await started.wait()
        closing = asyncio.create_task(stubs.channel.close(10))
        await asyncio.sleep(0)
        assert not call.done()
        finish.set()
        await closing
        assert await call == CompleteChatResponse(model="finished")
