"""Streams whose size has to be known before they are passed on."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from qwen_grpc.errors import StateStoreUnavailable
from qwen_grpc.upstreams.kinds import MAX_BYTES, too_large

PIECE_BYTES = 256 * 1024


@asynccontextmanager
async def spooled(chunks: AsyncIterator[bytes], kind: str) -> AsyncIterator[tuple[int, AsyncGenerator[bytes, None]]]:
    """The size and the content of a stream, which waits in a temporary file without a name.

    Raises `TooLarge` when it is over the limit of its kind.
    """
    try:
        file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError as error:
        raise _no_room() from error
    with file:
        size = await _collected(chunks, kind, file)
        yield size, _pieces(file)


async def _collected(chunks: AsyncIterator[bytes], kind: str, file: IO[bytes]) -> int:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_BYTES[kind]:
            raise too_large(kind)
        try:
            await asyncio.to_thread(file.write, chunk)
        except OSError as error:
            raise _no_room() from error
    return size


async def _pieces(file: IO[bytes]) -> AsyncGenerator[bytes, None]:
    await asyncio.to_thread(file.seek, 0)
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece


async def pieces_of(content: bytes) -> AsyncGenerator[bytes, None]:
    """Bytes as a stream."""
    view = memoryview(content)
    for start in range(0, len(view), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])


def _no_room() -> StateStoreUnavailable:
    return StateStoreUnavailable("the gateway has no room for the temporary file of an upload (TMPDIR)")
