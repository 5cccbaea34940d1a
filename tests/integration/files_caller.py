"""Uploads over gRPC, and what a test wants to know of them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status
from support import House, bearer, session

from qwen_grpc.credentials import WebSession
from qwen_grpc.v1.files_pb2 import File, ListFilesRequest, UploadFileRequest, UploadHeader
from qwen_grpc.v1.files_pb2_grpc import FilesServiceStub

OTHER = session("00000000-0000-4000-8000-000000000002")


def metadata(credential: WebSession | None = None) -> tuple[tuple[str, str], ...]:
    return tuple(bearer(credential).items())


async def pieces(header: UploadHeader | None, parts: Sequence[bytes]) -> AsyncIterator[UploadFileRequest]:
    if header is not None:
        yield UploadFileRequest(header=header)
    for part in parts:
        yield UploadFileRequest(data=part)


async def uploaded(house: House, *parts: bytes, name: str = "notes.txt", **header: Any) -> File:
    request = pieces(UploadHeader(filename=name, **header), parts)
    return (await FilesServiceStub(house.channel).UploadFile(request, metadata=metadata(), timeout=20)).file  # type: ignore[no-any-return]


async def listed(house: House, credential: WebSession | None = None, **page: Any) -> Any:
    return await FilesServiceStub(house.channel).ListFiles(ListFilesRequest(**page), metadata=metadata(credential))


async def failed(call: Any) -> tuple[str, str, str]:
    """Code, reason and field of a failed call."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    info, bad = ErrorInfo(), BadRequest()
    for detail in status.details if status else ():
        detail.Unpack(info)
        detail.Unpack(bad)
    field = bad.field_violations[0].field if bad.field_violations else ""
    return caught.value.code().name, info.reason, field
