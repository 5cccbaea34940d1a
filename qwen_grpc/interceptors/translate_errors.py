"""Turns our errors into statuses, and is the wall that no other text passes."""

import grpc
import structlog
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from qwen_grpc.calls import REQUEST_ID, Call
from qwen_grpc.errors import DOMAIN, Internal, QuotaExhausted, QwenError, TenantLimit

# Status texts travel as headers, percent-encoded; clients limit those to 8 KB.
MAX_TEXT_BYTES = 1024
# Milliseconds until a retry, or a negative number for none: understood by gRPC's own clients.
PUSHBACK = "grpc-retry-pushback-ms"
log = structlog.get_logger()


class TranslateErrors:
    """Ends a failed call with its code and `google.rpc` details; unforeseen failures show nothing of themselves."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, kind: object, error: BaseException | None, tb: object) -> None:
        call = self._call
        if isinstance(error, QwenError):
            await _abort(call, error)
        elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            log.exception("unforeseen failure", rpc=call.method, request_id=call.request_id)
            await _abort(call, Internal(f"internal error; the log of the server explains it under {call.request_id}"))


async def _abort(call: Call, error: QwenError) -> None:
    call.code, call.reason = error.code, error.reason
    status = rpc_status.to_status(status_of(error, call.request_id))
    trailers = ((REQUEST_ID, call.request_id), *_pushback(error), *status.trailing_metadata)
    await call.context.abort(error.code, status.details, trailers)


def _pushback(error: QwenError) -> tuple[tuple[str, str], ...]:
    """What keeps a client of gRPC that retries by itself from doing so in vain, or too soon."""
    if not error.worth_retrying:
        return ((PUSHBACK, "-1"),)
    return () if error.retry_after is None else ((PUSHBACK, str(round(error.retry_after * 1000))),)


def status_of(error: QwenError, request_id: str) -> Status:
    """The `google.rpc.Status` of an error: reason, request id, and what the kind of error adds."""
    details: list[Message] = [
        ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.facts),
        RequestInfo(request_id=request_id),
    ]
    if error.retry_after is not None:
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(round(error.retry_after * 1000))
        details.append(retry)
    if error.field:
        violation = BadRequest.FieldViolation(field=error.field, description=clipped(error.message))
        details.append(BadRequest(field_violations=[violation]))
    if isinstance(error, QuotaExhausted | TenantLimit):
        details.append(QuotaFailure(violations=[QuotaFailure.Violation(description=clipped(error.message))]))
    return Status(code=error.code.value[0], message=clipped(error.message), details=[_packed(part) for part in details])


def clipped(text: str) -> str:
    """At most 1 KiB of a text, cut between characters."""
    return text.encode(errors="replace")[:MAX_TEXT_BYTES].decode(errors="ignore")


def _packed(part: Message) -> Any:
    packed = Any()
    packed.Pack(part)
    return packed
