"""From gRPC statuses to HTTP statuses and OpenAI's error objects.

The reason in `google.rpc.ErrorInfo` decides; a status without one comes from
the transport, and its code decides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """How a failure looks to an OpenAI client. `retry`: whether to send the same request again is worthwhile."""

    status: int
    type: str
    code: str
    retry: bool = False


_REQUEST = "invalid_request_error"
_SERVER = "server_error"
_LIMIT = "rate_limit_error"
_BUSY = "service_unavailable_error"

REASONS: dict[str, Row] = {
    "TOKEN_MISSING": Row(401, _REQUEST, "invalid_api_key"),
    "TOKEN_MALFORMED": Row(401, _REQUEST, "invalid_api_key"),
    "CREDENTIAL_EXPIRED": Row(401, "authentication_error", "credential_expired"),
    "ACCESS_DENIED": Row(403, "permission_error", "access_denied"),
    "UPSTREAM_CREDENTIAL_INVALID": Row(502, _SERVER, "upstream_auth"),
    "UPSTREAM_CHALLENGE": Row(403, "permission_error", "upstream_challenge"),
    "QUOTA_EXHAUSTED": Row(429, "insufficient_quota", "quota_exhausted"),
    "RATE_LIMITED": Row(429, _LIMIT, "rate_limit_exceeded", retry=True),
    "TOKEN_QUOTA": Row(429, _LIMIT, "tokens", retry=True),
    "BILLING": Row(402, "insufficient_quota", "billing_hard_limit_reached"),
    "CHAT_BUSY": Row(409, "conflict_error", "chat_busy", retry=True),
    "INVALID_PARAMETER": Row(400, _REQUEST, "invalid_parameter"),
    "CONTEXT_LENGTH": Row(400, _REQUEST, "context_length_exceeded"),
    "CONTENT_FILTERED": Row(400, _REQUEST, "content_filter"),
    "MODEL_NOT_FOUND": Row(404, _REQUEST, "model_not_found"),
    "NOT_FOUND": Row(404, _REQUEST, "not_found"),
    "UNSUPPORTED": Row(400, _REQUEST, "unsupported_parameter"),
    "UPSTREAM_CONNECT": Row(503, _SERVER, "upstream_unavailable", retry=True),
    "UPSTREAM_TLS": Row(502, _SERVER, "upstream_tls"),
    "UPSTREAM_ERROR": Row(502, _SERVER, "upstream_error", retry=True),
    "UPSTREAM_UNAVAILABLE": Row(503, _BUSY, "upstream_unavailable", retry=True),
    "UPSTREAM_REDIRECT": Row(502, _SERVER, "upstream_redirect"),
    "UPSTREAM_HEADERS_TIMEOUT": Row(504, _SERVER, "timeout", retry=True),
    "UPSTREAM_TTFB_TIMEOUT": Row(504, _SERVER, "timeout", retry=True),
    "UPSTREAM_IDLE_TIMEOUT": Row(504, _SERVER, "stream_interrupted"),
    "UPSTREAM_TRUNCATED": Row(502, _SERVER, "stream_interrupted"),
    "UPSTREAM_PROTOCOL": Row(502, _SERVER, "upstream_protocol", retry=True),
    "UPSTREAM_EMPTY": Row(502, _SERVER, "upstream_empty", retry=True),
    "SCHEMA_MISMATCH": Row(502, _SERVER, "schema_mismatch"),
    "CLIENT_DEADLINE": Row(504, _SERVER, "timeout"),
    "CLIENT_TOO_SLOW": Row(408, _SERVER, "client_too_slow"),
    "TOTAL_TIMEOUT": Row(504, _SERVER, "timeout"),
    "OVERLOADED": Row(503, _BUSY, "server_is_overloaded", retry=True),
    "TENANT_LIMIT": Row(429, _LIMIT, "rate_limit_exceeded", retry=True),
    "NO_CREDENTIAL": Row(429, _LIMIT, "no_capacity", retry=True),
    "CIRCUIT_OPEN": Row(503, _BUSY, "upstream_unavailable", retry=True),
    "SHUTTING_DOWN": Row(503, _BUSY, "shutting_down", retry=True),
    "STATE_STORE_UNAVAILABLE": Row(503, _SERVER, "state_unavailable", retry=True),
    "IDEMPOTENCY_KEY_REUSED": Row(422, _REQUEST, "idempotency_key_reused"),
    "IDEMPOTENCY_KEY_IN_USE": Row(409, "conflict_error", "idempotency_key_in_use", retry=True),
    "TOO_LARGE": Row(413, _REQUEST, "request_too_large"),
    "HEADERS_TOO_LARGE": Row(431, _REQUEST, "headers_too_large"),
    "JOB_EXPIRED": Row(410, _REQUEST, "job_expired"),
    "JOB_UNKNOWN_OUTCOME": Row(409, "conflict_error", "unknown_outcome"),
    "LOOP_DETECTED": Row(508, _REQUEST, "loop_detected"),
    "MEDIA_URL_BLOCKED": Row(400, _REQUEST, "invalid_image_url"),
    "INTERNAL": Row(500, _SERVER, "internal_error"),
}

# Statuses that carry no reason of ours: from the transport, a proxy, or a server of another version.
CODES: dict[grpc.StatusCode, Row] = {
    grpc.StatusCode.OK: Row(500, _SERVER, "internal_error"),
    grpc.StatusCode.CANCELLED: Row(499, _SERVER, "cancelled"),
    grpc.StatusCode.UNKNOWN: Row(500, _SERVER, "internal_error"),
    grpc.StatusCode.INVALID_ARGUMENT: Row(400, _REQUEST, "invalid_parameter"),
    grpc.StatusCode.DEADLINE_EXCEEDED: Row(504, _SERVER, "timeout"),
    grpc.StatusCode.NOT_FOUND: Row(404, _REQUEST, "not_found"),
    grpc.StatusCode.ALREADY_EXISTS: Row(409, "conflict_error", "already_exists"),
    grpc.StatusCode.PERMISSION_DENIED: Row(403, "permission_error", "access_denied"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: Row(413, _REQUEST, "request_too_large"),
    grpc.StatusCode.FAILED_PRECONDITION: Row(400, _REQUEST, "failed_precondition"),
    grpc.StatusCode.ABORTED: Row(409, "conflict_error", "aborted", retry=True),
    grpc.StatusCode.OUT_OF_RANGE: Row(400, _REQUEST, "invalid_parameter"),
    grpc.StatusCode.UNIMPLEMENTED: Row(400, _REQUEST, "unsupported_parameter"),
    grpc.StatusCode.INTERNAL: Row(500, _SERVER, "internal_error"),
    grpc.StatusCode.UNAVAILABLE: Row(503, _BUSY, "upstream_unavailable", retry=True),
    grpc.StatusCode.DATA_LOSS: Row(500, _SERVER, "internal_error"),
    grpc.StatusCode.UNAUTHENTICATED: Row(401, _REQUEST, "invalid_api_key"),
}


# What a form calls the fields of an upload's header.
_FORM_NAMES = {
    "header.filename": "file",
    "header.mime_type": "file",
    "header.size_bytes": "file",
    "header.purpose": "purpose",
}


class HttpError(Exception):
    """A failure in OpenAI's terms, ready to be written."""

    def __init__(self, row: Row, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.row = row
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.attempts = ""
        self.answer: str | None = None

    @property
    def body(self) -> Json:
        """`{"error": {message, type, param, code}}`, and `answer` where the model's words are what is wrong."""
        error = {"message": self.message, "type": self.row.type, "param": self.param, "code": self.row.code}
        return {"error": error if self.answer is None else {**error, "answer": self.answer}}

    @property
    def headers(self) -> dict[str, str]:
        """What tells an SDK whether and when to try again. Whole seconds, rounded up."""
        headers = {"x-should-retry": "true" if self.row.retry else "false"}
        if self.retry_after is not None:
            headers["retry-after"] = str(-int(-self.retry_after // 1))
        if self.attempts:
            headers["x-qwen-attempts"] = self.attempts
        return headers


def http_error(error: grpc.aio.AioRpcError) -> HttpError:
    """What a failed call looks like to an OpenAI client."""
    row, param, retry_after = CODES[error.code()], None, None
    facts: Mapping[str, str] = {}
    for detail in _details(error):
        match detail:
            case ErrorInfo():
                row, facts = REASONS.get(detail.reason, row), detail.metadata
            case RetryInfo():
                retry_after = detail.retry_delay.ToMilliseconds() / 1000
            case BadRequest() if detail.field_violations:
                field = detail.field_violations[0].field
                param = _FORM_NAMES.get(field, field)
    # What was made in part would be made twice; and the gateway may have tried as often as it should.
    in_vain = "partial" in facts or ("exhausted" in facts and retry_after is None)
    row = replace(row, retry=row.retry and not in_vain)
    found = HttpError(row, error.details() or row.code, param=param, retry_after=retry_after)
    found.attempts, found.answer = facts.get("attempts", ""), facts.get("answer")
    return found


def _details(error: grpc.aio.AioRpcError) -> Iterator[Any]:
    try:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it reads what both kinds of call have
    except (ValueError, DecodeError):
        # Something on the way has changed the status; its code still counts.
        return
    for packed in status.details if status else ():
        for kind in (ErrorInfo, RetryInfo, BadRequest):
            if packed.Is(kind.DESCRIPTOR):
                detail = kind()
                packed.Unpack(detail)
                yield detail


def bad_request(param: str | None, message: str, code: str) -> HttpError:
    """A 400 that the shim itself finds."""
    return HttpError(Row(400, _REQUEST, code), message, param=param)
