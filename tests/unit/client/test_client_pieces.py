import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.client.pieces import PIECE, pieces_of
from qwen_grpc.client.texts import text_of
from qwen_grpc.typed.qwen.v1 import (
    ChatDelta,
    ChatMessage,
    Choice,
    CompleteChatResponse,
    StreamChatResponse,
    UploadFileRequest,
    UploadHeader,
)


async def served(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def pieces(content: bytes | Path | AsyncIterator[bytes], **header: str) -> list[UploadFileRequest]:
    return [piece async for piece in pieces_of(content, UploadHeader(**header))]


@given(st.lists(st.integers(0, 2 * PIECE + 1), max_size=4))
def test_the_content_arrives_whole_in_pieces_that_are_small_enough(sizes: list[int]) -> None:
    parts = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    header, *sent = asyncio.run(pieces(served(parts), filename="a"))
    assert header == UploadFileRequest(header=UploadHeader(filename="a"))
    assert b"".join(piece.data or b"" for piece in sent) == b"".join(parts)
    assert all(0 < len(piece.data or b"") <= PIECE for piece in sent)


@pytest.mark.asyncio
async def test_bytes_and_files_tell_their_size_and_a_file_its_name(tmp_path: Path) -> None:
    content, file = b"x" * (PIECE + 1), tmp_path / "notes.txt"
    file.write_bytes(content)
    data = [UploadFileRequest(data=b"x" * PIECE), UploadFileRequest(data=b"x")]
    named, other = (UploadHeader(filename=name, size_bytes=len(content)) for name in ("notes.txt", "other.txt"))
    assert await pieces(content, filename="other.txt") == [UploadFileRequest(header=other), *data]
    assert await pieces(file) == [UploadFileRequest(header=named), *data]
    assert await pieces(file, filename="other.txt") == [UploadFileRequest(header=other), *data]


def test_the_text_is_that_of_the_first_choice() -> None:
    choices = [Choice(index=1, message=ChatMessage(content="no")), Choice(index=0, message=ChatMessage(content="yes"))]
    deltas = [ChatDelta(content="ye"), ChatDelta(index=1, content="no"), ChatDelta(reasoning_content="?")]
    assert text_of(CompleteChatResponse(choices=choices)) == "yes"
    assert text_of(StreamChatResponse(deltas=[*deltas, ChatDelta(content="s")])) == "yes"
    assert text_of(StreamChatResponse()) == text_of(CompleteChatResponse()) == ""
