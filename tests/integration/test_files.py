"""Files: up as they come, in the ledger only when they are whole, seen by their owner only."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator

import pytest
from files_caller import OTHER, failed, listed, metadata, pieces, uploaded
from support import House, bearer, open_house, session
from upstream_record import until

from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1.files_pb2 import DeleteFileRequest, GetFileRequest, UploadFileRequest, UploadHeader
from qwen_grpc.v1.files_pb2_grpc import FilesServiceStub

TEXT = b"some words\n" * 500


def wrong(field: str) -> tuple[str, str, str]:
    return "INVALID_ARGUMENT", "INVALID_PARAMETER", field


def large(field: str) -> tuple[str, str, str]:
    return "RESOURCE_EXHAUSTED", "TOO_LARGE", field


@pytest.mark.asyncio
@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize(
    ("name", "mime_type", "kind"),
    [
        ("notes.txt", "text/plain", "file"),
        ("cat.png", "image/png", "image"),
        ("a.wav", "audio/x-wav", "audio"),
        ("b.mp4", "video/mp4", "video"),
        ("unknown", "application/octet-stream", "file"),
        ("Größe & Maß?#.txt", "text/plain", "file"),
    ],
)
async def test_a_file_lies_in_the_store_as_it_came(
    house: House, name: str, mime_type: str, kind: str, sized: bool
) -> None:
    before = time.time()
    header = {"size_bytes": len(TEXT)} if sized else {}
    file = await uploaded(house, TEXT[:10], b"", TEXT[10:], name=name, sha256=hashlib.sha256(TEXT).digest(), **header)
    (stored,) = house.simulator.files.values()

    assert (file.filename, file.mime_type.replace("audio/wav", "audio/x-wav"), file.size_bytes) == (
        name,
        mime_type,
        len(TEXT),
    )
    assert (stored.name, stored.kind, stored.content, stored.announced_bytes) == (name, kind, TEXT, len(TEXT))
    assert (stored.content_type, stored.uploads) == (file.mime_type, 1)
    assert stored.parse_status == ("success" if kind == "file" else "")
    assert file.id.startswith("file-")
    assert stored.id not in file.id
    assert before - 1 <= file.create_time.seconds <= time.time()
    assert file.expire_time.seconds - file.create_time.seconds == 24 * 3600


@pytest.mark.asyncio
async def test_the_store_sees_nothing_of_the_person(house: House) -> None:
    credential = session(cookies=(("cna", "secret-cookie"),), headers=(("bx-ua", "secret-header"),))
    stub = FilesServiceStub(house.channel)
    await stub.UploadFile(pieces(UploadHeader(filename="a.txt"), [b"x"]), metadata=metadata(credential))
    (put,) = [request for request in house.simulator.requests if request.method == "PUT"]

    assert set(put.headers) == {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-oss-content-sha256",
        "x-oss-date",
        "x-oss-security-token",
    }
    assert "secret" not in str(put.headers)
    assert credential.token not in str(put.headers)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("header", "parts", "expected"),
    [
        (None, [b"x"], wrong("header")),
        (None, [], wrong("header")),
        ({}, [b"x"], wrong("header.filename")),
        ({"filename": "a/b"}, [b"x"], wrong("header.filename")),
        ({"filename": "..\\b"}, [b"x"], wrong("header.filename")),
        ({"filename": "a\r\nb"}, [b"x"], wrong("header.filename")),
        ({"filename": "a" * 256}, [b"x"], wrong("header.filename")),
        ({"filename": "a", "mime_type": "png"}, [b"x"], wrong("header.mime_type")),
        ({"filename": "a", "mime_type": "a/\r\nb"}, [b"x"], wrong("header.mime_type")),
        ({"filename": "a", "sha256": b"x"}, [b"x"], wrong("header.sha256")),
        ({"filename": "a", "sha256": b"x" * 32}, [b"x"], wrong("header.sha256")),
        (
            {"filename": "a", "sha256": b"x" * 32, "size_bytes": 2},
            [b"x", b"y"],
            wrong("header.sha256"),
        ),
        ({"filename": "a", "size_bytes": 3}, [b"x", b"y"], wrong("header.size_bytes")),
        ({"filename": "a", "size_bytes": 1}, [b"x", b"y"], wrong("header.size_bytes")),
        ({"filename": "a", "size_bytes": 0}, [], wrong("header.size_bytes")),
        ({"filename": "a"}, [], wrong("data")),
        ({"filename": "a"}, [b"", b""], wrong("data")),
        ({"filename": "a", "purpose": "p" * 65}, [b"x"], wrong("header.purpose")),
        ({"filename": "a.png", "size_bytes": (20 << 20) + 1}, [], large("header.size_bytes")),
        ({"filename": "a.wav", "size_bytes": (100 << 20) + 1}, [], large("header.size_bytes")),
        ({"filename": "a.mp4", "size_bytes": (500 << 20) + 1}, [], large("header.size_bytes")),
        ({"filename": "a.png"}, [bytes(1 << 20)] * 21, large("data")),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused_and_leaves_nothing(
    house: House, header: dict[str, object] | None, parts: list[bytes], expected: tuple[str, str, str]
) -> None:
    request = pieces(None if header is None else UploadHeader(**header), parts)  # type: ignore[arg-type]
    assert await failed(FilesServiceStub(house.channel).UploadFile(request, metadata=metadata())) == expected
    assert list((await listed(house)).files) == []
    # The last piece is held back, so the store never had all of it either.
    assert [stored.uploads for stored in house.simulator.files.values()] in ([], [0])


@pytest.mark.asyncio
async def test_a_second_header_is_refused(house: House) -> None:
    async def twice() -> AsyncIterator[UploadFileRequest]:
        for data in (b"x", b"y"):
            yield UploadFileRequest(header=UploadHeader(filename="a"))
            yield UploadFileRequest(data=data)

    call = FilesServiceStub(house.channel).UploadFile(twice(), metadata=metadata())
    assert await failed(call) == wrong("header")


@pytest.mark.asyncio
@pytest.mark.parametrize("sized", [True, False])
async def test_an_upload_that_is_cut_leaves_nothing(house: House, sized: bool) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def cut() -> AsyncIterator[UploadFileRequest]:
        yield UploadFileRequest(header=UploadHeader(filename="a.txt", **({"size_bytes": 1 << 20} if sized else {})))
        for _ in range(3):
            yield UploadFileRequest(data=bytes(1 << 16))
        begun.set()
        await never.wait()

    call = FilesServiceStub(house.channel).UploadFile(cut(), metadata=metadata())
    await asyncio.wait_for(begun.wait(), 5)
    if sized:
        await until(lambda: house.simulator.files)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await uploaded(house, b"another")

    assert [file.size_bytes for file in (await listed(house)).files] == [7]
    assert sorted(stored.uploads for stored in house.simulator.files.values()) == ([0, 1] if sized else [1])


@pytest.mark.asyncio
async def test_files_are_listed_newest_first_page_by_page(house: House) -> None:
    ids = [(await uploaded(house, b"x", name=f"{number}.png", purpose="vision")).id for number in range(5)]
    first = await listed(house, page_size=2)
    second = await listed(house, page_size=2, page_token=first.next_page_token)
    third = await listed(house, page_size=2, page_token=second.next_page_token)

    pages = [[file.id for file in page.files] for page in (first, second, third)]
    assert (pages, third.next_page_token) == ([[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]], "")
    assert first.files[0].purpose == "vision"
    assert [file.id for file in (await listed(house)).files] == ids[::-1]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("page", "field"),
    [({"page_size": 1001}, "page_size"), ({"page_size": -1}, "page_size"), ({"page_token": "x"}, "page_token")],
)
async def test_a_page_that_does_not_exist_is_refused(house: House, page: dict[str, object], field: str) -> None:
    assert await failed(listed(house, **page)) == ("INVALID_ARGUMENT", "INVALID_PARAMETER", field)


@pytest.mark.asyncio
async def test_somebody_elses_file_is_not_there(house: House) -> None:
    file, stub = await uploaded(house, b"x"), FilesServiceStub(house.channel)
    other = metadata(OTHER)
    missing = ("NOT_FOUND", "NOT_FOUND", "")

    assert await failed(stub.GetFile(GetFileRequest(file_id=file.id), metadata=other)) == missing
    assert await failed(stub.DeleteFile(DeleteFileRequest(file_id=file.id), metadata=other)) == missing
    assert list((await listed(house, OTHER)).files) == []
    assert (await stub.GetFile(GetFileRequest(file_id=file.id), metadata=metadata())).file == file


@pytest.mark.asyncio
async def test_a_deleted_file_is_gone(house: House) -> None:
    file, stub = await uploaded(house, b"x"), FilesServiceStub(house.channel)
    await stub.DeleteFile(DeleteFileRequest(file_id=file.id), metadata=metadata())

    again = stub.DeleteFile(DeleteFileRequest(file_id=file.id), metadata=metadata())
    assert await failed(again) == ("NOT_FOUND", "NOT_FOUND", "")
    assert await failed(stub.GetFile(GetFileRequest(file_id=file.id), metadata=metadata())) == (
        "NOT_FOUND",
        "NOT_FOUND",
        "",
    )


@pytest.mark.asyncio
async def test_a_document_that_the_site_cannot_read_is_refused(house: House) -> None:
    request = pieces(UploadHeader(filename="parsefail.pdf"), [b"x"])
    call = FilesServiceStub(house.channel).UploadFile(request, metadata=metadata())

    assert await failed(call) == ("INVALID_ARGUMENT", "INVALID_PARAMETER", "")
    assert list((await listed(house)).files) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changes",
    [
        {"store_region": "evil.test/#"},
        {"store_endpoint": "http://127.0.0.1"},
        {"store_endpoint": "file:"},
        {"store_endpoint": "evil.test"},
        {"store_bucket": "evil.test/"},
    ],
)
async def test_an_upload_goes_nowhere_but_to_the_store(changes: dict[str, str]) -> None:
    async with open_house(Behaviour(**changes)) as house:  # type: ignore[arg-type]
        request = pieces(UploadHeader(filename="a.png"), [b"x"])
        error = await failed(FilesServiceStub(house.channel).UploadFile(request, metadata=metadata()))

        assert error[:2] == ("UNAVAILABLE", "UPSTREAM_PROTOCOL")
        assert [request.method for request in house.simulator.requests if request.method == "PUT"] == []


@pytest.mark.asyncio
async def test_an_expired_token_is_renewed_for_an_upload(house: House) -> None:
    stub = FilesServiceStub(house.channel)
    credential = metadata(session(ttl_s=-10))
    made = await stub.UploadFile(pieces(UploadHeader(filename="a.txt"), [b"x"]), metadata=credential)

    assert (made.file.size_bytes, house.simulator.refreshes) == (1, 1)


@pytest.mark.asyncio
async def test_a_store_that_is_broken_is_told(house: House) -> None:
    async with open_house(qwen_upload_url="http://127.0.0.1:9") as broken:
        request = pieces(UploadHeader(filename="a.png"), [b"x"])
        error = await failed(FilesServiceStub(broken.channel).UploadFile(request, metadata=metadata()))

    assert error[:2] == ("UNAVAILABLE", "UPSTREAM_CONNECT")


@pytest.mark.asyncio
async def test_a_ledger_that_cannot_be_written_stops_uploads_and_not_chat() -> None:
    async with open_house(qwen_ledger="/proc/nowhere/ledger.sqlite3") as house:
        request = pieces(UploadHeader(filename="a.png"), [b"x"])
        error = await failed(FilesServiceStub(house.channel).UploadFile(request, metadata=metadata()))
        reply = await house.complete("Hello")

    assert (error[:2], reply.status_code) == (("UNAVAILABLE", "STATE_STORE_UNAVAILABLE"), 200)


@pytest.mark.asyncio
async def test_an_upload_needs_a_credential_at_either_door(house: House) -> None:
    call = FilesServiceStub(house.channel).UploadFile(pieces(UploadHeader(filename="a"), [b"x"]))
    form = {"file": ("a.txt", b"x" * (6 << 20))}
    reply = await house.http.post("/v1/files", files=form)
    bad = await house.http.post("/v1/files", files=form, headers=bearer(session(ttl_s=-10, refresh=False)))

    assert (await failed(call))[:2] == ("UNAUTHENTICATED", "TOKEN_MISSING")
    assert [(one.status_code, one.json()["error"]["code"]) for one in (reply, bad)] == [
        (401, "invalid_api_key"),
        (401, "credential_expired"),
    ]
