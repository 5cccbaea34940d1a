"""The typed client uploads, finds, lists and deletes files, each seen by its owner only."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import House, session
from typed_calls import client_to, failure

from qwen_grpc.client import AccountRefused, Qwen, RequestRefused, connect
from qwen_grpc.typed.qwen.v1 import DeleteFileRequest, File, GetFileRequest, ListFilesRequest, UploadHeader

OTHER = session("00000000-0000-4000-8000-000000000002")
MISSING = (RequestRefused, "NOT_FOUND", "there is no such file under this account, or it has expired")
# Three messages, so that the stream is one.
PARTS = (b"a" * 200_000, b"b" * 200_000, b"c" * 7)
CONTENT = b"".join(PARTS)


async def pieces(parts: Sequence[bytes] = PARTS) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def uploaded(qwen: Qwen, name: str, **header: Any) -> File:
    return await qwen.upload(pieces(), UploadHeader(filename=name, **header))


async def missing(work: Any) -> tuple[type, str, str]:
    error = await failure(work)
    return type(error), error.reason, error.message


@pytest.mark.asyncio
async def test_the_typed_client_uploads_by_a_stream_and_finds_the_file(house: House) -> None:
    header: dict[str, Any] = {"size_bytes": len(CONTENT), "purpose": "user_data"}
    header["sha256"] = hashlib.sha256(CONTENT).digest()
    async with client_to(house) as qwen:
        made = await uploaded(qwen, "notes.txt", **header)
        found = (await qwen.get_file(GetFileRequest(file_id=made.id))).file
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
async def test_the_typed_client_uploads_bytes_and_files_of_the_disk(house: House, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(CONTENT)
    async with client_to(house) as qwen:
        made = [await qwen.upload(CONTENT, UploadHeader(filename="bytes.txt")), await qwen.upload(file)]
    assert [(one.filename, one.size_bytes) for one in made] == [("bytes.txt", 400_007), ("notes.txt", 400_007)]
    assert [stored.content for stored in house.simulator.files.values()] == [CONTENT, CONTENT]


@pytest.mark.asyncio
async def test_the_typed_client_lists_page_by_page_and_deletes(house: House) -> None:
    async with client_to(house) as qwen:
        made = [await qwen.upload(b"x", UploadHeader(filename=f"{n}.txt")) for n in range(3)]
        first = await qwen.list_files(ListFilesRequest(page_size=2))
        second = await qwen.list_files(ListFilesRequest(page_size=2, page_token=first.next_page_token))
        await qwen.delete_file(DeleteFileRequest(file_id=made[1].id))
        left = await qwen.list_files(ListFilesRequest())
        again = await missing(qwen.delete_file(DeleteFileRequest(file_id=made[1].id)))

    assert (first.files, bool(first.next_page_token)) == ([made[2], made[1]], True)
    assert (second.files, second.next_page_token) == ([made[0]], "")
    assert left.files == [made[2], made[0]]
    assert again == MISSING


@pytest.mark.asyncio
async def test_the_file_of_another_account_is_not_there(house: House) -> None:
    async with client_to(house) as qwen, client_to(house, OTHER) as stranger:
        made = await uploaded(qwen, "notes.txt")
        found = await missing(stranger.get_file(GetFileRequest(file_id=made.id)))
        deleted = await missing(stranger.delete_file(DeleteFileRequest(file_id=made.id)))
        seen = (await stranger.list_files(ListFilesRequest())).files
        still = (await qwen.get_file(GetFileRequest(file_id=made.id))).file

    assert (found, deleted, seen, still) == (MISSING, MISSING, [], made)


@pytest.mark.asyncio
async def test_the_typed_client_learns_that_the_content_is_another(house: House) -> None:
    async with client_to(house) as qwen:
        refused = await failure(uploaded(qwen, "notes.txt", sha256=hashlib.sha256(b"other").digest()))
        seen = (await qwen.list_files(ListFilesRequest())).files

    assert isinstance(refused, RequestRefused)
    assert (refused.field, refused.message) == (
        "header.sha256",
        "the content has another SHA-256 than the header says",
    )
    assert seen == []


@pytest.mark.asyncio
async def test_what_fails_while_the_content_is_made_passes_as_it_is_and_no_file_is_left(house: House) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        raise OSError("the disk is gone")

    async with client_to(house) as qwen:
        with pytest.raises(OSError, match="the disk is gone"):
            await qwen.upload(broken(), UploadHeader(filename="notes.txt"))
        with pytest.raises(FileNotFoundError):
            await qwen.upload(Path("no/such/file"))
        assert (await qwen.list_files(ListFilesRequest())).files == []


@pytest.mark.asyncio
async def test_an_upload_that_is_refused_ends_while_it_is_hardly_begun(house: House) -> None:
    made = 0

    async def film() -> AsyncIterator[bytes]:
        nonlocal made
        for made in range(60):  # noqa: B007
            yield b"x" * (1 << 20)

    async with connect(house.target) as qwen:
        refused = await failure(qwen.upload(film(), UploadHeader(filename="film.mp4")))
    assert (type(refused), refused.reason) == (AccountRefused, "TOKEN_MISSING")
    assert made < 10
