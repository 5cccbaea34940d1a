"""What a client can find out about the server itself: health, reflection, and what needs a credential."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from rich_errors import drained, failure, reason_of
from support import House, bearer

from qwen_grpc.v1 import (
    chat_pb2,
    chats_pb2,
    embeddings_pb2,
    files_pb2,
    images_pb2,
    models_pb2,
    responses_pb2,
    tokens_pb2,
    videos_pb2,
)
from qwen_grpc.v1.files_pb2 import UploadFileRequest, UploadHeader
from qwen_grpc.v1.files_pb2_grpc import FilesServiceStub
from qwen_grpc.v1.images_pb2 import EditImagesRequest
from qwen_grpc.v1.images_pb2_grpc import ImagesServiceStub

MODULES = (
    chat_pb2,
    chats_pb2,
    embeddings_pb2,
    files_pb2,
    images_pb2,
    models_pb2,
    responses_pb2,
    tokens_pb2,
    videos_pb2,
)
SERVICES = [service for module in MODULES for service in module.DESCRIPTOR.services_by_name.values()]
# Models are public, and the token services may be given the credential in the request.
OPEN = ("ModelsService", "TokensService")
CLOSED = [method for service in SERVICES if service.name not in OPEN for method in service.methods]
PIECE = b"x" * (1 << 20)
PIECES = 60


@pytest.mark.asyncio
async def test_health_is_told_per_service(house: House) -> None:
    health = HealthStub(house.channel)
    names = ["", *(service.full_name for service in SERVICES)]
    told = {name: (await health.Check(HealthCheckRequest(service=name))).status for name in names}
    assert told == dict.fromkeys(names, HealthCheckResponse.SERVING)


@pytest.mark.asyncio
async def test_the_health_of_an_unknown_service_is_not_found(house: House) -> None:
    error = await failure(HealthStub(house.channel).Check(HealthCheckRequest(service="qwen.v1.CoffeeService")))
    assert error.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_reflection_lists_exactly_what_there_is(house: House) -> None:
    asked = iter([ServerReflectionRequest(list_services="")])
    (answer,) = await drained(ServerReflectionStub(house.channel).ServerReflectionInfo(asked))
    assert sorted(service.name for service in answer.list_services_response.service) == sorted(
        [
            *(service.full_name for service in SERVICES),
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        ]
    )


async def call(house: House, method: MethodDescriptor, metadata: dict[str, str]) -> grpc.aio.AioRpcError:
    """How a method fails when it is called with an empty request."""
    shape = {
        (False, False): house.channel.unary_unary,
        (False, True): house.channel.unary_stream,
        (True, False): house.channel.stream_unary,
        (True, True): house.channel.stream_stream,
    }[method.client_streaming, method.server_streaming]
    stub: Any = shape(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    request = GetMessageClass(method.input_type)()
    called = stub(iter([request]) if method.client_streaming else request, metadata=tuple(metadata.items()), timeout=10)
    return await failure(drained(called) if method.server_streaming else called)


@pytest.mark.asyncio
@pytest.mark.parametrize("method", CLOSED, ids=lambda method: method.full_name.removeprefix("qwen.v1."))
async def test_without_a_credential_a_method_says_just_that(house: House, method: MethodDescriptor) -> None:
    assert reason_of(await call(house, method, {})) == ("UNAUTHENTICATED", "TOKEN_MISSING")


@pytest.mark.asyncio
async def test_an_upload_of_60_mib_without_a_credential_is_refused_while_it_is_hardly_begun(house: House) -> None:
    produced = 0

    async def pieces() -> AsyncIterator[UploadFileRequest]:
        nonlocal produced
        yield UploadFileRequest(header=UploadHeader(filename="film.mp4", size_bytes=PIECES * len(PIECE)))
        for _ in range(PIECES):
            produced += 1
            yield UploadFileRequest(data=PIECE)
            # grpc.aio's client tells an INTERNAL of its own if the refusal comes in the middle of a write.
            await asyncio.sleep(0.02)

    error = await failure(FilesServiceStub(house.channel).UploadFile(pieces(), timeout=20))
    assert reason_of(error) == ("UNAUTHENTICATED", "TOKEN_MISSING")
    assert produced < PIECES / 6


@pytest.mark.asyncio
async def test_a_whole_request_over_the_size_limit_is_not_even_received_without_a_credential(house: House) -> None:
    edit = ImagesServiceStub(house.channel).EditImages
    request = EditImagesRequest(prompt="x" * (40 << 20))
    known = await failure(edit(request, metadata=tuple(bearer().items()), timeout=20))
    unknown = await failure(edit(request, timeout=20))
    # Whoever receives it notices the size first.
    assert known.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(unknown) == ("UNAUTHENTICATED", "TOKEN_MISSING")
