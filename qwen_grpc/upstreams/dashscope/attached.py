"""The media of a chat request: what the messages say of them, and which documents go by their ids."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import InvalidParameter, NotFound, Unsupported
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.dashscope.media import MediaInput
from qwen_grpc.upstreams.dashscope.parameters import Asked
from qwen_grpc.upstreams.dashscope.traits import Traits
from qwen_grpc.upstreams.kinds import SNIFFED_BYTES, sniffed
from qwen_grpc.upstreams.media_items import Item, media_of
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatRequest


@dataclass(frozen=True, slots=True)
class Inlined:
    """A request whose media are all addresses, and the addresses of the documents that it names."""

    request: CompleteChatRequest
    documents: Sequence[str] = ()


class Inlining:
    """Puts media into requests; see `MediaInput` for what becomes of large ones."""

    def __init__(self, media: MediaInput) -> None:
        self._media = media

    async def inlined(self, asked: Asked, key: ApiKey, attachments: Mapping[str, Attachment]) -> Inlined:
        """A copy of the request with addresses in the place of media, and without the documents."""
        if not any(message.parts for message in asked.request.messages):
            return Inlined(asked.request)
        copy = CompleteChatRequest()
        copy.CopyFrom(asked.request)
        documents: list[str] = []
        for at, message in enumerate(copy.messages):
            documents += _documents(message, f"messages[{at}]", asked.traits, attachments)
            for item in media_of(message, f"messages[{at}]"):
                item.media.url = await self._media.url(_found(item, attachments), asked.model.id, key, item.path)
        return Inlined(copy, list(dict.fromkeys(documents)))


def _found(item: Item, attachments: Mapping[str, Attachment]) -> Attachment:
    media = item.media
    match media.WhichOneof("source"):
        case "file_id":
            return _uploaded(media.file_id, item.path, attachments)
        case "data":
            url = _data_url(item)
        case "url":
            url = media.url
        case _:
            raise InvalidParameter(f"{item.path} holds no media: expected a URL, data or a file id", field=item.path)
    return Attachment("", item.kind, url, media.filename, media.mime_type, len(media.data))


def _uploaded(file_id: str, path: str, attachments: Mapping[str, Attachment]) -> Attachment:
    if file_id not in attachments:
        raise NotFound(f"{path}: no file of this id was uploaded by this caller", field=path)
    return attachments[file_id]


def _data_url(item: Item) -> str:
    media = item.media
    mime_type = media.mime_type or item.mime_type or sniffed(media.data[:SNIFFED_BYTES])
    if not mime_type:
        text = f"{item.path}: nothing tells what the content is: send its media type along"
        raise InvalidParameter(text, field=item.path)
    return f"data:{mime_type};base64,{base64.b64encode(media.data).decode()}"


def _documents(message: ChatMessage, path: str, traits: Traits, attachments: Mapping[str, Attachment]) -> list[str]:
    """Takes the documents out of a message. Raises `Unsupported` for a model that reads none."""
    files = [(number, part.file) for number, part in enumerate(message.parts) if part.WhichOneof("part") == "file"]
    urls = []
    for number, file in files:
        at = f"{path}.content[{number}].file"
        if "F" not in traits.can:
            raise Unsupported(f"{at}: this model reads no documents; qwen-long does", field=at)
        if file.WhichOneof("source") != "file_id":
            raise Unsupported(f"{at}: upload the document first (POST /v1/files) and name its id here", field=at)
        urls.append(_uploaded(file.file_id, at, attachments).url)
    for number, _ in reversed(files):
        del message.parts[number]
    return urls
