"""The same calls over a real socket and over the in-process channel."""

import asyncio
import contextlib

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from toy import Toy, Watch, ask, delta, each_channel, eventually, failure_of, texts

from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CompleteChatResponse

pytestmark = [pytest.mark.asyncio, each_channel]


async def echo(request, context):
    return CompleteChatResponse(model=request.model)


async def count(request, context):
    for number in range(request.n):
        yield delta(str(number))


async def collect(call) -> list[str]:
    return texts([message async for message in call])


async def append_all(call, got: list) -> None:
    async for message in call:
        got.append(message)


# -- results ----------------------------------------------------------------------------------------------------------


async def test_a_unary_call_gets_its_response(connect):
    async with connect(Toy(CompleteChat=echo)) as stubs:
        assert CompleteChatResponse(model="qwen-max") == await stubs.chat.CompleteChat(ask("qwen-max"))


async def test_a_unary_call_may_be_awaited_twice(connect):
    async with connect(Toy(CompleteChat=echo)) as stubs:
        call = stubs.chat.CompleteChat(ask("a"))
        assert [await call, await call] == [CompleteChatResponse(model="a")] * 2


@pytest.mark.parametrize("length", [0, 1, 2, 500])
async def test_a_stream_arrives_whole_and_in_order(connect, length):
    async with connect(Toy(StreamChat=count)) as stubs:
        assert await collect(stubs.chat.StreamChat(ask(n=length))) == [str(n) for n in range(length)]


async def test_a_coroutine_method_streams_by_writing(connect):
    async def write(request, context):
        for number in range(request.n):
            await context.write(delta(str(number)))

    async with connect(Toy(StreamChat=write)) as stubs:
        assert await collect(stubs.chat.StreamChat(ask(n=5))) == ["0", "1", "2", "3", "4"]


async def test_a_message_arrives_before_the_next_one_is_made(connect):
    arrived = asyncio.Event()

    async def two(request, context):
        yield delta("first")
        await arrived.wait()
        yield delta("second")

    async with connect(Toy(StreamChat=two)) as stubs:
        call = stubs.chat.StreamChat(ask(), timeout=10)
        first = await call.read()
        arrived.set()
        assert texts([first, await call.read()]) == ["first", "second"]


async def test_two_hundred_calls_at_once_do_not_mix(connect):
    async def twice(request, context):
        for _ in range(2):
            await asyncio.sleep(0)
            yield delta(request.model)

    async with connect(Toy(StreamChat=twice)) as stubs:
        answers = await asyncio.gather(*(collect(stubs.chat.StreamChat(ask(str(n)))) for n in range(200)))
    assert answers == [[str(n)] * 2 for n in range(200)]


async def test_read_returns_messages_and_then_the_end(connect):
    async with connect(Toy(StreamChat=count)) as stubs:
        call = stubs.chat.StreamChat(ask(n=2))
        assert texts([await call.read(), await call.read()]) == ["0", "1"]
        assert [await call.read(), await call.read()] == [grpc.aio.EOF, grpc.aio.EOF]


async def test_reading_and_iterating_do_not_mix(connect):
    async with connect(Toy(StreamChat=count)) as stubs:
        call = stubs.chat.StreamChat(ask(n=2))
        await call.read()
        with pytest.raises(grpc.aio.UsageError):
            aiter(call)
        call.cancel()


# -- metadata ---------------------------------------------------------------------------------------------------------

SENT = (("x-request-id", "r-1"), ("x-many", "1"), ("x-many", "2"), ("trace-bin", b"\x00\xff"))


async def test_the_method_sees_the_clients_metadata(connect):
    seen = []

    async def note(request, context):
        seen.extend(pair for pair in context.invocation_metadata() if pair[0] != "user-agent")
        return CompleteChatResponse()

    async with connect(Toy(CompleteChat=note)) as stubs:
        await stubs.chat.CompleteChat(ask(), metadata=SENT)
        await stubs.chat.CompleteChat(ask(), metadata=grpc.aio.Metadata(*SENT))
    assert seen == [*SENT, *SENT]


async def test_a_unary_client_sees_the_methods_metadata(connect):
    async def answer(request, context):
        await context.send_initial_metadata(SENT)
        context.set_trailing_metadata((("cost", "3"), ("sum-bin", b"\x80")))
        return CompleteChatResponse()

    async with connect(Toy(CompleteChat=answer)) as stubs:
        call = stubs.chat.CompleteChat(ask())
        await call
        assert await call.initial_metadata() == grpc.aio.Metadata(*SENT)
        assert await call.trailing_metadata() == grpc.aio.Metadata(("cost", "3"), ("sum-bin", b"\x80"))


async def test_initial_metadata_arrives_before_the_first_message(connect):
    watch = Watch()

    async def slow(request, context):
        await context.send_initial_metadata((("x-started", "yes"),))
        await watch.hang()
        yield delta("never")

    async with connect(Toy(StreamChat=slow)) as stubs:
        call = stubs.chat.StreamChat(ask())
        assert await call.initial_metadata() == grpc.aio.Metadata(("x-started", "yes"))
        call.cancel()
        await watch.ended


@pytest.mark.parametrize(
    "entry", [("Upper", "x"), ("with space", "x"), ("", "x"), ("x-text", "é"), ("x-text", "a\nb"), ("x-bin", "text")]
)
async def test_metadata_that_cannot_travel_is_refused(connect, entry):
    async with connect(Toy(CompleteChat=echo)) as stubs:
        with pytest.raises((ValueError, TypeError, grpc.aio.InternalError)):
            await stubs.chat.CompleteChat(ask(), metadata=(entry,))


# -- errors -----------------------------------------------------------------------------------------------------------


async def test_an_abort_carries_its_rich_status(connect):
    reason = error_details_pb2.ErrorInfo(reason="RATE_LIMITED", domain="qwen.v1")
    rich = status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="slow down", details=[Any()])
    rich.details[0].Pack(reason)

    async def refuse(request, context):
        await context.send_initial_metadata((("x-first", "1"),))
        await context.abort_with_status(rpc_status.to_status(rich))

    async with connect(Toy(CompleteChat=refuse)) as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await stubs.chat.CompleteChat(ask())
    assert rpc_status.from_call(failure.value) == rich
    assert failure.value.initial_metadata() == grpc.aio.Metadata(("x-first", "1"))


async def test_messages_before_an_abort_arrive(connect):
    async def break_off(request, context):
        yield delta("one")
        yield delta("two")
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone", (("x-why", "test"),))

    got = []
    async with connect(Toy(StreamChat=break_off)) as stubs:
        call = stubs.chat.StreamChat(ask())
        assert await failure_of(append_all(call, got)) == (grpc.StatusCode.UNAVAILABLE, "gone")
        assert texts(got) == ["one", "two"]
        assert await call.trailing_metadata() == grpc.aio.Metadata(("x-why", "test"))
        assert await failure_of(call.read()) == (grpc.StatusCode.UNAVAILABLE, "gone")


async def test_a_suppressed_abort_fails_all_the_same(connect):
    async def stubborn(request, context):
        with contextlib.suppress(grpc.aio.AbortError):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        return CompleteChatResponse()

    async with connect(Toy(CompleteChat=stubborn)) as stubs:
        assert await failure_of(stubs.chat.CompleteChat(ask())) == (grpc.StatusCode.NOT_FOUND, "no such model")


async def test_a_code_that_was_set_replaces_the_response(connect):
    async def unfound(request, context):
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details("nothing here")
        return CompleteChatResponse(model="discarded")

    async with connect(Toy(CompleteChat=unfound)) as stubs:
        assert await failure_of(stubs.chat.CompleteChat(ask())) == (grpc.StatusCode.NOT_FOUND, "nothing here")


@pytest.mark.parametrize("code", [None, grpc.StatusCode.DATA_LOSS])
async def test_an_unknown_exception_is_told_with_the_code_that_was_set(connect, code):
    async def stumble(request, context):
        if code:
            context.set_code(code)
        raise ValueError("oops")

    async with connect(Toy(CompleteChat=stumble)) as stubs:
        told = await failure_of(stubs.chat.CompleteChat(ask()))
    assert told == (code or grpc.StatusCode.UNKNOWN, "Unexpected <class 'ValueError'>: oops")


async def test_a_method_that_returns_none_fails(connect):
    async def forget(request, context):
        return None

    async with connect(Toy(CompleteChat=forget)) as stubs:
        code, details = await failure_of(stubs.chat.CompleteChat(ask()))
    assert (code, details[:30]) == (grpc.StatusCode.UNKNOWN, "Unexpected <class 'TypeError'>")


@pytest.mark.parametrize("text", ["过载，请稍后再试 🐢", "x" * 1024, "two\nlines and 100 %"])
async def test_error_texts_arrive_unchanged(connect, text):
    async def refuse(request, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, text)

    async with connect(Toy(CompleteChat=refuse)) as stubs:
        assert await failure_of(stubs.chat.CompleteChat(ask())) == (grpc.StatusCode.UNAVAILABLE, text)


async def test_an_unknown_method_is_unimplemented(connect):
    async with connect(Toy()) as stubs:
        missing = stubs.channel.unary_unary(
            "/qwen.v1.ChatService/Sing",
            request_serializer=CompleteChatRequest.SerializeToString,
            response_deserializer=CompleteChatResponse.FromString,
        )
        assert await failure_of(missing(ask())) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


# -- deadlines --------------------------------------------------------------------------------------------------------


async def expired(awaitable) -> bool:
    code, details = await failure_of(awaitable)
    return code is grpc.StatusCode.DEADLINE_EXCEEDED and "Deadline Exceeded" in details


async def test_a_deadline_ends_a_unary_method(connect):
    watch = Watch()

    async def slow(request, context):
        watch.notes.append(0 < context.time_remaining() < 0.21)
        await watch.hang()

    async with connect(Toy(CompleteChat=slow)) as stubs:
        call = stubs.chat.CompleteChat(ask(), timeout=0.2)
        assert 0 < call.time_remaining() < 0.21
        assert await expired(call)
        await watch.ended
    assert watch.notes == [True, "CancelledError", "cleaned up"]


@pytest.mark.parametrize("sent", [0, 2])
async def test_a_deadline_ends_a_stream(connect, sent):
    watch = Watch()

    async def slow(request, context):
        for number in range(sent):
            yield delta(str(number))
        await watch.hang()

    got = []
    async with connect(Toy(StreamChat=slow)) as stubs:
        assert await expired(append_all(stubs.chat.StreamChat(ask(), timeout=0.3), got))
        await watch.ended
    assert (texts(got), watch.notes) == (["0", "1"][:sent], ["CancelledError", "cleaned up"])


async def test_a_deadline_in_the_past_fails_at_once(connect):
    async with connect(Toy(CompleteChat=echo)) as stubs:
        assert await expired(stubs.chat.CompleteChat(ask(), timeout=-1))


async def test_without_a_deadline_no_time_is_told(connect):
    seen = []

    async def note(request, context):
        seen.append(context.time_remaining())
        return CompleteChatResponse()

    async with connect(Toy(CompleteChat=note)) as stubs:
        call = stubs.chat.CompleteChat(ask())
        await call
        assert [*seen, call.time_remaining()] == [None, None]


# -- what a finished call tells ---------------------------------------------------------------------------------------


async def test_a_finished_call_tells_code_details_and_calls_back(connect):
    calls = []
    async with connect(Toy(CompleteChat=echo, StreamChat=count)) as stubs:
        unary, stream = stubs.chat.CompleteChat(ask()), stubs.chat.StreamChat(ask(n=3))
        unary.add_done_callback(calls.append)
        stream.add_done_callback(calls.append)
        await unary
        await collect(stream)
        assert [await unary.code(), await stream.code()] == [grpc.StatusCode.OK] * 2
        assert [await unary.details(), await stream.details()] == ["", ""]
        assert [unary.done(), unary.cancelled(), unary.cancel()] == [True, False, False]
        await eventually(lambda: len(calls) == 2)
    assert calls == [unary, stream]


async def test_a_stream_is_done_only_when_it_was_read(connect):
    async with connect(Toy(StreamChat=count)) as stubs:
        call = stubs.chat.StreamChat(ask(n=1))
        await call.wait_for_connection()
        await call.initial_metadata()
        assert not call.done()
        await call.read()
        assert await call.code() is grpc.StatusCode.OK


async def test_a_method_is_called_back_with_its_context(connect):
    over: asyncio.Future = asyncio.get_running_loop().create_future()

    async def answer(request, context):
        context.add_done_callback(lambda done: over.set_result((done is context, done.code())))
        context.set_code(grpc.StatusCode.OK)
        return CompleteChatResponse()

    async with connect(Toy(CompleteChat=answer)) as stubs:
        await stubs.chat.CompleteChat(ask())
        assert await asyncio.wait_for(over, 10) == (True, grpc.StatusCode.OK)
