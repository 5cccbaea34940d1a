"""Media in requests: from bytes, addresses and ids to files that lie at the upstream."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from qwen_grpc.errors import InvalidParameter, MediaUrlBlocked, NotFound, TooLarge, Unsupported
from qwen_grpc.ledger import FileEntry, Files
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.lanes import Lane
from qwen_grpc.services.owners import Owners
from qwen_grpc.services.spool import pieces_of, spooled
from qwen_grpc.upstreams.base import NO_ATTACHMENTS, Attachment, Upload
from qwen_grpc.upstreams.data_urls import data_url, decode_data_url
from qwen_grpc.upstreams.fetcher import Fetcher, checked_url
from qwen_grpc.upstreams.kinds import (
    AUDIO,
    DOCUMENT,
    IMAGE,
    SNIFFED_BYTES,
    UNKNOWN,
    VIDEO,
    check_size,
    check_together,
    extension_of,
    fits,
    kind_of,
    named_type,
    sniffed,
)
from qwen_grpc.upstreams.media_items import Item, media_of
from qwen_grpc.v1 import common_pb2 as pb
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatRequest

KNOWN_S = 3600.0
MAX_KNOWN = 10_000

# Faults of what the caller sent: their errors name the field.
_CALLERS_FAULTS = (InvalidParameter, MediaUrlBlocked, NotFound, TooLarge, Unsupported)


@dataclass(frozen=True, slots=True)
class Found:
    """What an item turned out to be: a file that the upstream has (`attachment`), bytes, or else an address."""

    key: str
    kind: str
    filename: str
    mime_type: str
    content: bytes | None = None
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the files go, and who sends them."""

    lane: Lane
    caller: Caller


class Media:
    """Brings media to the upstream. The same content of the same caller is uploaded once an hour.

    So a client that sends the whole history with each turn neither pays for
    its pictures again nor loses the chat that knows them. Without `fetcher`
    no address is ever fetched.
    """

    def __init__(
        self, owners: Owners, files: Files, fetcher: Fetcher | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._owners = owners
        self._files = files
        self._fetcher = fetcher
        self._now = now
        self._known: OrderedDict[tuple[str, str, str], tuple[float, Attachment]] = OrderedDict()

    async def lane_of(self, messages: Sequence[ChatMessage], caller: Caller) -> str:
        """The lane at which the files lie that messages name by their ids; empty when any lane is as good."""
        for at, message in enumerate(messages):
            for item in media_of(message, f"messages[{at}]"):
                if item.media.WhichOneof("source") == "file_id":
                    with naming(item.path):
                        return (await self._files.get(await self._owners.of(caller), item.media.file_id)).lane
        return ""

    async def attach(
        self, media: Sequence[tuple[str, pb.Media]], lane: Lane, caller: Caller, *, kind: str = ""
    ) -> list[Attachment]:
        """The files for some media, in order; the first of each pair is the path of its field.

        `kind` is what all of them have to be. Everything is checked before
        anything is uploaded. Raises `InvalidParameter`, `MediaUrlBlocked`,
        `NotFound` and `TooLarge` with the path.
        """
        items = [Item(path, one, kind) for path, one in media]
        destination = Destination(lane, caller)
        found = [await self._found(item, destination) for item in items]
        return [await self._attached(*pair, destination) for pair in zip(items, found, strict=True)]

    async def attached(
        self, request: CompleteChatRequest, lane: Lane, caller: Caller
    ) -> tuple[CompleteChatRequest, Mapping[str, Attachment]]:
        """The request with its media as files at the upstream, named by `file_id`, and these files by their ids.

        The request that was given stays as it is: another upstream may get it
        next. Where media travel inside of requests, only ids are looked up.
        """
        if not any(message.parts for message in request.messages):
            return request, NO_ATTACHMENTS
        asked = CompleteChatRequest()
        asked.CopyFrom(request)
        return asked, await self._attach_messages(asked.messages, Destination(lane, caller))

    async def _attach_messages(
        self, messages: Sequence[ChatMessage], destination: Destination
    ) -> Mapping[str, Attachment]:
        found: list[tuple[Item, Found]] = []
        for at, message in enumerate(messages):
            ours = [(item, await self._found(item, destination)) for item in media_of(message, f"messages[{at}]")]
            check_together([(item.path, one.kind) for item, one in ours])
            found += ours
        attachments = {}
        for item, one in found:
            if destination.lane.upstream.stores_files or one.attachment:
                attachment = await self._attached(item, one, destination)
                item.media.file_id = attachment.id
                attachments[attachment.id] = attachment
        return attachments

    # -- what it is -----------------------------------------------------------------------------------------------

    async def _found(self, item: Item, destination: Destination) -> Found:
        with naming(item.path):
            match item.media.WhichOneof("source"):
                case "file_id":
                    return await self._uploaded(item, destination)
                case "data":
                    return self._inline(item, item.media.data, item.media.mime_type)
                case "url" if item.media.url[:5].lower() == "data:":
                    mime_type, content = decode_data_url(item.media.url)
                    return self._inline(item, content, item.media.mime_type or mime_type)
                case "url":
                    return self._remote(item, destination)
                case _:
                    raise InvalidParameter(f"{item.path} holds no media: expected a URL, data or a file id")

    async def _uploaded(self, item: Item, destination: Destination) -> Found:
        entry = await self._files.get(await self._owners.of(destination.caller), item.media.file_id)
        if entry.lane != destination.lane.label:
            raise NotFound("this file lies at another upstream, or with another of its accounts")
        if item.kind and entry.kind != item.kind:
            raise _wrong_kind(item, entry.mime_type)
        return Found("", entry.kind, entry.filename, entry.mime_type, attachment=attachment_of(entry))

    def _inline(self, item: Item, content: bytes, told: str) -> Found:
        filename, seen = item.media.filename, sniffed(content[:SNIFFED_BYTES])
        mime_type = told or item.mime_type or named_type(filename) or seen
        kind = item.kind or kind_of(mime_type)
        if not mime_type and item.kind not in ("", DOCUMENT):
            text = f"the content looks like no {item.kind} that is known here, and no media type says what it is"
            raise InvalidParameter(f"{item.path}: {text}")
        if mime_type and item.kind not in ("", DOCUMENT) and not fits(mime_type, item.kind):
            raise _wrong_kind(item, mime_type)
        if seen and kind != DOCUMENT and not fits(seen, kind):
            raise _wrong_kind(item, seen)
        check_size(kind, len(content), item.path)
        key = hashlib.sha256(content).hexdigest()
        mime_type = mime_type or UNKNOWN
        return Found(key, kind, filename or _default_name(kind, mime_type), mime_type, content=content)

    def _remote(self, item: Item, destination: Destination) -> Found:
        url = item.media.url
        if self._fetcher is None and destination.lane.upstream.stores_files:
            raise MediaUrlBlocked(
                f"{item.path}: this gateway does not fetch http(s) addresses; send the content itself as a data URL, "
                "upload it (POST /v1/files), or let the operator set QWEN_FETCH_MEDIA=1"
            )
        checked_url(url)
        filename = item.media.filename or urlsplit(url).path.rpartition("/")[2]
        mime_type = item.media.mime_type or item.mime_type or named_type(filename)
        return Found(url, item.kind or kind_of(mime_type or "image/*"), filename, mime_type)

    # -- getting it there -----------------------------------------------------------------------------------------

    async def _attached(self, item: Item, found: Found, destination: Destination) -> Attachment:
        if found.attachment is not None:
            return found.attachment
        lane = destination.lane
        if not lane.upstream.stores_files:
            return _inside(found)
        place = (lane.upstream.name, lane.credentials.fingerprint, f"{found.kind} {found.filename} {found.key}")
        until, attachment = self._known.get(place, (0.0, None))
        if attachment is None or self._now() >= until:
            with naming(item.path):
                attachment = await self._upload(found, destination)
            self._known[place] = (self._now() + KNOWN_S, attachment)
            self._known.move_to_end(place)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return attachment

    async def _upload(self, found: Found, destination: Destination) -> Attachment:
        if found.content is None:
            return await self._fetch(found, destination)
        upload = Upload(found.kind, found.filename, found.mime_type, len(found.content), pieces_of(found.content))
        return await destination.lane.upstream.upload(upload, destination.lane.credentials)

    async def _fetch(self, found: Found, destination: Destination) -> Attachment:
        assert self._fetcher is not None
        async with AsyncExitStack() as stack:
            async with self._fetcher.open(found.key, found.kind) as fetched:
                size, chunks = await stack.enter_async_context(spooled(fetched.chunks, found.kind))
            check_size(found.kind, size, "")
            mime_type = fetched.mime_type or found.mime_type or UNKNOWN
            filename = found.filename or _default_name(found.kind, mime_type)
            upload = Upload(found.kind, filename, mime_type, size, chunks)
            return await destination.lane.upstream.upload(upload, destination.lane.credentials)


def _inside(found: Found) -> Attachment:
    """A medium for an upstream that takes it inside of the request: its address, or all of it as one."""
    url, size = found.key, 0
    if found.content is not None:
        url, size = data_url(found.mime_type, found.content), len(found.content)
    return Attachment("", found.kind, url, found.filename, found.mime_type, size)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Gives errors about what the caller sent the path of the field."""
    try:
        yield
    except _CALLERS_FAULTS as error:
        error.field = error.field or path
        raise


def attachment_of(entry: FileEntry) -> Attachment:
    """A file of the ledger as a message names it."""
    return Attachment(entry.upstream_id, entry.kind, entry.url, entry.filename, entry.mime_type, entry.size_bytes)


_NAMES = {IMAGE: "image", AUDIO: "audio", VIDEO: "video", DOCUMENT: "document"}


def _default_name(kind: str, mime_type: str) -> str:
    return _NAMES[kind] + (extension_of(mime_type) or (".bin" if mime_type == UNKNOWN else ""))


def _wrong_kind(item: Item, mime_type: str) -> InvalidParameter:
    what = f"media of kind {item.kind}" if item.kind else "what its media type says"
    return InvalidParameter(f"{item.path}: expected {what}, and got {mime_type}")
