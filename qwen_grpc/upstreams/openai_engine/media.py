"""Media in messages: as addresses where the engine gets them by itself, else within the request."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from qwen_grpc.errors import InvalidParameter, MediaUrlBlocked, NotFound, TooLarge, Unsupported
from qwen_grpc.openai_json.jsontext import load
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.fetcher import Fetcher
from qwen_grpc.upstreams.kinds import AUDIO, IMAGE, SNIFFED_BYTES, VIDEO, check_size, sniffed
from qwen_grpc.upstreams.openai_engine.dialects import Dialect
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, ContentPart
from qwen_grpc.v1.common_pb2 import Media

# Faults of what the caller sent: their errors name the field.
_CALLERS_FAULTS = (InvalidParameter, MediaUrlBlocked, NotFound, TooLarge, Unsupported)
_address = re.compile(r"\s*(?!data:)[a-z][a-z0-9+.-]*:/", re.IGNORECASE)


class Inlining:
    """Makes media ready for an engine. Without `fetcher` no address of a caller's is fetched, by the engine neither."""

    def __init__(self, fetcher: Fetcher | None) -> None:
        self._fetcher = fetcher

    async def ready(
        self, request: CompleteChatRequest, dialect: Dialect, attachments: Mapping[str, Attachment]
    ) -> CompleteChatRequest:
        """The request with its media as the engine takes them; the one that was given stays as it is."""
        if not any(message.parts for message in request.messages):
            return request
        ready = CompleteChatRequest()
        ready.CopyFrom(request)
        for at, message in enumerate(ready.messages):
            for number, part in enumerate(message.parts):
                await self._make_ready(part, f"messages[{at}].content[{number}]", dialect, attachments)
        return ready

    async def content(self, url: str, kind: str) -> tuple[bytes, str]:
        """What lies at an address, and its media type. Raises `MediaUrlBlocked`, `InvalidParameter` and `TooLarge`."""
        async with self._permitted().open(url, kind) as fetched:
            return await _whole(fetched.chunks), fetched.mime_type

    async def _make_ready(
        self, part: ContentPart, path: str, dialect: Dialect, attachments: Mapping[str, Attachment]
    ) -> None:
        member, kind, media = _medium(part)
        path = f"{path}.{member}" if member else path
        if media is not None and kind not in dialect.media:
            raise Unsupported(f"{path}: {dialect.title} takes no such part in a message", field=path)
        try:
            for text in _odd_addresses(part):
                await self._permitted().check(text)
            if media is not None:
                await self._settle(media, kind, dialect, attachments)
        except _CALLERS_FAULTS as error:
            error.field = path
            raise

    async def _settle(self, media: Media, kind: str, dialect: Dialect, attachments: Mapping[str, Attachment]) -> None:
        if media.WhichOneof("source") == "file_id":
            media.url = _resolved(media.file_id, attachments)
        if media.WhichOneof("source") == "url" and media.url[:5].lower() != "data:":
            if dialect.fetches and kind != AUDIO:
                await self._permitted().check(media.url)
                return
            media.data, media.mime_type = await self.content(media.url, kind)
        if media.WhichOneof("source") == "data":
            check_size(kind, len(media.data), "")
            # Engines take sound as bare base64 beside its format, and pictures with their type.
            media.mime_type = "" if kind == AUDIO else media.mime_type or sniffed(media.data[:SNIFFED_BYTES])

    def _permitted(self) -> Fetcher:
        if self._fetcher is None:
            raise MediaUrlBlocked(
                "this gateway lets no http(s) addresses be fetched; send the content itself as a data URL, "
                "or let the operator set QWEN_FETCH_MEDIA=1"
            )
        return self._fetcher


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _medium(part: ContentPart) -> tuple[str, str, Media | None]:
    """The member of the JSON part that holds a medium, its kind, and itself; engines know no frames and no files."""
    match part.WhichOneof("part"):
        case "image":
            return "image_url", IMAGE, part.image.media
        case "audio":
            return "input_audio", AUDIO, part.audio.media
        case "video" if part.video.frames:
            return "video", "frames", part.video.frames[0]
        case "video":
            return "video_url", VIDEO, part.video.media
        case "file":
            return "file", "file", part.file
        case _:
            return "", "", None


def _odd_addresses(part: ContentPart) -> Iterator[str]:
    """Addresses in what the contract has no field for: an engine may know parts that we do not, and fetch from them."""
    for text in (part.raw_json, part.extra_json):
        yield from _addresses(load(text)) if text else ()


def _addresses(value: Any) -> Iterator[str]:
    if isinstance(value, str) and _address.match(value):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _addresses(item)


def _resolved(file_id: str, attachments: Mapping[str, Attachment]) -> str:
    if file_id not in attachments:
        raise NotFound("an engine stores no files: send the content itself as a data URL")
    return attachments[file_id].url
