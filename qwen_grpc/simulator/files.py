"""Announcing, parsing and re-addressing files: the routes of chat.qwen.ai around its object store."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from sanic import Request

from qwen_grpc.simulator.faults import signed_in, unauthorized
from qwen_grpc.simulator.replies import Answer, ok, refusal
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Simulator
from qwen_grpc.simulator.stored import StoredFile, StorePass

LINK_TTL_S = 300
KINDS = ("image", "video", "audio", "file")


class Announced(msgspec.Struct):
    """The body of getstsToken; clients of the service spell its keys in two ways and send the size in two types."""

    filename: str = ""
    filesize: str | int = ""
    filetype: str = ""
    file_name: str = ""
    file_size: str | int = ""
    file_type: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.filename or self.file_name

    @property
    def kind(self) -> str:
        """The class of the file, or its MIME type; empty when it is neither."""
        kind = self.filetype or self.file_type
        return kind if kind in KINDS or "/" in kind else ""

    @property
    def size(self) -> int:
        """The size in bytes; -1 when it is no number."""
        told = str(self.filesize or self.file_size)
        return int(told) if told.isdecimal() else -1


async def announce(simulator: Simulator, request: Request) -> Answer:
    """Temporary keys for one upload, and where it goes."""
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    try:
        body = msgspec.json.decode(request.body or b"{}", type=Announced)
    except msgspec.DecodeError as error:
        return refusal("RequestValidationError", str(error))
    if not body.name or not body.kind or body.size < 0:
        return refusal("Bad_Request", "Invalid file information!")
    stored = _announced(simulator, user.id, body)
    simulator.files[stored.id] = stored
    return ok(_offer(simulator, stored))


def _announced(simulator: Simulator, user_id: str, body: Announced) -> StoredFile:
    behaviour, file_id = simulator.behaviour, simulator.new_id()
    path = f"{user_id}/{file_id}_{body.name}"
    secret = hashlib.sha256(f"secret of {file_id}".encode()).hexdigest()
    return StoredFile(
        id=file_id,
        user_id=user_id,
        name=body.name,
        kind=body.kind,
        announced_bytes=body.size,
        path=path,
        url=f"https://{behaviour.store_bucket}.{behaviour.store_region}.aliyuncs.com/{quote(path)}",
        store_pass=StorePass(f"STS.{secret[:16]}", secret[16:48], f"token-{secret[48:]}"),
    )


def _offer(simulator: Simulator, stored: StoredFile) -> dict[str, Any]:
    behaviour = simulator.behaviour
    return {
        "access_key_id": stored.store_pass.access_key_id,
        "access_key_secret": stored.store_pass.access_key_secret,
        "security_token": stored.store_pass.security_token,
        "file_url": signed_url(simulator, stored),
        "file_path": stored.path,
        "file_id": stored.id,
        "bucketname": behaviour.store_bucket,
        "region": behaviour.store_region,
        "endpoint": behaviour.store_endpoint,
    }


def signed_url(simulator: Simulator, stored: StoredFile) -> str:
    """The address for reading the file, good for 300 seconds; it does not let anybody upload."""
    moment = datetime.fromtimestamp(simulator.now(), UTC).strftime("%Y%m%dT%H%M%SZ")
    region = simulator.behaviour.store_region.removeprefix("oss-")
    scope = f"{stored.store_pass.access_key_id}/{moment[:8]}/{region}/oss/aliyun_v4_request"
    query = {
        "x-oss-security-token": stored.store_pass.security_token,
        "x-oss-date": moment,
        "x-oss-expires": LINK_TTL_S,
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": scope,
        "x-oss-signature": hashlib.sha256(f"{scope}{stored.path}".encode()).hexdigest(),
    }
    return f"{stored.url}?{urlencode(query)}"


class Named(msgspec.Struct):
    """The body of the routes about files that exist: one id, or a list."""

    file_id: str = ""
    file_id_list: list[str] = []


def _named(simulator: Simulator, request: Request) -> list[StoredFile] | Answer:
    """The caller's own files that the body names, or why there are none."""
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    try:
        body = msgspec.json.decode(request.body or b"{}", type=Named)
    except msgspec.DecodeError as error:
        return refusal("RequestValidationError", str(error))
    names = body.file_id_list or [body.file_id]
    known = [stored for name in names if (stored := simulator.files.get(name)) and stored.user_id == user.id]
    return known or refusal("Not_Found", "File not found", actual=404)


async def parse(simulator: Simulator, request: Request) -> Answer:
    """Begin to read a document; a name with `parsefail` in it will fail."""
    named = _named(simulator, request)
    if isinstance(named, Answer):
        return named
    [stored, *_] = named
    if not stored.uploads:
        return refusal("Bad_Request", "Invalid file information!")
    stored.parse_status, stored.parse_polls = "running", 0
    return ok({"file_id": stored.id})


async def parse_status(simulator: Simulator, request: Request) -> Answer:
    """How far the reading of some documents is."""
    named = _named(simulator, request)
    if isinstance(named, Answer):
        return named
    return ok([{"file_id": stored.id, "status": _polled(simulator, stored)} for stored in named])


def _polled(simulator: Simulator, stored: StoredFile) -> str:
    """The status after one more look; a document that nobody asked to parse stays pending."""
    if stored.parse_status == "running":
        stored.parse_polls += 1
        if stored.parse_polls > simulator.behaviour.parse_polls:
            stored.parse_status = "failed" if "parsefail" in stored.name else "success"
    return stored.parse_status or "pending"


async def link(simulator: Simulator, request: Request) -> Answer:
    """A fresh address for a file."""
    named = _named(simulator, request)
    if isinstance(named, Answer):
        return named
    return ok({"file_id": named[0].id, "file_url": signed_url(simulator, named[0])})


ROUTES: tuple[Route, ...] = (
    Route("POST", "/api/v2/files/getstsToken", announce),
    Route("POST", "/api/v2/files/parse", parse),
    Route("POST", "/api/v2/files/parse/status", parse_status),
    Route("POST", "/api/v2/files/getfilelink", link),
)
