"""The generated stubs on one channel: all that the shim knows of the server."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1.health_pb2_grpc import HealthStub

from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub
from qwen_grpc.v1.chats_pb2_grpc import ChatsServiceStub
from qwen_grpc.v1.embeddings_pb2_grpc import EmbeddingsServiceStub
from qwen_grpc.v1.files_pb2_grpc import FilesServiceStub
from qwen_grpc.v1.images_pb2_grpc import ImagesServiceStub
from qwen_grpc.v1.models_pb2_grpc import ModelsServiceStub
from qwen_grpc.v1.responses_pb2_grpc import ResponsesServiceStub
from qwen_grpc.v1.tokens_pb2_grpc import TokensServiceStub
from qwen_grpc.v1.videos_pb2_grpc import VideosServiceStub

if TYPE_CHECKING:
    from qwen_grpc.v1.chat_pb2_grpc import ChatServiceAsyncStub
    from qwen_grpc.v1.chats_pb2_grpc import ChatsServiceAsyncStub
    from qwen_grpc.v1.embeddings_pb2_grpc import EmbeddingsServiceAsyncStub
    from qwen_grpc.v1.files_pb2_grpc import FilesServiceAsyncStub
    from qwen_grpc.v1.images_pb2_grpc import ImagesServiceAsyncStub
    from qwen_grpc.v1.models_pb2_grpc import ModelsServiceAsyncStub
    from qwen_grpc.v1.responses_pb2_grpc import ResponsesServiceAsyncStub
    from qwen_grpc.v1.tokens_pb2_grpc import TokensServiceAsyncStub
    from qwen_grpc.v1.videos_pb2_grpc import VideosServiceAsyncStub

MIB = 1 << 20

# For a real channel. The names are grpc's own.
CHANNEL_OPTIONS: dict[str, int | str] = {
    "grpc.max_receive_message_length": 64 * MIB,
    "grpc.max_send_message_length": 32 * MIB,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.http2.max_pings_without_data": 0,
    # Workers that share an address would otherwise share one connection to one server process.
    "grpc.use_local_subchannel_pool": 1,
    # A reader that stalls then holds 0.1 MiB of an answer instead of 4 to 6 MiB.
    "grpc.http2.bdp_probe": 0,
    "grpc.primary_user_agent": "qwen-rest-shim",
}


@dataclass(frozen=True, slots=True)
class Stubs:
    """One stub per service; on an asyncio channel they are what the `…AsyncStub` types describe."""

    chat: "ChatServiceAsyncStub"
    models: "ModelsServiceAsyncStub"
    tokens: "TokensServiceAsyncStub"
    files: "FilesServiceAsyncStub"
    images: "ImagesServiceAsyncStub"
    videos: "VideosServiceAsyncStub"
    chats: "ChatsServiceAsyncStub"
    embeddings: "EmbeddingsServiceAsyncStub"
    responses: "ResponsesServiceAsyncStub"
    health: Any


def stubs_on(channel: grpc.aio.Channel) -> Stubs:
    """The stubs on a channel, which may be real or in-process."""
    kinds: tuple[Any, ...] = (
        ChatServiceStub,
        ModelsServiceStub,
        TokensServiceStub,
        FilesServiceStub,
        ImagesServiceStub,
        VideosServiceStub,
        ChatsServiceStub,
        EmbeddingsServiceStub,
        ResponsesServiceStub,
        HealthStub,
    )
    return Stubs(*(kind(channel) for kind in kinds))
