"""Puts files into the site's object store, with the temporary keys of one upload and nothing else of the person's.

The scheme is OSS's V4 as the site's own pages use it, Sep 2026: the payload is
not signed, so a file of any size is streamed.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

from qwen_grpc.errors import UpstreamError, UpstreamProtocol
from qwen_grpc.upstreams.base import Upload
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.http import Origin, refused_status
from qwen_grpc.upstreams.sending import IDLE_S, MAX_UPLOAD_S, sending

SCHEME = "OSS4-HMAC-SHA256"
PAYLOAD = "UNSIGNED-PAYLOAD"
STORE_DOMAIN = ".aliyuncs.com"

_name = re.compile(r"[a-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Keys:
    """What may put one object for some minutes."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object goes. Make it with `checked`: what an answer names is not yet where we connect."""

    bucket: str
    region: str
    endpoint: str
    path: str

    @classmethod
    def checked(cls, bucket: str, region: str, endpoint: str, path: str) -> Self:
        """Raises `UpstreamProtocol` for anything but a bucket of Alibaba Cloud's own store."""
        endpoint = endpoint.removeprefix("https://")
        known = all(_name.fullmatch(name) for name in (bucket, region, endpoint))
        segments = path.split("/")
        if not known or not f".{endpoint}".endswith(STORE_DOMAIN) or not all(_is_plain(part) for part in segments):
            raise UpstreamProtocol(f"{SITE} named a place for the upload that is not in its object store")
        return cls(bucket, region.removeprefix("oss-"), endpoint, path)

    @property
    def resource(self) -> str:
        """The object as the signature and path-style addresses write it."""
        return quote(f"/{self.bucket}/{self.path}")


def _is_plain(segment: str) -> bool:
    return segment not in ("", ".", "..") and segment.isprintable()


def signed_headers(place: Place, keys: Keys, content_type: str, now: datetime) -> dict[str, str]:
    """The headers of a PUT that the store accepts."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": content_type,
        "x-oss-content-sha256": PAYLOAD,
        "x-oss-date": moment,
        "x-oss-security-token": keys.security_token,
    }
    scope = f"{moment[:8]}/{place.region}/oss/aliyun_v4_request"
    signature = _signature(keys.access_key_secret, moment, scope, _canonical(place, headers))
    signed = f"{SCHEME} Credential={keys.access_key_id}/{scope},Signature={signature}"
    return headers | {"Authorization": signed}


def _canonical(place: Place, headers: dict[str, str]) -> str:
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    return f"PUT\n{place.resource}\n\n{lines}\n\n{PAYLOAD}"


def _signature(secret: str, moment: str, scope: str, canonical: str) -> str:
    key = f"aliyun_v4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return hmac.digest(key, f"{SCHEME}\n{moment}\n{scope}\n{digest}".encode(), "sha256").hex()


class ObjectStore(Origin):
    """The store behind the site. `url` replaces its origin; empty means the host that the site names."""

    name = f"the object store of {SITE}"

    def __init__(self, url: str = "", *, idle_s: float = IDLE_S, **options: Any) -> None:
        super().__init__(url or f"https://*{STORE_DOMAIN}", clocks=Clocks(headers_s=MAX_UPLOAD_S), **options)
        self._replaced = bool(url)
        self._idle_s = idle_s

    async def put(
        self, place: Place, keys: Keys, upload: Upload, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Streams a file to its place. An error of `upload.chunks` comes out as it is."""
        headers = signed_headers(place, keys, upload.mime_type, now()) | {"content-length": str(upload.size_bytes)}
        address = self._address(place)
        async with sending(
            self, upload.chunks, lambda body: self.request("PUT", address, headers, body), idle_s=self._idle_s
        ) as response:
            if response.status_code >= 500:
                raise refused_status(self.name, response)
            if response.status_code != 200:
                raise UpstreamError(f"{self.name} refused the file with {response.status_code}")

    def _address(self, place: Place) -> str:
        if self._replaced:
            return f"{self.base_url}{place.resource}"
        return f"https://{place.bucket}.{place.endpoint}/{quote(place.path)}"
