"""Reads the `google.rpc` details of a failed call."""

from collections.abc import Awaitable
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details_pb2
from grpc_status import rpc_status

KINDS: tuple[type[Message], ...] = (
    details_pb2.ErrorInfo,
    details_pb2.RequestInfo,
    details_pb2.RetryInfo,
    details_pb2.BadRequest,
    details_pb2.QuotaFailure,
)


async def failure(call: Awaitable[Any]) -> grpc.aio.AioRpcError:
    """The error of a call that fails."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call did not fail")


async def drained(call: Any, into: list[Any] | None = None) -> list[Any]:
    """All messages of a stream; `into` has them also when the stream fails."""
    messages = [] if into is None else into
    async for message in call:
        messages.append(message)
    return messages


def details(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """The details by kind, each as the part that machines read; the same kind twice fails."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    assert (status.code, status.message) == (error.code().value[0], error.details())
    found = [_unpacked(part) for part in status.details]
    assert len(dict(found)) == len(found)
    return dict(found)


def reason_of(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """Code and reason: what most tests ask."""
    return error.code().name, details(error)["ErrorInfo"][0]


def _unpacked(part: Any) -> tuple[str, Any]:
    for kind in KINDS:
        detail: Any = kind()
        if part.Unpack(detail):
            return kind.__name__, _read(detail)
    raise AssertionError(f"unexpected detail {part.type_url}")


def _read(detail: Any) -> Any:
    match detail:
        case details_pb2.ErrorInfo():
            return detail.reason, detail.domain
        case details_pb2.RequestInfo():
            return detail.request_id
        case details_pb2.RetryInfo():
            return detail.retry_delay.ToMilliseconds() / 1000
        case details_pb2.BadRequest():
            return [violation.field for violation in detail.field_violations]
        case _:
            return len(detail.violations)
