"""How the object store signs an upload: its V1 and V4 schemes as pure functions, to check what callers send."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

PAYLOAD = "UNSIGNED-PAYLOAD"
SCHEME = "OSS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Upload:
    """A PUT as the store sees it: its headers with lower-case names, and the object as `/bucket/path`."""

    resource: str
    headers: Mapping[str, str]

    def signed_headers(self) -> list[tuple[str, str]]:
        """The headers that V4 signs: the content's own and every `x-oss-*`, sorted."""
        return sorted((name, value.strip()) for name, value in self.headers.items() if _is_signed(name))


def _is_signed(name: str) -> bool:
    return name in ("content-type", "content-md5") or name.startswith("x-oss-")


def canonical_v4(upload: Upload) -> str:
    """The canonical request of V4: no query, no additional headers, the payload unsigned."""
    lines = "".join(f"{name}:{value}\n" for name, value in upload.signed_headers())
    return f"PUT\n{quote(upload.resource)}\n\n{lines}\n\n{PAYLOAD}"


def sign_v4(upload: Upload, secret: str, region: str) -> str:
    """The hex signature of V4; the moment is the header `x-oss-date`, the region has no `oss-` in front."""
    moment = upload.headers.get("x-oss-date", "")
    scope = f"{moment[:8]}/{region}/oss/aliyun_v4_request"
    digest = hashlib.sha256(canonical_v4(upload).encode()).hexdigest()
    key = f"aliyun_v4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return hmac.digest(key, f"{SCHEME}\n{moment}\n{scope}\n{digest}".encode(), hashlib.sha256).hex()


def sign_v1(upload: Upload, secret: str) -> str:
    """The Base64 signature of V1; the moment is the header `Date`."""
    own = sorted((name, value.strip()) for name, value in upload.headers.items() if name.startswith("x-oss-"))
    head = [upload.headers.get(name, "") for name in ("content-md5", "content-type", "date")]
    lines = ["PUT", *head, *(f"{name}:{value}" for name, value in own), upload.resource]
    return base64.b64encode(hmac.digest(secret.encode(), "\n".join(lines).encode(), hashlib.sha1)).decode()


def authorization_v4(upload: Upload, key_id: str, secret: str, region: str) -> str:
    """The whole `Authorization` header of V4."""
    scope = f"{upload.headers.get('x-oss-date', '')[:8]}/{region}/oss/aliyun_v4_request"
    return f"{SCHEME} Credential={key_id}/{scope},Signature={sign_v4(upload, secret, region)}"


def authorization_v1(upload: Upload, key_id: str, secret: str) -> str:
    """The whole `Authorization` header of V1."""
    return f"OSS {key_id}:{sign_v1(upload, secret)}"
