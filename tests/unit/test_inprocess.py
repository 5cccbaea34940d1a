"""What is special about the channel without a socket; what it shares with the wire is in `tests/contract`."""

import asyncio
import contextlib
import weakref
from typing import Any

import grpc
import grpc.aio
import pytest

from qwen_grpc.inprocess import InProcessChannel
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CompleteChatResponse, StreamChatResponse
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceServicer, ChatServiceStub, add_ChatServiceServicer_to_server

pytestmark = pytest.mark.asyncio

CLOSED = (grpc.StatusCode.UNAVAILABLE, "The in-process channel is closed.")


def connected(**methods: Any) -> tuple[InProcessChannel, ChatServiceStub]:
    servicer = ChatServiceServicer()
    vars(servicer).update(methods)
    channel = InProcessChannel()
    add_ChatServiceServicer_to_server(servicer, channel)
    return channel, ChatServiceStub(channel)


async def failure_of(awaitable) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await awaitable
    return failure.value.code(), failure.value.details()


async def turns(count: int = 20) -> None:
    """Lets every task that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


# -- messages ---------------------------------------------------------------------------------------------------------


async def test_messages_are_handed_over_as_they_are():
    seen = []

    async def echo(request, context):
        seen.append(request)
        seen.append(CompleteChatResponse())
        return seen[-1]

    _, stub = connected(CompleteChat=echo)
    request = CompleteChatRequest()
    response = await stub.CompleteChat(request)
    assert [seen[0] is request, seen[1] is response] == [True, True]


async def test_a_method_is_one_message_ahead_of_its_reader_and_makes_another():
    made = []

    async def eager(request, context):
        for number in range(10):
            made.append(number)
            yield StreamChatResponse()

    _, stub = connected(StreamChat=eager)
    call = stub.StreamChat(CompleteChatRequest())
    ahead = []
    for read in range(4):
        await turns()
        ahead.append(len(made) - read)
        await call.read()
    call.cancel()
    assert ahead == [2, 2, 2, 2]


async def test_a_dropped_stream_ends_its_method_without_the_garbage_collector():
    ended = asyncio.Event()

    async def hang(request, context):
        try:
            yield StreamChatResponse()
            await asyncio.Event().wait()
        finally:
            ended.set()

    _, stub = connected(StreamChat=hang)
    async for _ in stub.StreamChat(CompleteChatRequest()):
        break
    await turns()
    assert ended.is_set()


async def test_a_finished_call_is_forgotten_though_its_deadline_is_far():
    class Message:
        """Stands for a protobuf message, which takes no weak references."""

    async def answer(request, context):
        return Message()

    _, stub = connected(CompleteChat=answer)
    forgotten = weakref.ref(await stub.CompleteChat(Message(), timeout=3600))
    await turns()
    assert forgotten() is None


async def test_a_cancelled_call_is_forgotten_without_the_garbage_collector():
    class Message:
        """Stands for a protobuf message, which takes no weak references."""

    async def hang(request, context):
        await asyncio.Event().wait()

    _, stub = connected(CompleteChat=hang)
    request = Message()
    forgotten = weakref.ref(request)
    call = stub.CompleteChat(request)
    del request
    await turns()
    call.cancel()
    await turns()
    assert forgotten() is None


async def test_a_unary_client_gets_the_first_of_several_responses():
    class Talkative(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation, details):
            async def twice(requests, context):
                yield CompleteChatResponse(model="first")
                yield CompleteChatResponse(model="second")

            return grpc.stream_stream_rpc_method_handler(twice)

    stub = ChatServiceStub(InProcessChannel([Talkative()]))
    assert await stub.CompleteChat(CompleteChatRequest()) == CompleteChatResponse(model="first")


def uploading(behaviour) -> grpc.aio.StreamUnaryMultiCallable:
    channel = InProcessChannel()
    channel.add_registered_method_handlers("toy", {"Upload": grpc.stream_unary_rpc_method_handler(behaviour)})
    return channel.stream_unary("/toy/Upload")


async def test_a_source_that_falls_silent_is_cancelled_when_the_method_answers():
    async def hasty(requests, context):
        return await anext(aiter(requests))

    async def silent():
        yield "piece"
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    assert await uploading(hasty)(silent()) == "piece"
    await turns()
    assert asyncio.all_tasks() == before


async def test_a_blocked_write_goes_on_when_the_method_answers():
    answer = asyncio.Event()

    async def unread(requests, context):
        await answer.wait()
        return "enough"

    call = uploading(unread)()
    await call.write("in the slot")
    blocked = asyncio.create_task(call.write("waiting"))
    await turns()
    assert not blocked.done()
    answer.set()
    assert [await call, await blocked] == ["enough", None]


async def test_a_blocked_write_is_cancelled_with_its_call():
    async def unread(requests, context):
        await asyncio.Event().wait()

    call = uploading(unread)()
    await call.write("in the slot")
    blocked = asyncio.create_task(call.write("waiting"))
    await turns()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(blocked, 1)


async def test_one_task_reads_a_call_at_a_time():
    async def hang(request, context):
        await asyncio.Event().wait()

    channel, stub = connected(StreamChat=hang)
    call = stub.StreamChat(CompleteChatRequest())
    first = asyncio.create_task(call.read())
    await turns()
    with pytest.raises(grpc.aio.UsageError, match="one read at a time"):
        await call.read()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await channel.close()


async def test_a_write_must_be_awaited_before_the_next():
    async def hasty(request, context):
        async with asyncio.TaskGroup() as writers:
            for _ in range(3):
                writers.create_task(context.write(StreamChatResponse()))

    _, stub = connected(StreamChat=hasty)
    call = stub.StreamChat(CompleteChatRequest())
    await turns()
    code, details = await failure_of(drain(call))
    assert (code, details[:36]) == (grpc.StatusCode.UNKNOWN, "Unexpected <class 'ExceptionGroup'>:")


async def drain(call) -> None:
    async for _ in call:
        pass


# -- methods that do not keep the rules -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CompleteChat", "StreamChat"])
async def test_a_method_that_is_not_async_fails_with_what_to_do(name):
    def blocking(request, context):
        return CompleteChatResponse()

    _, stub = connected(**{name: blocking})
    call = getattr(stub, name)(CompleteChatRequest())
    code, details = await failure_of(call if name == "CompleteChat" else call.read())
    assert code is grpc.StatusCode.UNKNOWN
    assert f"/qwen.v1.ChatService/{name} is n" in details
    assert "async" in details or "coroutine" in details


async def test_a_method_that_cancels_itself_ends_the_call():
    async def give_up(request, context):
        raise asyncio.CancelledError

    _, stub = connected(CompleteChat=give_up)
    told = await failure_of(stub.CompleteChat(CompleteChatRequest()))
    assert told == (grpc.StatusCode.CANCELLED, "The method cancelled itself.")


async def test_success_without_a_response_is_no_success():
    class Silent(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation, details):
            async def nothing(requests, context):
                return

            return grpc.stream_stream_rpc_method_handler(nothing)

    stub = ChatServiceStub(InProcessChannel([Silent()]))
    told = await failure_of(stub.CompleteChat(CompleteChatRequest()))
    assert told == (grpc.StatusCode.INTERNAL, "The method ended with OK and sent no response.")


async def test_a_method_that_survives_its_cancellation_can_send_nothing():
    refused = asyncio.Event()

    async def stubborn(request, context):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        assert [context.done(), context.cancelled()] == [True, True]
        with contextlib.suppress(grpc.aio.UsageError):
            await context.write(StreamChatResponse())
            return
        refused.set()

    channel, stub = connected(StreamChat=stubborn)
    call = stub.StreamChat(CompleteChatRequest())
    await turns()
    call.cancel()
    await channel.close()
    assert refused.is_set()


@pytest.mark.parametrize(("code", "error"), [(grpc.StatusCode.OK, "ValueError"), (5, "TypeError")])
async def test_an_abort_takes_an_error_code(code, error):
    async def refuse(request, context):
        await context.abort(code, "text")

    _, stub = connected(CompleteChat=refuse)
    told = await failure_of(stub.CompleteChat(CompleteChatRequest()))
    assert (told[0], told[1].partition(":")[0]) == (grpc.StatusCode.UNKNOWN, f"Unexpected <class '{error}'>")


async def test_initial_metadata_is_sent_once():
    async def twice(request, context):
        await context.send_initial_metadata(())
        await context.send_initial_metadata(())

    _, stub = connected(CompleteChat=twice)
    code, details = await failure_of(stub.CompleteChat(CompleteChatRequest()))
    assert (code, details.partition(": ")[2]) == (
        grpc.StatusCode.UNKNOWN,
        "Send initial metadata failed: already sent",
    )


async def test_the_peer_is_this_process():
    seen = []

    async def note(request, context):
        context.set_compression(grpc.Compression.Gzip)
        context.disable_next_message_compression()
        seen.extend([context.peer(), context.peer_identities(), context.peer_identity_key(), context.auth_context()])
        seen.append(context.invocation_metadata())
        return CompleteChatResponse()

    _, stub = connected(CompleteChat=note)
    await stub.CompleteChat(CompleteChatRequest(), wait_for_ready=True, compression=grpc.Compression.Gzip)
    assert seen == ["inprocess:", None, None, {}, ()]


async def test_call_credentials_are_not_dropped_in_silence():
    _, stub = connected()
    with pytest.raises(ValueError, match="put what they would send into `metadata`"):
        stub.CompleteChat(CompleteChatRequest(), credentials=grpc.access_token_call_credentials("secret"))


async def test_metadata_errors_do_not_show_the_value():
    _, stub = connected()
    with pytest.raises(ValueError, match="authorization") as refused:
        stub.CompleteChat(CompleteChatRequest(), metadata=(("authorization", "Bearer sécret"),))
    assert "cret" not in str(refused.value)


# -- the channel ------------------------------------------------------------------------------------------------------


async def test_a_closed_channel_is_unavailable():
    channel, stub = connected()
    await channel.channel_ready()
    assert channel.get_state() is grpc.ChannelConnectivity.READY
    changed = asyncio.create_task(channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
    await channel.close()
    await changed
    await channel.close()
    assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
    assert await failure_of(stub.CompleteChat(CompleteChatRequest())) == CLOSED
    assert await failure_of(stub.StreamChat(CompleteChatRequest()).read()) == CLOSED
    with pytest.raises(grpc.aio.UsageError):
        await channel.channel_ready()


async def test_closing_waits_until_the_methods_have_cleaned_up():
    notes = []

    async def slow(request, context):
        try:
            await asyncio.Event().wait()
        finally:
            await turns()
            notes.append("cleaned up")

    before = asyncio.all_tasks()
    channel, stub = connected(CompleteChat=slow)
    call = stub.CompleteChat(CompleteChatRequest())
    await turns()
    await channel.close(grace=0.05)
    assert notes == ["cleaned up"]
    assert asyncio.all_tasks() == before
    assert await failure_of(call) == CLOSED


async def test_a_message_that_was_sent_before_closing_can_still_be_read():
    async def one(request, context):
        yield StreamChatResponse()

    channel, stub = connected(StreamChat=one)
    call = stub.StreamChat(CompleteChatRequest())
    await turns()
    await channel.close()
    assert [await call.read(), await call.read()] == [StreamChatResponse(), grpc.aio.EOF]
