"""FilesService."""

import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeAlias

from qwen_grpc.calls import Context
from qwen_grpc.errors import InvalidParameter, NotFound
from qwen_grpc.ledger import FileEntry, Files
from qwen_grpc.routing.lanes import Lane
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.services.once import Done, Once
from qwen_grpc.services.spool import spooled
from qwen_grpc.upstreams.base import Attachment, Upload
from qwen_grpc.upstreams.kinds import MAX_BYTES, UNKNOWN, check_size, kind_of, named_type, too_large
from qwen_grpc.v1.files_pb2 import (
    DeleteFileRequest,
    DeleteFileResponse,
    File,
    GetFileRequest,
    GetFileResponse,
    ListFilesRequest,
    ListFilesResponse,
    UploadFileRequest,
    UploadFileResponse,
    UploadHeader,
)
from qwen_grpc.v1.files_pb2_grpc import FilesServiceServicer

KEPT_S = 24 * 3600.0
MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_NAME_CHARACTERS = 255
MAX_PURPOSE_CHARACTERS = 64


Pieces: TypeAlias = AsyncIterator[UploadFileRequest]


@dataclass(frozen=True, slots=True)
class Owned:
    """The caller of one RPC: where its files lie, and under which name."""

    lane: Lane
    owner: str


class FilesService(FilesServiceServicer):
    """Uploads that go to the upstream as they come, under ids of our own."""

    def __init__(self, router: Router, once: Once, files: Files, *, now: Callable[[], float] = time.time) -> None:
        self._router = router
        self._once = once
        self._owners = once.owners
        self._files = files
        self._now = now

    async def UploadFile(self, request_iterator: Pieces, context: Context) -> UploadFileResponse:
        """Records a file only after all of it has come, fits its header, and lies at the upstream."""
        owned = await self._owned(context)
        header = _checked(await _header(request_iterator))
        attachment = await self._upload(header, _Incoming(request_iterator, header), owned)
        entry = self._entry(attachment, header, owned)
        await self._files.add(entry)
        return UploadFileResponse(file=_file(entry))

    async def GetFile(self, request: GetFileRequest, context: Context) -> GetFileResponse:
        """The description of a file."""
        owned = await self._owned(context)
        return GetFileResponse(file=_file(await self._files.get(owned.owner, request.file_id)))

    async def ListFiles(self, request: ListFilesRequest, context: Context) -> ListFilesResponse:
        """The caller's files, page by page."""
        first, count = _page(request)
        owned = await self._owned(context)
        entries = await self._files.page(owned.owner, first, count + 1)
        token = str(first + count) if len(entries) > count else ""
        return ListFilesResponse(files=map(_file, entries[:count]), next_page_token=token)

    async def DeleteFile(self, request: DeleteFileRequest, context: Context) -> DeleteFileResponse:
        """Forgets a file; the upstream has no call that removes it there."""
        owned = await self._owned(context)

        async def work() -> Done[DeleteFileResponse]:
            if not await self._files.delete(owned.owner, request.file_id):
                raise NotFound("there is no such file under this account, or it has expired")
            return Done(DeleteFileResponse())

        return await self._once.call(request, context, caller(context, self._router), work, DeleteFileResponse)

    async def _owned(self, context: Context) -> Owned:
        who = caller(context, self._router)
        lane = who.own or who.required()[0].lanes[0]
        return Owned(lane, await self._owners.of(who))

    async def _upload(self, header: UploadHeader, incoming: "_Incoming", owned: Owned) -> Attachment:
        kind = kind_of(header.mime_type)
        if header.HasField("size_bytes"):
            upload = Upload(kind, header.filename, header.mime_type, header.size_bytes, incoming.chunks())
            return await owned.lane.upstream.upload(upload, owned.lane.credentials)
        async with spooled(incoming.chunks(), kind) as (size, chunks):
            upload = Upload(kind, header.filename, header.mime_type, size, chunks)
            return await owned.lane.upstream.upload(upload, owned.lane.credentials)

    def _entry(self, attachment: Attachment, header: UploadHeader, owned: Owned) -> FileEntry:
        now = self._now()
        return FileEntry(
            id=f"file-{uuid.uuid4().hex}", owner=owned.owner, upstream=owned.lane.upstream.name, lane=owned.lane.label,
            upstream_id=attachment.id,
            kind=attachment.kind, url=attachment.url, filename=attachment.filename, mime_type=attachment.mime_type,
            size_bytes=attachment.size_bytes, purpose=header.purpose, created_at=now, expires_at=now + KEPT_S,
        )  # fmt: skip


class _Incoming:
    """What follows the header: counted, hashed and compared with what the header says.

    The last piece is held back until all is right, so that the upstream never
    gets the whole of a file that is not.
    """

    def __init__(self, pieces: Pieces, header: UploadHeader) -> None:
        self._pieces = pieces
        self._header = header
        self._limit = MAX_BYTES[kind_of(header.mime_type)]
        self._size = 0
        self._sha256 = hashlib.sha256()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content. Raises `InvalidParameter` and `TooLarge`."""
        held = b""
        async for piece in self._pieces:
            if piece.WhichOneof("piece") != "data":
                raise InvalidParameter("after the header only data is expected", field="header")
            self._count(piece.data)
            if held and piece.data:
                yield held
            held = piece.data or held
        self._check()
        yield held

    def _count(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise too_large(kind_of(self._header.mime_type), "data")
        if self._header.HasField("size_bytes") and self._size > self._header.size_bytes:
            raise self._other_size("more")
        self._sha256.update(data)

    def _check(self) -> None:
        if not self._size:
            raise InvalidParameter("the file is empty: send at least one byte", field="data")
        if self._header.HasField("size_bytes") and self._size < self._header.size_bytes:
            raise self._other_size(f"{self._size}")
        if self._header.sha256 and self._sha256.digest() != self._header.sha256:
            raise InvalidParameter("the content has another SHA-256 than the header says", field="header.sha256")

    def _other_size(self, came: str) -> InvalidParameter:
        text = f"the header says {self._header.size_bytes} bytes, and {came} came"
        return InvalidParameter(text, field="header.size_bytes")


async def _header(pieces: Pieces) -> UploadHeader:
    first = await anext(aiter(pieces), None)
    if first is None or first.WhichOneof("piece") != "header":
        raise InvalidParameter("the first message has to be the header, before any data", field="header")
    return first.header


def _checked(given: UploadHeader) -> UploadHeader:
    """The header with a media type, which may be told by the name."""
    header = UploadHeader()
    header.CopyFrom(given)
    name, mime_type = header.filename, header.mime_type.partition(";")[0].strip().lower()
    if not name or len(name) > MAX_NAME_CHARACTERS or not name.isprintable() or "/" in name or "\\" in name:
        text = f"a name of 1 to {MAX_NAME_CHARACTERS} printable characters without slashes is expected"
        raise InvalidParameter(text, field="header.filename")
    if mime_type and not _is_media_type(mime_type):
        raise InvalidParameter("a media type such as image/png is expected", field="header.mime_type")
    if header.sha256 and len(header.sha256) != hashlib.sha256().digest_size:
        raise InvalidParameter("32 bytes are expected", field="header.sha256")
    if len(header.purpose) > MAX_PURPOSE_CHARACTERS:
        raise InvalidParameter(f"at most {MAX_PURPOSE_CHARACTERS} characters are expected", field="header.purpose")
    header.mime_type = _type_of(name, mime_type)
    if header.HasField("size_bytes"):
        check_size(kind_of(header.mime_type), header.size_bytes, "header.size_bytes")
    return header


def _type_of(name: str, told: str) -> str:
    # Clients that know no type say the one that means nothing; the name then knows better.
    return told if told and told != UNKNOWN else named_type(name) or UNKNOWN


def _is_media_type(text: str) -> bool:
    kind, slash, rest = text.partition("/")
    allowed = text.isascii() and not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-/")
    return bool(allowed and kind and slash and rest) and "/" not in rest and len(text) <= 127


def _page(request: ListFilesRequest) -> tuple[int, int]:
    if not 0 <= request.page_size <= MAX_PAGE:
        raise InvalidParameter(f"page_size is {request.page_size}: expected 0 to {MAX_PAGE}", field="page_size")
    token = request.page_token or "0"
    if not (token.isascii() and token.isdigit() and len(token) <= 9):
        raise InvalidParameter("page_token is not one that ListFiles gave", field="page_token")
    return int(token), request.page_size or DEFAULT_PAGE


def _file(entry: FileEntry) -> File:
    file = File(
        id=entry.id,
        filename=entry.filename,
        mime_type=entry.mime_type,
        size_bytes=entry.size_bytes,
        purpose=entry.purpose,
    )
    file.create_time.FromMilliseconds(int(entry.created_at * 1000))
    file.expire_time.FromMilliseconds(int(entry.expires_at * 1000))
    return file
