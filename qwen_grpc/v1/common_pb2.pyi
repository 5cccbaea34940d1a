from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_MALFORMED: _ClassVar[ErrorReason]
    ERROR_REASON_CREDENTIAL_EXPIRED: _ClassVar[ErrorReason]
    ERROR_REASON_ACCESS_DENIED: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_CREDENTIAL_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_CHALLENGE: _ClassVar[ErrorReason]
    ERROR_REASON_QUOTA_EXHAUSTED: _ClassVar[ErrorReason]
    ERROR_REASON_RATE_LIMITED: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_QUOTA: _ClassVar[ErrorReason]
    ERROR_REASON_BILLING: _ClassVar[ErrorReason]
    ERROR_REASON_CHAT_BUSY: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_PARAMETER: _ClassVar[ErrorReason]
    ERROR_REASON_CONTEXT_LENGTH: _ClassVar[ErrorReason]
    ERROR_REASON_CONTENT_FILTERED: _ClassVar[ErrorReason]
    ERROR_REASON_MODEL_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_UNSUPPORTED: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_CONNECT: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_TLS: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_ERROR: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_REDIRECT: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_HEADERS_TIMEOUT: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_TTFB_TIMEOUT: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_IDLE_TIMEOUT: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_TRUNCATED: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_PROTOCOL: _ClassVar[ErrorReason]
    ERROR_REASON_UPSTREAM_EMPTY: _ClassVar[ErrorReason]
    ERROR_REASON_CLIENT_DEADLINE: _ClassVar[ErrorReason]
    ERROR_REASON_CLIENT_TOO_SLOW: _ClassVar[ErrorReason]
    ERROR_REASON_OVERLOADED: _ClassVar[ErrorReason]
    ERROR_REASON_TENANT_LIMIT: _ClassVar[ErrorReason]
    ERROR_REASON_NO_CREDENTIAL: _ClassVar[ErrorReason]
    ERROR_REASON_CIRCUIT_OPEN: _ClassVar[ErrorReason]
    ERROR_REASON_SHUTTING_DOWN: _ClassVar[ErrorReason]
    ERROR_REASON_STATE_STORE_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_IDEMPOTENCY_KEY_REUSED: _ClassVar[ErrorReason]
    ERROR_REASON_TOO_LARGE: _ClassVar[ErrorReason]
    ERROR_REASON_HEADERS_TOO_LARGE: _ClassVar[ErrorReason]
    ERROR_REASON_JOB_EXPIRED: _ClassVar[ErrorReason]
    ERROR_REASON_JOB_UNKNOWN_OUTCOME: _ClassVar[ErrorReason]
    ERROR_REASON_LOOP_DETECTED: _ClassVar[ErrorReason]
    ERROR_REASON_MEDIA_URL_BLOCKED: _ClassVar[ErrorReason]
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    ERROR_REASON_SCHEMA_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_IDEMPOTENCY_KEY_IN_USE: _ClassVar[ErrorReason]
    ERROR_REASON_TOTAL_TIMEOUT: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_TOKEN_MISSING: ErrorReason
ERROR_REASON_TOKEN_MALFORMED: ErrorReason
ERROR_REASON_CREDENTIAL_EXPIRED: ErrorReason
ERROR_REASON_ACCESS_DENIED: ErrorReason
ERROR_REASON_UPSTREAM_CREDENTIAL_INVALID: ErrorReason
ERROR_REASON_UPSTREAM_CHALLENGE: ErrorReason
ERROR_REASON_QUOTA_EXHAUSTED: ErrorReason
ERROR_REASON_RATE_LIMITED: ErrorReason
ERROR_REASON_TOKEN_QUOTA: ErrorReason
ERROR_REASON_BILLING: ErrorReason
ERROR_REASON_CHAT_BUSY: ErrorReason
ERROR_REASON_INVALID_PARAMETER: ErrorReason
ERROR_REASON_CONTEXT_LENGTH: ErrorReason
ERROR_REASON_CONTENT_FILTERED: ErrorReason
ERROR_REASON_MODEL_NOT_FOUND: ErrorReason
ERROR_REASON_NOT_FOUND: ErrorReason
ERROR_REASON_UNSUPPORTED: ErrorReason
ERROR_REASON_UPSTREAM_CONNECT: ErrorReason
ERROR_REASON_UPSTREAM_TLS: ErrorReason
ERROR_REASON_UPSTREAM_ERROR: ErrorReason
ERROR_REASON_UPSTREAM_UNAVAILABLE: ErrorReason
ERROR_REASON_UPSTREAM_REDIRECT: ErrorReason
ERROR_REASON_UPSTREAM_HEADERS_TIMEOUT: ErrorReason
ERROR_REASON_UPSTREAM_TTFB_TIMEOUT: ErrorReason
ERROR_REASON_UPSTREAM_IDLE_TIMEOUT: ErrorReason
ERROR_REASON_UPSTREAM_TRUNCATED: ErrorReason
ERROR_REASON_UPSTREAM_PROTOCOL: ErrorReason
ERROR_REASON_UPSTREAM_EMPTY: ErrorReason
ERROR_REASON_CLIENT_DEADLINE: ErrorReason
ERROR_REASON_CLIENT_TOO_SLOW: ErrorReason
ERROR_REASON_OVERLOADED: ErrorReason
ERROR_REASON_TENANT_LIMIT: ErrorReason
ERROR_REASON_NO_CREDENTIAL: ErrorReason
ERROR_REASON_CIRCUIT_OPEN: ErrorReason
ERROR_REASON_SHUTTING_DOWN: ErrorReason
ERROR_REASON_STATE_STORE_UNAVAILABLE: ErrorReason
ERROR_REASON_IDEMPOTENCY_KEY_REUSED: ErrorReason
ERROR_REASON_TOO_LARGE: ErrorReason
ERROR_REASON_HEADERS_TOO_LARGE: ErrorReason
ERROR_REASON_JOB_EXPIRED: ErrorReason
ERROR_REASON_JOB_UNKNOWN_OUTCOME: ErrorReason
ERROR_REASON_LOOP_DETECTED: ErrorReason
ERROR_REASON_MEDIA_URL_BLOCKED: ErrorReason
ERROR_REASON_INTERNAL: ErrorReason
ERROR_REASON_SCHEMA_MISMATCH: ErrorReason
ERROR_REASON_IDEMPOTENCY_KEY_IN_USE: ErrorReason
ERROR_REASON_TOTAL_TIMEOUT: ErrorReason

class Media(_message.Message):
    __slots__ = ("url", "data", "file_id", "mime_type", "filename")
    URL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    url: str
    data: bytes
    file_id: str
    mime_type: str
    filename: str
    def __init__(self, url: _Optional[str] = ..., data: _Optional[bytes] = ..., file_id: _Optional[str] = ..., mime_type: _Optional[str] = ..., filename: _Optional[str] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens", "estimated", "extra_json")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    estimated: bool
    extra_json: str
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., total_tokens: _Optional[int] = ..., cached_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., estimated: bool = ..., extra_json: _Optional[str] = ...) -> None: ...
