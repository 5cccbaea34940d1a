"""The object store that uploads go to: checks the signature, remembers what came, forgets what is large."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import unquote

from sanic import Request

from qwen_grpc.simulator.outputs import XML, store_error
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.signatures import PAYLOAD, Upload, authorization_v1, authorization_v4
from qwen_grpc.simulator.state import Simulator
from qwen_grpc.simulator.stored import KEPT_BYTES, StoredFile


async def put_by_path(simulator: Simulator, request: Request, bucket: str, folder: str, name: str) -> Answer:
    """Take an upload that is addressed as `/bucket/path`."""
    return await _put(simulator, request, f"/{bucket}/{folder}/{name}")


async def put_by_host(simulator: Simulator, request: Request, folder: str, name: str) -> Answer:
    """Take an upload that is addressed with the bucket in front of the host."""
    bucket = request.headers.get("host", "").partition(".")[0]
    return await _put(simulator, request, f"/{bucket}/{folder}/{name}")


async def _put(simulator: Simulator, request: Request, resource: str) -> Answer:
    resource = unquote(resource)
    stored = next((stored for stored in simulator.files.values() if _resource(simulator, stored) == resource), None)
    wrong = "No upload was announced for this object." if stored is None else _fault(simulator, request, stored)
    taken = await _take(request)
    if stored is not None and not wrong and taken.size != stored.announced_bytes:
        wrong = f"{taken.size} bytes came, {stored.announced_bytes} were announced."
    if stored is None or wrong:
        return store_error(403, "SignatureDoesNotMatch", wrong)
    _remember(stored, request, taken)
    return Answer(b"", content_type=XML, headers={"etag": stored.etag, "server": "AliyunOSS"}, site=False)


def _resource(simulator: Simulator, stored: StoredFile) -> str:
    return f"/{simulator.behaviour.store_bucket}/{stored.path}"


def _fault(simulator: Simulator, request: Request, stored: StoredFile) -> str:
    """What is wrong with the headers of an upload, or empty."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    upload = Upload(_resource(simulator, stored), headers)
    if headers.get("x-oss-security-token") != stored.store_pass.security_token:
        return "The header x-oss-security-token is missing or not the one that came with the keys."
    if not headers.get("content-type") or ("/" in stored.kind and headers["content-type"] != stored.kind):
        return "The Content-Type is missing or not the announced one."
    if not _is_signed(simulator, upload, stored):
        return "The request signature we calculated does not match the signature you provided."
    return ""


def _is_signed(simulator: Simulator, upload: Upload, stored: StoredFile) -> bool:
    """Whether the `Authorization` is right by V4 or by V1; an address that is signed for reading is neither."""
    key, given = stored.store_pass, upload.headers.get("authorization", "").replace(", ", ",")
    if given.startswith("OSS "):
        expected = authorization_v1(upload, key.access_key_id, key.access_key_secret)
    else:
        region = simulator.behaviour.store_region.removeprefix("oss-")
        expected = authorization_v4(upload, key.access_key_id, key.access_key_secret, region)
        if upload.headers.get("x-oss-content-sha256") != PAYLOAD:
            return False
    return hmac.compare_digest(given.encode(), expected.encode())


class Taken:
    """A body on its way in: its size and digests, and its bytes while they are few."""

    def __init__(self) -> None:
        self.size = 0
        self.sha256 = hashlib.sha256()
        self.md5 = hashlib.md5(usedforsecurity=False)
        self._kept: bytearray | None = bytearray()

    def add(self, piece: bytes) -> None:
        """Count a piece, and keep it while the whole is small."""
        self.size += len(piece)
        self.sha256.update(piece)
        self.md5.update(piece)
        if self.size > KEPT_BYTES:
            self._kept = None
        elif self._kept is not None:
            self._kept += piece

    @property
    def content(self) -> bytes | None:
        """The bytes, or None when there were too many."""
        return None if self._kept is None else bytes(self._kept)


async def _take(request: Request) -> Taken:
    """Read the body to its end, without holding more than a piece of it."""
    taken = Taken()
    stream: Any = request.stream
    while piece := await stream.read():
        taken.add(piece)
    return taken


def _remember(stored: StoredFile, request: Request, taken: Taken) -> None:
    stored.uploads += 1
    stored.content_type = request.headers["content-type"]
    stored.size, stored.content = taken.size, taken.content
    stored.sha256 = taken.sha256.hexdigest()
    stored.etag = f'"{taken.md5.hexdigest().upper()}"'


# A file's name begins with its id and an underscore; a route for any path would shadow those of the site.
NAME = r"<name:([^/]*_[^/]+)>"
ROUTES: tuple[Route, ...] = (
    Route("PUT", f"/<bucket:str>/<folder:str>/{NAME}", put_by_path, streamed=True),
    Route("PUT", f"/<folder:str>/{NAME}", put_by_host, streamed=True),
)
