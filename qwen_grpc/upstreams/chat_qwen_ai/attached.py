"""Files in messages, in the site's words: the entries of `files`, as its own pages sent them in September 2026."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from qwen_grpc.errors import Unsupported
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.kinds import AUDIO, DOCUMENT, IMAGE, VIDEO, check_together
from qwen_grpc.v1.chat_pb2 import ChatMessage, ContentPart
from qwen_grpc.v1.common_pb2 import Media

# What the site calls a kind, and the class that it puts it in.
_WORDS = {
    IMAGE: ("image", "vision"),
    DOCUMENT: ("file", "document"),
    AUDIO: ("audio", "audio"),
    VIDEO: ("video", "video"),
}


def file_entry(attachment: Attachment, *, now: float, new_id: Callable[[], str]) -> dict[str, Any]:
    """An entry of a message's `files`; times are in milliseconds there."""
    milliseconds = int(now * 1000)
    kind, file_class = _WORDS[attachment.kind]
    meta: dict[str, Any] = {
        "name": attachment.filename,
        "size": attachment.size_bytes,
        "content_type": attachment.mime_type,
    }
    if attachment.kind == DOCUMENT:
        meta["parse_meta"] = {"parse_status": "success"}
    file = {
        "created_at": milliseconds,
        "data": {},
        "filename": attachment.filename,
        "hash": None,
        "id": attachment.id,
        "user_id": _owner(attachment.url),
        "meta": meta,
        "update_at": milliseconds,
    }
    return {
        "type": kind,
        "file": file,
        "id": attachment.id,
        "url": attachment.url,
        "name": attachment.filename,
        "collection_name": "",
        "progress": 0,
        "status": "uploaded",
        "greenNet": "success",
        "size": attachment.size_bytes,
        "error": "",
        "itemId": new_id(),
        "file_type": attachment.mime_type,
        "showType": kind,
        "file_class": file_class,
        "uploadTaskId": new_id(),
    }


def _owner(url: str) -> str:
    """The account that a file belongs to: the store keeps the files of each in a folder of that name."""
    return urlsplit(url).path.split("/")[1]


def media_in(message: ChatMessage) -> Iterator[Media]:
    """All media of a message, in order."""
    for part in message.parts:
        yield from _media_in_part(part)


def _media_in_part(part: ContentPart) -> Iterator[Media]:
    match part.WhichOneof("part"):
        case "image":
            yield part.image.media
        case "audio":
            yield part.audio.media
        case "video" if part.video.frames:
            yield from part.video.frames
        case "video":
            yield part.video.media
        case "file":
            yield part.file
        case _:
            return


def attached_to(messages: Sequence[ChatMessage], attachments: Mapping[str, Attachment]) -> list[Attachment]:
    """The files that go out with these messages, each once. Raises `InvalidParameter` when one turn takes fewer."""
    ids = dict.fromkeys(media.file_id for message in messages for media in media_in(message))
    files = [attachments[file_id] for file_id in ids]
    check_together([("messages", file.kind) for file in files])
    return files


def check_parts(message: ChatMessage, path: str, attachments: Mapping[str, Attachment]) -> None:
    """Raises `Unsupported` for parts that the site has no place for, and for media that nobody has uploaded."""
    for number, part in enumerate(message.parts):
        where = f"{path}.content[{number}]"
        if part.WhichOneof("part") in ("raw_json", None):
            raise Unsupported(f"{where}: {SITE} takes text, image, audio, video and file parts only", field=where)
        if any(media.file_id not in attachments for media in _media_in_part(part)):
            raise Unsupported(f"{where}: media are not taken here", field=where)
