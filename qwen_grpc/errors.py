"""What can go wrong, as one class per reason.

    QwenError
    ├── the caller     TokenMissing TokenMalformed InvalidParameter ModelNotFound NotFound Unsupported
    │                  ContextLength ContentFiltered TooLarge ClientDeadline ClientTooSlow
    │                  IdempotencyKeyReused IdempotencyKeyInUse LoopDetected MediaUrlBlocked JobExpired
    │                  JobUnknownOutcome
    ├── the account    CredentialExpired AccessDenied UpstreamChallenge QuotaExhausted RateLimited TokenQuota
    │                  Billing ChatBusy
    ├── the upstream   UpstreamConnect UpstreamTls UpstreamError (UpstreamCrashed) UpstreamUnavailable
    │                  UpstreamRedirect UpstreamHeadersTimeout UpstreamTtfbTimeout UpstreamIdleTimeout
    │                  UpstreamTruncated UpstreamProtocol UpstreamEmpty SchemaMismatch
    └── the gateway    UpstreamCredentialInvalid NoCredential TenantLimit CircuitOpen Overloaded TotalTimeout
                       ShuttingDown StateStoreUnavailable Internal

Every class names its gRPC code and its reason, which is the word of
`qwen.v1.ErrorReason`. Messages are written by us and safe to show: they say
what happened, what was expected and what to do, and never hold an upstream's
own text, a prompt or a credential.
"""

from typing import ClassVar

from grpc import StatusCode

DOMAIN = "qwen.v1"


class QwenError(Exception):
    """A failure that the caller may see as it is.

    `retry_after` is a number of seconds; `field` is the path of the request
    field that is wrong, such as `messages[2].role`; `facts` are further words
    for the error's metadata.
    """

    code: ClassVar[StatusCode] = StatusCode.INTERNAL
    reason: ClassVar[str] = "INTERNAL"
    # Whether the same request may go well a little later.
    again: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None, field: str = "", **facts: str) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.field = field
        self.facts = facts

    @property
    def worth_retrying(self) -> bool:
        """Whether the caller should send the same request once more.

        Not when something was made already, and not when the gateway itself
        has tried as often as it may and nobody said when that would end.
        """
        spent = "exhausted" in self.facts and self.retry_after is None
        return self.again and "partial" not in self.facts and not spent


# -- the caller ---------------------------------------------------------------------------------------------------


class TokenMissing(QwenError):
    """No credential came with the call."""

    code, reason = StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"


class TokenMalformed(QwenError):
    """The credential does not decode, or holds bytes that no header may carry."""

    code, reason = StatusCode.UNAUTHENTICATED, "TOKEN_MALFORMED"


class InvalidParameter(QwenError):
    """A field of the request is wrong."""

    code, reason = StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER"


class ModelNotFound(QwenError):
    """No upstream has this model."""

    code, reason = StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"


class NotFound(QwenError):
    """No such chat, job or file, or it is somebody else's."""

    code, reason = StatusCode.NOT_FOUND, "NOT_FOUND"


class Unsupported(QwenError):
    """Neither the upstream nor this version can do that."""

    code, reason = StatusCode.UNIMPLEMENTED, "UNSUPPORTED"


class ContextLength(QwenError):
    """The prompt is longer than the model or the upstream takes."""

    code, reason = StatusCode.INVALID_ARGUMENT, "CONTEXT_LENGTH"


class ContentFiltered(QwenError):
    """The upstream refused the content before it wrote any text."""

    code, reason = StatusCode.INVALID_ARGUMENT, "CONTENT_FILTERED"


class TooLarge(QwenError):
    """The request is over the gateway's size limit."""

    code, reason = StatusCode.RESOURCE_EXHAUSTED, "TOO_LARGE"


class IdempotencyKeyReused(QwenError):
    """The same idempotency key came with another request."""

    code, reason = StatusCode.INVALID_ARGUMENT, "IDEMPOTENCY_KEY_REUSED"


class IdempotencyKeyInUse(QwenError):
    """The first request with the same idempotency key is still being served."""

    code, reason, again = StatusCode.ABORTED, "IDEMPOTENCY_KEY_IN_USE", True


class LoopDetected(QwenError):
    """The gateway is its own upstream, or its upstream's."""

    code, reason = StatusCode.FAILED_PRECONDITION, "LOOP_DETECTED"


class MediaUrlBlocked(QwenError):
    """A media URL may not be fetched."""

    code, reason = StatusCode.INVALID_ARGUMENT, "MEDIA_URL_BLOCKED"


class JobExpired(QwenError):
    """The result of a job is gone upstream."""

    code, reason = StatusCode.NOT_FOUND, "JOB_EXPIRED"


class JobUnknownOutcome(QwenError):
    """It is not known whether the upstream has the job."""

    code, reason = StatusCode.ABORTED, "JOB_UNKNOWN_OUTCOME"


class ClientDeadline(QwenError):
    """The caller's own deadline passed."""

    code, reason = StatusCode.DEADLINE_EXCEEDED, "CLIENT_DEADLINE"


class ClientTooSlow(QwenError):
    """The caller does not read what is sent."""

    code, reason = StatusCode.RESOURCE_EXHAUSTED, "CLIENT_TOO_SLOW"


# -- the account --------------------------------------------------------------------------------------------------


class CredentialExpired(QwenError):
    """The upstream no longer accepts the credential."""

    code, reason = StatusCode.UNAUTHENTICATED, "CREDENTIAL_EXPIRED"


class AccessDenied(QwenError):
    """The account may not use this model or feature."""

    code, reason = StatusCode.PERMISSION_DENIED, "ACCESS_DENIED"


class UpstreamChallenge(QwenError):
    """A bot check stands before the upstream; only a person may pass it."""

    code, reason = StatusCode.FAILED_PRECONDITION, "UPSTREAM_CHALLENGE"


class QuotaExhausted(QwenError):
    """The account's quota is used up for hours."""

    code, reason = StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED"


class RateLimited(QwenError):
    """The upstream asked this account to slow down."""

    code, reason, again = StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", True


class TokenQuota(QwenError):
    """The upstream limits the account's tokens per minute."""

    code, reason, again = StatusCode.RESOURCE_EXHAUSTED, "TOKEN_QUOTA", True


class Billing(QwenError):
    """The account has to be paid first."""

    code, reason = StatusCode.FAILED_PRECONDITION, "BILLING"


class ChatBusy(QwenError):
    """An answer is still being made in the same stored chat."""

    code, reason, again = StatusCode.ABORTED, "CHAT_BUSY", True


# -- the upstream -------------------------------------------------------------------------------------------------


class UpstreamConnect(QwenError):
    """The upstream cannot be reached."""

    code, reason, again = StatusCode.UNAVAILABLE, "UPSTREAM_CONNECT", True


class UpstreamTls(QwenError):
    """The upstream's certificate is not valid."""

    code, reason = StatusCode.UNAVAILABLE, "UPSTREAM_TLS"


class UpstreamError(QwenError):
    """The upstream says that it failed."""

    code, reason, again = StatusCode.UNAVAILABLE, "UPSTREAM_ERROR", True


class UpstreamCrashed(UpstreamError):
    """The upstream answered 500."""

    code = StatusCode.INTERNAL


class UpstreamUnavailable(QwenError):
    """The upstream answered 502, 503 or 504."""

    code, reason, again = StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", True


class UpstreamRedirect(QwenError):
    """The upstream sent us elsewhere; credentials do not follow."""

    code, reason = StatusCode.UNAVAILABLE, "UPSTREAM_REDIRECT"


class UpstreamHeadersTimeout(QwenError):
    """The upstream took the request and sent no response headers in time."""

    code, reason, again = StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_HEADERS_TIMEOUT", True


class UpstreamTtfbTimeout(QwenError):
    """The upstream sent headers and then no first event in time."""

    code, reason, again = StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TTFB_TIMEOUT", True


class UpstreamIdleTimeout(QwenError):
    """The upstream fell silent in the middle of an answer."""

    code, reason = StatusCode.UNAVAILABLE, "UPSTREAM_IDLE_TIMEOUT"


class UpstreamTruncated(QwenError):
    """The upstream's stream ended without a finish reason."""

    code, reason = StatusCode.UNAVAILABLE, "UPSTREAM_TRUNCATED"


class UpstreamProtocol(QwenError):
    """The upstream sent something that its protocol does not have."""

    code, reason, again = StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL", True


class UpstreamEmpty(QwenError):
    """The upstream answered with nothing."""

    code, reason, again = StatusCode.UNAVAILABLE, "UPSTREAM_EMPTY", True


class SchemaMismatch(QwenError):
    """The answer is not in the demanded form, even after a correction was asked for.

    Not UNAVAILABLE: gRPC's own retries would pay for two turns more. `facts`
    hold the beginning of the `answer` and the `complaint`.
    """

    code, reason = StatusCode.INTERNAL, "SCHEMA_MISMATCH"


# -- the gateway --------------------------------------------------------------------------------------------------


class UpstreamCredentialInvalid(QwenError):
    """A credential of the operator was refused."""

    code, reason = StatusCode.INTERNAL, "UPSTREAM_CREDENTIAL_INVALID"


class NoCredential(QwenError):
    """All credentials that could serve this are left alone for a while."""

    code, reason, again = StatusCode.RESOURCE_EXHAUSTED, "NO_CREDENTIAL", True


class TenantLimit(QwenError):
    """The caller's own limit at the gateway was reached."""

    code, reason, again = StatusCode.RESOURCE_EXHAUSTED, "TENANT_LIMIT", True


class CircuitOpen(QwenError):
    """The upstream failed too often just now."""

    code, reason, again = StatusCode.UNAVAILABLE, "CIRCUIT_OPEN", True


class Overloaded(QwenError):
    """The gateway's own limit on parallel work was reached."""

    code, reason, again = StatusCode.UNAVAILABLE, "OVERLOADED", True


class TotalTimeout(QwenError):
    """The call took longer than any call may."""

    code, reason = StatusCode.DEADLINE_EXCEEDED, "TOTAL_TIMEOUT"


class ShuttingDown(QwenError):
    """The gateway is draining."""

    code, reason, again = StatusCode.UNAVAILABLE, "SHUTTING_DOWN", True


class StateStoreUnavailable(QwenError):
    """The ledger of jobs, files and responses cannot be read or written."""

    code, reason, again = StatusCode.UNAVAILABLE, "STATE_STORE_UNAVAILABLE", True


class Internal(QwenError):
    """A bug of ours; the text is neutral and the log has the rest."""

    code, reason = StatusCode.INTERNAL, "INTERNAL"
