"""HAR files (HTTP Archive 1.2), the form in which a browser saves its recorded traffic."""

from datetime import UTC, datetime

import msgspec

from qwen_grpc.credentials.exchange import Exchange, cookie_pairs
from qwen_grpc.credentials.fields import Pairs
from qwen_grpc.errors import InvalidParameter

MAX_BYTES = 64 * 1024 * 1024


class HarPair(msgspec.Struct):
    """A header or a cookie."""

    name: str = ""
    value: str = ""


class HarResponse(msgspec.Struct):
    """What was answered."""

    headers: list[HarPair] = []
    cookies: list[HarPair] = []


class HarRequest(msgspec.Struct):
    """What was asked."""

    method: str = ""
    url: str = ""
    headers: list[HarPair] = []
    cookies: list[HarPair] = []


class HarEntry(msgspec.Struct, rename={"started": "startedDateTime"}):
    """One request and its response."""

    request: HarRequest
    response: HarResponse | None = None
    started: str = ""


class HarLog(msgspec.Struct):
    """The list of entries."""

    entries: list[HarEntry]


class Har(msgspec.Struct):
    """The file; everything that is not named here is skipped without being kept."""

    log: HarLog


def exchanges(data: bytes) -> list[Exchange]:
    """Return the recorded requests, oldest first; raises `InvalidParameter` if this is no HAR file."""
    if len(data) > MAX_BYTES:
        raise InvalidParameter(
            f"this HAR file is larger than {MAX_BYTES} bytes; record only while sending one message, then export again"
        )
    har = _decoded(data)
    if har is None:
        raise InvalidParameter(
            "this is not a readable HAR file; export one with 'Save all as HAR (with sensitive data)' "
            "(docs/credentials.md)"
        )
    return sorted((_exchange(entry) for entry in har.log.entries), key=lambda each: each.started)


def _decoded(data: bytes) -> Har | None:
    try:
        return msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=Har)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _exchange(entry: HarEntry) -> Exchange:
    headers = _pairs(entry.request.headers, lower=True)
    response = entry.response or HarResponse()
    set_cookie = [value for name, value in _pairs(response.headers, lower=True) if name == "set-cookie"]
    return Exchange(
        method=entry.request.method,
        url=entry.request.url,
        headers=headers,
        cookies=_request_cookies(headers) or _pairs(entry.request.cookies),
        # Firefox writes several Set-Cookie headers as the lines of one.
        set_cookies=tuple(
            pair for lines in set_cookie for line in lines.splitlines() for pair in cookie_pairs(line.split(";")[0])
        )
        + _pairs(response.cookies),
        started=_seconds(entry.started),
    )


def _request_cookies(headers: Pairs) -> Pairs:
    # HTTP/2 may split the Cookie header into several.
    return cookie_pairs("; ".join(value for name, value in headers if name == "cookie"))


def _pairs(found: list[HarPair], *, lower: bool = False) -> Pairs:
    return tuple((pair.name.lower() if lower else pair.name, pair.value) for pair in found)


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
