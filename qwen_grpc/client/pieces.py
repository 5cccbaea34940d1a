"""Uploads, cut into the messages of `UploadFile`."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from pathlib import Path

from qwen_grpc.typed.qwen.v1 import UploadFileRequest, UploadHeader

# Bytes in a message: fast, and far below every limit.
PIECE = 256 * 1024


async def pieces_of(
    content: bytes | Path | AsyncIterable[bytes], header: UploadHeader
) -> AsyncIterator[UploadFileRequest]:
    """The header, then the content in pieces. Size and name are told where they are known."""
    match content:
        case bytes():
            header = replace(header, size_bytes=len(content))
        case Path():
            size = (await asyncio.to_thread(content.stat)).st_size
            header = replace(header, size_bytes=size, filename=header.filename or content.name)
        case _:
            pass
    yield UploadFileRequest(header=header)
    async for part in _parts(content):
        for start in range(0, len(part), PIECE):
            yield UploadFileRequest(data=part[start : start + PIECE])


async def _parts(content: bytes | Path | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    match content:
        case bytes():
            yield content
        case Path():
            with await asyncio.to_thread(content.open, "rb") as file:
                while part := await asyncio.to_thread(file.read, PIECE):
                    yield part
        case _:
            async for part in content:
                yield part
