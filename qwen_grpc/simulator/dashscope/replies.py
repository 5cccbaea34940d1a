"""Whole answers of DashScope: its ids, its headers, its two dialects of an error."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import msgspec

from qwen_grpc.simulator.dashscope.faults import Fault
from qwen_grpc.simulator.replies import JSON, Answer
from qwen_grpc.simulator.state import Simulator

UUID_CHARACTERS = 36


def new_id(simulator: Simulator) -> str:
    """A request id: a UUID whose version digit is 9 (as recorded in June 2026)."""
    made = simulator.new_id()
    return f"{made[:14]}9{made[15:]}" if len(made) == UUID_CHARACTERS else made


def headers(simulator: Simulator, request_id: str, *, timeout_s: int = 298) -> dict[str, str]:
    """The headers of an answer; the times are epoch milliseconds, an empty id is not told."""
    now_ms = str(int(simulator.now() * 1000))
    told = {"x-request-id": request_id} if request_id else {}
    return {
        **told,
        "x-dashscope-call-gateway": "true",
        "x-dashscope-finished": "true",
        "x-dashscope-timeout": str(timeout_s),
        "req-arrive-time": now_ms,
        "resp-start-time": now_ms,
        "req-cost-time": "0",
        "server": "istio-envoy",
    }


def answer(body: object, told: Mapping[str, str], *, status: int = 200) -> Answer:
    """A JSON answer."""
    return whole(msgspec.json.encode(body), told, status=status)


def whole(body: bytes, told: Mapping[str, str], *, status: int = 200, content_type: str = JSON) -> Answer:
    """An answer of any bytes."""
    return Answer(body, status=status, actual=status, content_type=content_type, headers=told, site=False)


def compressed(body: object, told: Mapping[str, str]) -> Answer:
    """A JSON answer, compressed."""
    told = {**told, "content-encoding": "gzip", "vary": "Accept-Encoding"}
    return whole(gzip.compress(msgspec.json.encode(body)), told)


def error(fault: Fault, request_id: str, dialect: str) -> dict[str, Any]:
    """The body of an error."""
    if dialect == "native":
        return {"code": fault.code, "message": fault.message, "request_id": request_id}
    return {"error": compat_error(fault), "id": f"chatcmpl-{request_id}", "request_id": request_id}


def compat_error(fault: Fault) -> dict[str, Any]:
    """The error object of the compatible dialect."""
    return {
        "message": fault.compat_message or fault.message,
        "type": fault.type,
        "param": None,
        "code": fault.compat_code or fault.code,
    }


def error_frame(fault: Fault, request_id: str, number: int | None = None) -> bytes:
    """An error as an event of the native stream; one that leaks into the other dialect has no number."""
    head = "" if number is None else f"id:{number}\n"
    body = msgspec.json.encode(error(fault, request_id, "native")).decode()
    return f"{head}event:error\n:HTTP_STATUS/{fault.status}\ndata:{body}\n\n".encode()
