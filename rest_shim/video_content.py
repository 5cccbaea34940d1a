"""GET /v1/videos/{id}/content: the bytes of a clip, whole or a range of them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from sanic import HTTPResponse

from qwen_grpc.v1 import videos_pb2 as pb
from rest_shim.errors import bad_request
from rest_shim.exchange import Exchange

_range = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes that are sent, of `size` in all."""

    start: int
    stop: int
    size: int

    @property
    def label(self) -> str:
        """As Content-Range says it."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


async def get_content(exchange: Exchange, video_id: str) -> HTTPResponse | None:
    """Streams a clip. One range is understood; several, and one behind a changed `If-Range`, give the whole."""
    if (exchange.request.args.get("variant") or "video") != "video":
        text = "Invalid value for 'variant': there is only the video."
        raise bad_request("variant", text, "unsupported_parameter")
    asked = _range.fullmatch(exchange.request.headers.get("range", "").strip())
    if not asked or not any(asked.groups()):
        await _send(exchange, pb.DownloadVideoRequest(video_id=video_id), None)
        return None
    header = await _header(exchange, video_id)
    if not header.HasField("size_bytes") or not _unchanged(exchange, header):
        await _send(exchange, pb.DownloadVideoRequest(video_id=video_id), None)
        return None
    span = span_of(*asked.groups(), size=header.size_bytes)
    if span is None:
        return HTTPResponse(status=416, headers={"content-range": f"bytes */{header.size_bytes}"})
    request = pb.DownloadVideoRequest(video_id=video_id, offset=span.start, limit=span.stop - span.start)
    await _send(exchange, request, span)
    return None


def span_of(first: str, last: str, *, size: int) -> Span | None:
    """The bytes that a range means, or None when it lies behind the end."""
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
    return Span(start, stop, size) if start < stop else None


def _unchanged(exchange: Exchange, header: pb.DownloadHeader) -> bool:
    return exchange.request.headers.get("if-range", header.etag) == header.etag


async def _header(exchange: Exchange, video_id: str) -> pb.DownloadHeader:
    """What the content is like, at the price of its first byte."""
    async with _pieces(exchange, pb.DownloadVideoRequest(video_id=video_id, limit=1)) as pieces:
        header: pb.DownloadHeader = (await anext(pieces)).header
        async for _ in pieces:
            pass
        return header


@asynccontextmanager
async def _pieces(exchange: Exchange, request: pb.DownloadVideoRequest) -> AsyncIterator[Any]:
    timeout = exchange.timeout
    call: Any = exchange.stubs.videos.DownloadVideo(request, metadata=exchange.metadata, timeout=timeout)
    try:
        yield aiter(call)
    finally:
        call.cancel()


async def _send(exchange: Exchange, request: pb.DownloadVideoRequest, span: Span | None) -> None:
    """A failure before the first byte is a true HTTP status; later, the connection ends before the announced length."""
    async with _pieces(exchange, request) as pieces:
        header = (await anext(pieces)).header
        response: Any = await exchange.request.respond(
            status=206 if span else 200,
            headers=_headers(header, span),
            content_type=header.mime_type or "application/octet-stream",
        )
        try:
            async for piece in pieces:
                await response.send(piece.data)
        except grpc.aio.AioRpcError:
            _break_off(exchange)
            return
        await response.eof()


def _headers(header: pb.DownloadHeader, span: Span | None) -> dict[str, str]:
    headers = {"accept-ranges": "bytes", "content-disposition": f'attachment; filename="{header.filename}"'}
    if header.etag:
        headers["etag"] = header.etag
    if span:
        headers |= {"content-range": span.label, "content-length": str(span.stop - span.start)}
    elif header.HasField("size_bytes"):
        headers["content-length"] = str(header.size_bytes)
    return headers


def _break_off(exchange: Exchange) -> None:
    transport: Any = exchange.request.transport
    if transport is not None:
        transport.abort()
