"""Texts that are longer than the site takes in a message: they go along as a document."""

from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec

from qwen_grpc.credentials import WebSession
from qwen_grpc.upstreams.base import Upload
from qwen_grpc.upstreams.chat_qwen_ai.encode import MAX_BODY_BYTES, Said
from qwen_grpc.upstreams.chat_qwen_ai.uploads import Uploads
from qwen_grpc.upstreams.kinds import AUDIO, DOCUMENT, MAX_BYTES, MAX_FILES, VIDEO

NAME = "context.txt"
NOTE = (
    f"My message is too long to stand here, so it is in the attached document {NAME}. "
    "Read the document as if I had written it here, and answer it."
)
# What a request needs besides text and files, and what each file needs, generously.
ENVELOPE_BYTES = 4096
ENTRY_BYTES = 4096


async def fitted(said: Said, uploads: Uploads, session: WebSession) -> Said:
    """What is said, with a text that is too long in a document; unchanged where that cannot help either."""
    if _fits(said) or not _takes_document(said):
        return said
    content = said.text.encode("utf-8", "replace")
    upload = Upload(DOCUMENT, NAME, "text/plain", len(content), _one(content))
    return replace(said, text=NOTE, files=[*said.files, await uploads.upload(upload, session)])


def _fits(said: Said) -> bool:
    room = MAX_BODY_BYTES - ENVELOPE_BYTES - ENTRY_BYTES * len(said.files)
    # JSON writes at least one byte for a character and seldom more than its UTF-8 form: encode only where it is close.
    return len(said.text) * 12 <= room or len(msgspec.json.encode(said.text)) <= room


def _takes_document(said: Said) -> bool:
    kinds = [file.kind for file in said.files]
    room = kinds.count(DOCUMENT) < MAX_FILES[DOCUMENT] and AUDIO not in kinds and VIDEO not in kinds
    return room and len(said.text.encode("utf-8", "replace")) <= MAX_BYTES[DOCUMENT]


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
