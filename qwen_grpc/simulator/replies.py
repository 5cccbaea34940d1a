"""Answers that are one whole body: JSON envelopes, pages and bare statuses, with the headers of chat.qwen.ai."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec
from sanic import HTTPResponse, Request

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; `actual` is the status that the service means while it sends `status`.

    `site` says that it comes from the site, not from the store of its files, and so has the headers of the site.
    """

    body: dict[str, Any] | bytes
    status: int = 200
    actual: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    site: bool = True


def ok(data: object, headers: Mapping[str, str] | None = None) -> Answer:
    """The success envelope; its request id is filled in when it is sent."""
    return Answer({"success": True, "request_id": "", "data": data}, headers=headers or {})


def refusal(code: str, details: str, *, actual: int = 400, **more: object) -> Answer:
    """The failure envelope: HTTP 200, with the true status in a header only (seen on the live service, Sep 2026)."""
    return Answer(
        {"success": False, "request_id": "", "data": {"code": code, "details": details, **more}}, actual=actual
    )


def request_id(request: Request) -> str:
    """The id that the caller sent, else a new one."""
    return request.headers.get("x-request-id") or str(uuid4())


def headers_of(request: Request, actual: int) -> dict[str, str]:
    """The headers of every answer; `x-request-id` echoes the caller's."""
    return {
        "x-request-id": request_id(request),
        "x-actual-status-code": str(actual),
        "cache-control": "no-cache",
        "x-robots-tag": "noindex",
        "x-frame-options": "SAMEORIGIN",
    }


def render(request: Request, answer: Answer) -> HTTPResponse:
    """Write an answer out, compact, with the request id in its headers and in its envelope."""
    headers = {**(headers_of(request, answer.actual) if answer.site else {}), **answer.headers}
    body = answer.body
    if isinstance(body, dict):
        if "request_id" in body:
            body = {**body, "request_id": headers["x-request-id"]}
        body = msgspec.json.encode(body)
    return HTTPResponse(body, status=answer.status, headers=headers, content_type=answer.content_type)
