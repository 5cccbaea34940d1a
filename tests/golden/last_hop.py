"""From the files of hop 5 to those of hop 6."""

from collections.abc import AsyncIterator, Sequence

import grpc
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from story import Case, failure, parsed, pretty

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.services.fold import fold
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse
from rest_shim import sse
from rest_shim.chunks import ChunkWriter
from rest_shim.errors import HttpError, http_error


def told(case: Case) -> tuple[list[StreamChatResponse], HttpError | None]:
    """The files of hop 5 as a gRPC client sees them."""
    messages = parsed(StreamChatResponse, case.read("5_rpc_events.txtpb")) if case.has("5_rpc_events.txtpb") else []
    if not case.has("5_rpc_status.txtpb"):
        return messages, None
    (status,) = parsed(Status, case.read("5_rpc_status.txtpb"))
    ended = rpc_status.to_status(status)
    trailers = grpc.aio.Metadata(*ended.trailing_metadata)
    return messages, http_error(grpc.aio.AioRpcError(ended.code, grpc.aio.Metadata(), trailers, ended.details))


def streamed(case: Case, messages: Sequence[StreamChatResponse], error: HttpError | None) -> str:
    (request,) = parsed(CompleteChatRequest, case.read("2_rpc_request.txtpb"))
    writer = ChunkWriter(messages[0].start, include_usage=request.include_usage)
    last = sse.error_frame(error.body["error"]) if error else sse.DONE
    return b"".join([*map(writer.write, messages), last]).decode()


async def whole(messages: Sequence[StreamChatResponse]) -> str:
    async def stream() -> AsyncIterator[StreamChatResponse]:
        for message in messages:
            yield message

    return pretty(RESPONSES.write(await fold(stream())))


def refused(error: HttpError) -> str:
    return failure(error.row.status, error.headers, error.body)
