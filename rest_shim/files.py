"""POST and GET /v1/files, GET and DELETE /v1/files/{id}."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from sanic import HTTPResponse
from sanic.exceptions import SanicException

from qwen_grpc.v1.files_pb2 import (
    DeleteFileRequest,
    File,
    GetFileRequest,
    ListFilesRequest,
    UploadFileRequest,
    UploadHeader,
)
from rest_shim.errors import REASONS, HttpError, bad_request
from rest_shim.exchange import Exchange, Json, answer
from rest_shim.forms import Form, discard, streamed_form

# A large file over a slow line.
ARRIVAL_S = 900.0
PAGE = 1000
MAX_LIMIT = 10_000


async def upload_file(exchange: Exchange) -> HTTPResponse:
    """Takes a form with `file` and `purpose`, in any order."""
    try:
        async with asyncio.timeout(min(ARRIVAL_S, exchange.timeout)):
            # Asked first: nobody without a good credential fills the disk here.
            await exchange.call(exchange.stubs.files.ListFiles, ListFilesRequest(page_size=1))
            return answer(_shown(await _uploaded(exchange)))
    except TimeoutError:
        raise HttpError(REASONS["CLIENT_DEADLINE"], "the form did not come in time") from None
    except (HttpError, grpc.aio.AioRpcError, SanicException):
        await discard(exchange.request)
        raise


async def _uploaded(exchange: Exchange) -> File:
    async with streamed_form(exchange.request, limit=exchange.settings.max_upload) as form:
        if not form.has_file or not form.filename:
            text = "the form needs a part 'file' with a file name"
            raise bad_request("file", text, "missing_required_parameter")
        made = await exchange.call(exchange.stubs.files.UploadFile, _requests(form))
        file: File = made.file
        return file


async def list_files(exchange: Exchange) -> HTTPResponse:
    """The files that have not expired. `?limit=`, `?after=`, `?order=asc` and `?purpose=` are understood."""
    args = exchange.request.args
    limit = args.get("limit", str(MAX_LIMIT))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_LIMIT):
        raise bad_request("limit", f"expected a number from 1 to {MAX_LIMIT}", "invalid_value")
    if args.get("order", "desc") not in ("asc", "desc"):
        raise bad_request("order", "expected asc or desc", "invalid_value")
    files = await _all_files(exchange)
    if args.get("order") == "asc":
        files.reverse()
    files = _after(args.get("after"), files)
    files = [file for file in files if args.get("purpose") in (None, file.purpose)]
    return answer(_page(files[: int(limit)], has_more=len(files) > int(limit)))


async def get_file(exchange: Exchange, file_id: str) -> HTTPResponse:
    """A file's description."""
    found = await exchange.call(exchange.stubs.files.GetFile, GetFileRequest(file_id=file_id))
    return answer(_shown(found.file))


async def delete_file(exchange: Exchange, file_id: str) -> HTTPResponse:
    """Forgets a file."""
    await exchange.call(exchange.stubs.files.DeleteFile, DeleteFileRequest(file_id=file_id))
    return answer({"id": file_id, "object": "file", "deleted": True})


async def _requests(form: Form) -> AsyncIterator[UploadFileRequest]:
    header = UploadHeader(
        filename=form.filename,
        mime_type=form.mime_type,
        size_bytes=form.size_bytes,
        purpose=form.fields.get("purpose", ""),
    )
    yield UploadFileRequest(header=header)
    async for piece in form.pieces():
        yield UploadFileRequest(data=piece)


async def _all_files(exchange: Exchange) -> list[File]:
    """All pages: files live for a day, so there are not many."""
    files: list[File] = []
    request = ListFilesRequest(page_size=PAGE)
    while True:
        found = await exchange.call(exchange.stubs.files.ListFiles, request)
        files += found.files
        if not found.next_page_token:
            return files
        request = ListFilesRequest(page_size=PAGE, page_token=found.next_page_token)


def _after(file_id: str | None, files: list[File]) -> list[File]:
    if file_id is None:
        return files
    at = next((at for at, file in enumerate(files) if file.id == file_id), None)
    if at is None:
        raise bad_request("after", "expected the id of one of the files", "invalid_value")
    return files[at + 1 :]


def _page(files: list[File], *, has_more: bool) -> Json:
    ends = {"first_id": files[0].id, "last_id": files[-1].id} if files else {"first_id": None, "last_id": None}
    return {"object": "list", "data": [_shown(file) for file in files], **ends, "has_more": has_more}


def _shown(file: File) -> Json:
    shown: dict[str, Any] = {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": file.create_time.seconds,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
    }
    return shown | ({"expires_at": file.expire_time.seconds} if file.HasField("expire_time") else {})
