"""The typed client uploads, finds, lists and deletes files, each seen by its owner only."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from rich_errors import typed_failure
from support import House, bearer, session

from qwen_grpc.typed.qwen.v1 import (
    DeleteFileRequest,
    File,
    FilesServiceStub,
    GetFileRequest,
    ListFilesRequest,
    UploadFileRequest,
    UploadHeader,
)

OTHER = session("00000000-0000-4000-8000-000000000002")
MISSING = (Status.NOT_FOUND, "there is no such file under this account, or it has expired")
# Three messages, so that the stream is one.
PARTS = (b"a" * 200_000, b"b" * 200_000, b"c" * 7)
CONTENT = b"".join(PARTS)


async def pieces(header: UploadHeader, parts: Sequence[bytes]) -> AsyncIterator[UploadFileRequest]:
    yield UploadFileRequest(header=header)
    for part in parts:
        yield UploadFileRequest(data=part)


async def uploaded(files: FilesServiceStub, name: str, parts: Sequence[bytes] = PARTS, **header: Any) -> File:
    made = (await files.upload_file(pieces(UploadHeader(filename=name, **header), parts))).file
    assert made is not None
    return made


@pytest.mark.asyncio
async def test_the_typed_client_uploads_by_a_stream_and_finds_the_file(house: House) -> None:
    header: dict[str, Any] = {"size_bytes": len(CONTENT), "purpose": "user_data"}
    header["sha256"] = hashlib.sha256(CONTENT).digest()
    async with Channel("127.0.0.1", house.gateway.grpc_port) as channel:
        files = FilesServiceStub(channel, metadata=bearer())
        made = await uploaded(files, "notes.txt", **header)
        found = (await files.get_file(GetFileRequest(file_id=made.id))).file
    (stored,) = house.simulator.files.values()

    assert made.create_time is not None
    assert made == File(
        id=made.id,
        filename="notes.txt",
        mime_type="text/plain",
        size_bytes=len(CONTENT),
        create_time=made.create_time,
        expire_time=made.create_time + timedelta(days=1),
        purpose="user_data",
    )
    assert found == made
    assert (stored.name, stored.content) == ("notes.txt", CONTENT)


@pytest.mark.asyncio
async def test_the_typed_client_lists_page_by_page_and_deletes(house: House) -> None:
    async with Channel("127.0.0.1", house.gateway.grpc_port) as channel:
        files = FilesServiceStub(channel, metadata=bearer())
        made = [await uploaded(files, f"{n}.txt", [b"x"]) for n in range(3)]
        first = await files.list_files(ListFilesRequest(page_size=2))
        second = await files.list_files(ListFilesRequest(page_size=2, page_token=first.next_page_token))
        await files.delete_file(DeleteFileRequest(file_id=made[1].id))
        left = await files.list_files(ListFilesRequest())
        again = await typed_failure(files.delete_file(DeleteFileRequest(file_id=made[1].id)))

    assert (first.files, bool(first.next_page_token)) == ([made[2], made[1]], True)
    assert (second.files, second.next_page_token) == ([made[0]], "")
    assert left.files == [made[2], made[0]]
    assert again == MISSING


@pytest.mark.asyncio
async def test_the_file_of_another_account_is_not_there(house: House) -> None:
    async with Channel("127.0.0.1", house.gateway.grpc_port) as channel:
        files = FilesServiceStub(channel, metadata=bearer())
        strangers = FilesServiceStub(channel, metadata=bearer(OTHER))
        made = await uploaded(files, "notes.txt")
        found = await typed_failure(strangers.get_file(GetFileRequest(file_id=made.id)))
        deleted = await typed_failure(strangers.delete_file(DeleteFileRequest(file_id=made.id)))
        seen = (await strangers.list_files(ListFilesRequest())).files
        still = (await files.get_file(GetFileRequest(file_id=made.id))).file

    assert (found, deleted, seen, still) == (MISSING, MISSING, [], made)


@pytest.mark.asyncio
async def test_the_typed_client_learns_that_the_content_is_another(house: House) -> None:
    async with Channel("127.0.0.1", house.gateway.grpc_port) as channel:
        files = FilesServiceStub(channel, metadata=bearer())
        refused = await typed_failure(uploaded(files, "notes.txt", sha256=hashlib.sha256(b"other").digest()))
        seen = (await files.list_files(ListFilesRequest())).files

    assert refused == (Status.INVALID_ARGUMENT, "the content has another SHA-256 than the header says")
    assert seen == []
