import base64
import gzip
import json
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def make_jwt() -> Callable[..., str]:
    """Build an unsigned stand-in for an access token with these claims."""

    def make(**claims: object) -> str:
        parts = (json.dumps({"alg": "HS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), b"signature")
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

    return make


@pytest.fixture(scope="session")
def compressed() -> Callable[[str | bytes], str]:
    """Base64 of gzip of a text, as a browser snippet makes it."""

    def compress(text: str | bytes) -> str:
        raw = text.encode() if isinstance(text, str) else text
        return base64.b64encode(gzip.compress(raw, mtime=0)).decode()

    return compress
