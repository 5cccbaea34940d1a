"""Decoders that accept one spelling only, stop at a limit, and never quote what they were given.

The errors of the standard library keep the whole input (`JSONDecodeError.doc`,
`UnicodeDecodeError.object`). So each failure is turned into a plain value
first and raised outside the `except` block: nothing of the secret hangs on
our error as its cause or context.
"""

import base64
import json
import re
import zlib
from itertools import accumulate
from typing import Any

from qwen_grpc.errors import TokenMalformed, TokenMissing

MAX_TEXT_BYTES = 65_536
MAX_JSON_DEPTH = 8
MAX_JSON_CONTAINERS = 64

FORMS = (
    "a raw JWT (eyJ...), a compressed web session (H4sI...), "
    "or an API key of 1 to 512 printable ASCII characters without spaces"
)

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_GZIP = 31  # zlib's window bits: the largest window (15) in a gzip envelope (+16)

# Possessive, and the closing quote is optional: an unterminated string is consumed in one linear pass.
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^][{}]+")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def missing() -> TokenMissing:
    """The one text about calls without a credential."""
    return TokenMissing(f"no credential came with the call; send 'authorization: Bearer ...' with {FORMS}")


def malformed(what: str) -> TokenMalformed:
    """Return the error for a credential of which `what`, a clause of ours without any part of it, is true."""
    return TokenMalformed(f"this credential cannot be read: {what}; expected {FORMS} (docs/credentials.md)")


def from_base64(text: str) -> bytes:
    """Decode standard base64; raise `TokenMalformed` unless encoding the result gives `text` back."""
    raw = _decoded(text) if _BASE64.fullmatch(text) else None
    if raw is None or base64.b64encode(raw).decode() != text:
        raise malformed("it is not canonical base64 of the standard alphabet, perhaps cut or wrapped when copied")
    return raw


def from_base64url(text: str) -> bytes | None:
    """Decode unpadded base64url; return None unless encoding the result gives `text` back."""
    if not _BASE64URL.fullmatch(text):
        return None
    raw = _decoded(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    if raw is None or base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        return None
    return raw


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def from_gzip(raw: bytes) -> str:
    """Inflate one gzip member of at most 64 KiB of UTF-8; raise `TokenMalformed` for anything more, less or else."""
    stream = zlib.decompressobj(_GZIP)
    inflated = _inflated(stream, raw)
    if inflated is None:
        raise malformed("its base64 does not hold valid gzip")
    if len(inflated) > MAX_TEXT_BYTES:
        raise malformed(f"it inflates to more than {MAX_TEXT_BYTES} bytes")
    if not stream.eof:
        raise malformed("its gzip ends too early, perhaps cut when copied")
    if stream.unused_data:
        raise malformed("bytes follow after its gzip")
    text = _utf8(inflated)
    if text is None:
        raise malformed("its text is not UTF-8")
    return text


def _inflated(stream: "zlib._Decompress", raw: bytes) -> bytes | None:
    try:
        return stream.decompress(raw, MAX_TEXT_BYTES + 1)
    except zlib.error:
        return None


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def json_object(text: str) -> dict[str, Any] | None:
    """Read a JSON object; return None for any other value, repeated keys, NaN, and what is too large or too deep.

    The depth is measured before the reader starts, so that it cannot run out of stack.
    """
    if len(text) > MAX_TEXT_BYTES or not _is_shallow(text):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_shallow(text: str) -> bool:
    brackets = _NO_BRACKETS.sub("", _STRINGS.sub("", text))
    if len(brackets) > 2 * MAX_JSON_CONTAINERS:
        return False
    return max(accumulate(_STEPS[bracket] for bracket in brackets), default=0) <= MAX_JSON_DEPTH


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
