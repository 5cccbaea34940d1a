"""Made pictures and clips: read from an upstream's own hosts, by their signed addresses alone."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

import httpx

from qwen_grpc.errors import InvalidParameter, JobExpired, UpstreamIdleTimeout, UpstreamProtocol, UpstreamTruncated
from qwen_grpc.upstreams.base import Download
from qwen_grpc.upstreams.http import Origin, Reads, refused_status
from qwen_grpc.upstreams.messages import Head, Request, Response

GONE = (403, 404, 410)
NOTHING: Mapping[str, str] = MappingProxyType({})
_content_range = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Results:
    """Downloads. Nothing of a credential goes along, but for `headers` that an adapter has for its own server.

    `allow` raises `UpstreamProtocol` for an address that is not the upstream's own; it is not opened.
    """

    def __init__(self, origin: Origin, allow: Callable[[str], None]) -> None:
        self._origin = origin
        self._allow = allow

    @asynccontextmanager
    async def download(
        self, url: str, *, offset: int = 0, limit: int = 0, headers: Mapping[str, str] = NOTHING
    ) -> AsyncIterator[Download]:
        """Opens a result for reading; see `Upstream.download`."""
        self._allow(url)
        request = self._request(url, offset, limit, headers)
        async with self._origin.exchange(request) as response:
            _check_status(self._origin.name, response)
            start, size = _span(response)
            if start > offset or (start == 0 and size is not None and offset >= size > 0):
                raise _behind_the_end()
            chunks = self._chunks(response, skip=offset - start, limit=limit)
            mime_type = response.headers.get("content-type", "").partition(";")[0].strip()
            yield Download(mime_type, size, response.headers.get("etag", ""), chunks)

    def _request(self, url: str, offset: int, limit: int, headers: Mapping[str, str]) -> Request:
        wanted = {"accept": "*/*", **headers}
        if offset or limit:
            wanted["range"] = f"bytes={offset}-{offset + limit - 1 if limit else ''}"
        return self._origin.request("GET", url, wanted)

    async def _chunks(self, response: Response, *, skip: int, limit: int) -> AsyncGenerator[bytes, None]:
        """What was asked for: a store may ignore a range and send the whole."""
        name, idle_s = self._origin.name, self._origin.clocks.idle_s
        reads, loop, left = Reads(name, response), asyncio.get_running_loop(), limit
        while read := await reads.next(loop.time() + idle_s, UpstreamIdleTimeout):
            skipped, skip = read[skip:], max(0, skip - len(read))
            piece = skipped[:left] if limit else skipped
            if piece:
                yield piece
            left -= len(piece)
            if limit and left <= 0:
                return
        if limit and left == limit:
            raise UpstreamTruncated(f"{name} sent less of the content than was asked for")


def allow(url: str, name: str, base_url: str, suffixes: Sequence[str]) -> None:
    """Raises `UpstreamProtocol` for an address that does not belong to the upstream of that name."""
    if not belongs(url, base_url, suffixes):
        raise UpstreamProtocol(f"{name} named a result on a host that is not its own; it was not opened")


def belongs(url: str, base_url: str, suffixes: Sequence[str]) -> bool:
    """Whether an address lies at an upstream itself, or over https at one of the hosts with these endings."""
    try:
        target, origin = httpx.URL(url), httpx.URL(base_url)
    except httpx.InvalidURL:
        return False
    own = (target.scheme, target.host, target.port) == (origin.scheme, origin.host, origin.port)
    listed = target.scheme == "https" and target.port is None and is_below(target.host, suffixes)
    return not target.userinfo and (own or listed)


def is_below(host: str, suffixes: Sequence[str]) -> bool:
    """Whether a host is one of these, or below one of them."""
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes)


def _check_status(name: str, response: Head) -> None:
    """Raises what a refused download means."""
    status = response.status_code
    if status in GONE:
        raise JobExpired(f"{name} no longer has this content: addresses of results live for a limited time")
    if status == 416:
        raise _behind_the_end()
    if not response.is_success:
        raise refused_status(name, response)


def _span(response: Head) -> tuple[int, int | None]:
    """Where the body begins in the content, and the size of the whole."""
    found = _content_range.fullmatch(response.headers.get("content-range", ""))
    if response.status_code == 206 and found:
        first, _, size = found.groups()
        return int(first), int(size) if size.isdecimal() else None
    length = response.headers.get("content-length", "")
    return 0, int(length) if length.isdecimal() else None


def _behind_the_end() -> InvalidParameter:
    text = "offset is behind the end of the content, whose size DownloadHeader.size_bytes tells"
    return InvalidParameter(text, field="offset")
