"""Server interceptors, over a real socket and in the process."""

import contextvars

import grpc
import grpc.aio
import pytest
from toy import Toy, ask, each_channel, failure_of, pieces

from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CompleteChatResponse
from qwen_grpc.v1.files_pb2 import GetFileRequest

pytestmark = [pytest.mark.asyncio, each_channel]


def stream_stream(behaviour):
    return grpc.stream_stream_rpc_method_handler(
        behaviour, CompleteChatRequest.FromString, CompleteChatResponse.SerializeToString
    )


WHERE: contextvars.ContextVar[str] = contextvars.ContextVar("WHERE", default="nowhere")


class Note(grpc.aio.ServerInterceptor):
    def __init__(self, name: str, notes: list) -> None:
        self.name, self.notes = name, notes

    async def intercept_service(self, continuation, details):
        token = dict(details.invocation_metadata).get("x-token")
        self.notes.append((self.name, details.method, token, WHERE.get()))
        WHERE.set(self.name)
        return await continuation(details)


async def test_interceptors_run_in_order_and_in_the_context_of_the_method(connect):
    notes: list = []

    async def answer(request, context):
        notes.append(WHERE.get())
        return CompleteChatResponse()

    async with connect(Toy(CompleteChat=answer), [Note("outer", notes), Note("inner", notes)]) as stubs:
        WHERE.set("caller")
        await stubs.chat.CompleteChat(ask(), metadata=(("x-token", "t"),))
    path = "/qwen.v1.ChatService/CompleteChat"
    assert notes == [("outer", path, "t", "nowhere"), ("inner", path, "t", "outer"), "inner"]


class Refuse(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation, details):
        async def abort(requests, context):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

        return stream_stream(abort)


async def test_an_interceptor_may_refuse_any_kind_of_call_unread(connect):
    refused = (grpc.StatusCode.UNAUTHENTICATED, "who are you?")
    async with connect(Toy(), [Refuse()]) as stubs:
        assert await failure_of(stubs.chat.CompleteChat(ask())) == refused
        assert await failure_of(stubs.chat.StreamChat(ask()).read()) == refused
        assert await failure_of(stubs.files.UploadFile(iter(pieces(3)))) == refused


class Say(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation, details):
        async def answer(requests, context):
            yield CompleteChatResponse(model=f"intercepted {(await anext(aiter(requests))).model}")

        return stream_stream(answer)


async def test_a_unary_call_may_be_answered_by_a_streaming_handler(connect):
    async with connect(Toy(), [Say()]) as stubs:
        assert await stubs.chat.CompleteChat(ask("a")) == CompleteChatResponse(model="intercepted a")


class Stumble(grpc.aio.ServerInterceptor):
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def intercept_service(self, continuation, details):
        if self.error:
            raise self.error


async def test_an_interceptor_that_raises_or_finds_nothing_fails_the_call(connect):
    async with connect(Toy(), [Stumble(KeyError("k"))]) as stubs:
        failed = await failure_of(stubs.files.GetFile(GetFileRequest()))
    async with connect(Toy(), [Stumble(None)]) as stubs:
        unserved = await failure_of(stubs.files.GetFile(GetFileRequest()))
    assert [failed, unserved] == [
        (grpc.StatusCode.UNKNOWN, "Unexpected <class 'KeyError'>: 'k'"),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!"),
    ]


async def test_a_stream_of_requests_and_one_of_responses_interleave(connect):
    class Echoing(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation, details):
            async def answer(requests, context):
                async for request in requests:
                    yield CompleteChatResponse(model=request.model)

            return stream_stream(answer)

    async with connect(Toy(), [Echoing()]) as stubs:
        call = stubs.channel.stream_stream(
            "/qwen.v1.ChatService/Talk",
            request_serializer=CompleteChatRequest.SerializeToString,
            response_deserializer=CompleteChatResponse.FromString,
        )()
        for word in ("a", "b"):
            await call.write(ask(word))
            assert await call.read() == CompleteChatResponse(model=word)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
