"""Delivers made pictures and videos: signed addresses, ranges, and the errors of the store behind them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sanic import Request
from sanic.exceptions import RequestCancelled

from qwen_grpc.simulator.faults import not_found, signed_in, unauthorized
from qwen_grpc.simulator.renderings import PICTURE_HW, Rendering, picture, video
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Simulator, claims_of, make_output_key

PIECE_BYTES = 64 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
XML = "application/xml"


def output_url(simulator: Simulator, user_id: str, path: str, ratio: str = "1:1") -> str:
    """The signed address of a made file under `/output/`, valid as long as the behaviour says."""
    claims = {"id": user_id, "path": path, "ratio": ratio}
    key = make_output_key(claims, simulator.behaviour.output_key_ttl_s, now=simulator.now)
    return f"{simulator.url}/output/{path}?key={key}"


def store_error(status: int, code: str, message: str) -> Answer:
    """An error as the object store words it."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(body.encode(), status=status, actual=status, content_type=XML, site=False)


async def fetch(simulator: Simulator, request: Request, path: str) -> Answer | None:
    """A made file, by its signed address; it asks for no session."""
    claims = claims_of(request.args.get("key", ""))
    if claims.get("path") != path:
        return store_error(403, "AccessDenied", "The key is missing or belongs to another file.")
    if claims["exp"] <= simulator.now():
        return store_error(403, "AccessDenied", "The key has expired.")
    return await deliver(simulator, request, rendering(simulator, path, claims["ratio"]))


async def fetch_of_chat(simulator: Simulator, request: Request, chat_id: str, path: str) -> Answer | None:
    """A file that a tool made inside a chat; its address has no key and asks for the session."""
    user, chat = signed_in(simulator, request), simulator.chats.get(chat_id)
    if user is None:
        return unauthorized()
    if chat is None or chat.user_id != user.id:
        return not_found()
    return await deliver(simulator, request, rendering(simulator, path))


def rendering(simulator: Simulator, path: str, ratio: str = "1:1") -> Rendering:
    """The bytes behind a path, a picture in the pixels of its ratio."""
    if path.endswith(".mp4"):
        return video(path, simulator.behaviour.video_bytes)
    return picture(path, *PICTURE_HW[ratio])


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes to send, and whether the caller asked for this range."""

    start: int
    stop: int
    asked: bool = False


def span(headers: Mapping[str, str], made: Rendering) -> Span | None:
    """What the `Range` header asks for: everything without one or with a stale `If-Range`, None outside the file."""
    found = RANGE.fullmatch(headers.get("range", "").strip())
    if not found or not any(found.groups()) or headers.get("if-range", made.etag) != made.etag:
        return Span(0, made.size)
    first, last = found.groups()
    if not first:
        return Span(max(0, made.size - int(last)), made.size, asked=True) if int(last) else None
    start, stop = int(first), min(made.size, int(last) + 1 if last else made.size)
    return Span(start, stop, asked=True) if start < stop else None


async def deliver(
    simulator: Simulator, request: Request, made: Rendering, *, server: str = "AliyunOSS"
) -> Answer | None:
    """Send a made file or the range of it that is asked for, at the pace of the behaviour."""
    headers = {"etag": made.etag, "accept-ranges": "bytes", "server": server}
    asked = span(request.headers, made)
    if asked is None:
        headers["content-range"] = f"bytes */{made.size}"
        return Answer(b"", status=416, actual=416, content_type=XML, headers=headers, site=False)
    headers["content-length"] = str(asked.stop - asked.start)
    status = 206 if asked.asked else 200
    if asked.asked:
        headers["content-range"] = f"bytes {asked.start}-{asked.stop - 1}/{made.size}"
    if request.method == "HEAD":
        return Answer(b"", status, status, made.content_type, headers, site=False)
    response = await request.respond(status=status, headers=headers, content_type=made.content_type)
    await _send(simulator, request, response, (made, asked))
    return None


async def _send(simulator: Simulator, request: Request, response: Any, part: tuple[Rendering, Span]) -> None:
    """The bytes in pieces; the behaviour may end the connection after some of them."""
    made, asked = part
    cut = simulator.behaviour.output_cut_bytes
    stop = min(asked.stop, asked.start + cut) if cut else asked.stop
    for start in range(asked.start, stop, PIECE_BYTES):
        await response.send(made.piece(start, min(start + PIECE_BYTES, stop)), end_stream=False)
        await asyncio.sleep(simulator.behaviour.output_pace_s)
    if stop < asked.stop and request.transport is not None:
        request.transport.close()
        raise RequestCancelled


ROUTES: tuple[Route, ...] = (
    Route("GET", "/output/<path:path>", fetch),
    Route("HEAD", "/output/<path:path>", fetch),
    Route("GET", "/api/v2/chat/<chat_id:str>/<path:path>", fetch_of_chat),
)
