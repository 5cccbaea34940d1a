"""Files on their way into the site: keys, the upload itself, and the reading of documents.

As seen in the browser's own traffic, Sep 2026.
"""

import asyncio
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import InvalidParameter, UpstreamProtocol, UpstreamTtfbTimeout
from qwen_grpc.upstreams.base import Attachment, Upload
from qwen_grpc.upstreams.chat_qwen_ai.object_store import STORE_DOMAIN, Keys, ObjectStore, Place
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.site import Site
from qwen_grpc.upstreams.kinds import DOCUMENT

T = TypeVar("T")

PARSE_PAUSE_S = 0.5
PARSE_PAUSE_MAX_S = 1.0
PARSE_LIMIT_S = 60.0

_ANNOUNCE = "/api/v2/files/getstsToken"
_PARSE = "/api/v2/files/parse"
_STATUS = "/api/v2/files/parse/status"


class Offer(Struct):
    """Temporary keys for one upload, and where it goes."""

    access_key_id: str
    access_key_secret: str
    security_token: str
    file_url: str
    file_path: str
    file_id: str
    bucketname: str
    region: str
    endpoint: str

    def __repr__(self) -> str:
        return f"Offer(file_id={self.file_id!r})"


class Reading(Struct):
    """How far the site is with reading a document: running or pending, success, failed."""

    file_id: str = ""
    status: str = ""


class Uploads:
    """Uploads files with a person's session; the store itself never sees the session."""

    def __init__(self, site: Site, sessions: Sessions, store: ObjectStore) -> None:
        self._site = site
        self._sessions = sessions
        self._store = store

    async def upload(self, upload: Upload, session: WebSession) -> Attachment:
        """Stores a file, and waits until a document has been read. Raises `InvalidParameter` if it cannot be."""
        session = await self._sessions.fresh(session)
        offer = _form(await self._call(_ANNOUNCE, _announcement(upload), session), Offer)
        place = Place.checked(offer.bucketname, offer.region, offer.endpoint, offer.file_path)
        url = _bare(offer.file_url)
        keys = Keys(offer.access_key_id, offer.access_key_secret, offer.security_token)
        await self._store.put(place, keys, upload)
        if upload.kind == DOCUMENT:
            await self._read(offer.file_id, session)
        return Attachment(offer.file_id, upload.kind, url, upload.filename, upload.mime_type, upload.size_bytes)

    async def _read(self, file_id: str, session: WebSession) -> None:
        await self._call(_PARSE, {"file_id": file_id}, session)
        try:
            async with asyncio.timeout(PARSE_LIMIT_S):
                await self._until_read(file_id, session)
        except TimeoutError as error:
            raise UpstreamTtfbTimeout(f"{SITE} has not read the document within {PARSE_LIMIT_S:g} s") from error

    async def _until_read(self, file_id: str, session: WebSession) -> None:
        pause_s = PARSE_PAUSE_S
        while True:
            found = await self._call(_STATUS, {"file_id_list": [file_id]}, session)
            status = _status_of(found, file_id)
            if status == "success":
                return
            if status == "failed":
                raise InvalidParameter(f"{SITE} cannot read this document; convert it, for example to PDF or text")
            await asyncio.sleep(pause_s)
            pause_s = min(PARSE_PAUSE_MAX_S, pause_s * 1.5)

    async def _call(self, path: str, body: dict[str, Any], session: WebSession) -> Any:
        content = msgspec.json.encode(body)
        return await self._sessions.once_more(session, lambda fresh: self._site.call("POST", path, fresh, content))


def _announcement(upload: Upload) -> dict[str, Any]:
    # The site says `file` where we say `document`, and takes the size as a string.
    kind = "file" if upload.kind == DOCUMENT else upload.kind
    return {"filename": upload.filename, "filesize": str(upload.size_bytes), "filetype": kind}


def _form(value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UpstreamProtocol(f"{SITE} answered an upload in a form that is not known here") from error


def _status_of(found: Any, file_id: str) -> str:
    readings = _form(found if isinstance(found, list) else [found], list[Reading])
    return next((reading.status for reading in readings if reading.file_id == file_id), "")


def _bare(url: str) -> str:
    """The address of a file without its signature, which would end after 300 seconds."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not f".{parts.hostname}".endswith(STORE_DOMAIN) or parts.port or parts.username:
        raise UpstreamProtocol(f"{SITE} named an address for the file that is not in its object store")
    return f"https://{parts.netloc}{parts.path}"
