"""Made pictures and clips: read from the site's own hosts, by their signed addresses alone."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx

from qwen_grpc.errors import InvalidParameter, JobExpired, UpstreamIdleTimeout, UpstreamTruncated
from qwen_grpc.upstreams.base import Download
from qwen_grpc.upstreams.chat_qwen_ai.hosts import allow
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE
from qwen_grpc.upstreams.chat_qwen_ai.site import Site
from qwen_grpc.upstreams.http import Reads, refused_status

GONE = (403, 404, 410)
_content_range = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Results:
    """Downloads. Nothing of a caller's session goes along."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @asynccontextmanager
    async def download(self, url: str, *, offset: int = 0, limit: int = 0) -> AsyncIterator[Download]:
        """Opens a result for reading; see `Upstream.download`."""
        request = self._request(url, offset, limit)
        async with self._site.exchange(request) as response:
            check_status(response)
            start, size = _span(response)
            if start > offset or (start == 0 and size is not None and offset >= size > 0):
                raise _behind_the_end()
            chunks = self._chunks(response, skip=offset - start, limit=limit)
            mime_type = response.headers.get("content-type", "").partition(";")[0].strip()
            yield Download(mime_type, size, response.headers.get("etag", ""), chunks)

    def _request(self, url: str, offset: int, limit: int) -> httpx.Request:
        allow(url, self._site.base_url)
        headers = {"accept": "*/*"}
        if offset or limit:
            headers["range"] = f"bytes={offset}-{offset + limit - 1 if limit else ''}"
        return self._site.request("GET", url, headers)

    async def _chunks(self, response: httpx.Response, *, skip: int, limit: int) -> AsyncGenerator[bytes, None]:
        """What was asked for: the site's store may ignore a range and send the whole."""
        reads, loop, left = Reads(SITE, response), asyncio.get_running_loop(), limit
        while read := await reads.next(loop.time() + self._site.clocks.idle_s, UpstreamIdleTimeout):
            skipped, skip = read[skip:], max(0, skip - len(read))
            piece = skipped[:left] if limit else skipped
            if piece:
                yield piece
            left -= len(piece)
            if limit and left <= 0:
                return
        if limit and left == limit:
            raise UpstreamTruncated(f"{SITE} sent less of the content than was asked for")


def check_status(response: httpx.Response) -> None:
    """Raises what a refused download means."""
    status = response.status_code
    if status in GONE:
        raise JobExpired(f"{SITE} no longer has this content: addresses of results live for a limited time")
    if status == 416:
        raise _behind_the_end()
    if not response.is_success:
        raise refused_status(SITE, response)


def _span(response: httpx.Response) -> tuple[int, int | None]:
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
