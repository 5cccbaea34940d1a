"""How a call fails: one class for each kind of remedy, with the contract's reason inside.

QwenError
├── RequestRefused   something in the request has to change
├── AccountRefused   somebody has to see to the credential or the account
├── Limited          too much at once, or for today: `retry_after` says how long to wait
├── UpstreamFailed   the Qwen behind the gateway failed
├── GatewayFailed    the gateway failed, or cannot be reached
└── DeadlinePassed   it took longer than the caller allowed
"""

from typing import ClassVar

from grpclib.const import Status

from qwen_grpc.client.details import Details

# As `ErrorReason` says of them: the same request may succeed later.
WORTH_A_RETRY = frozenset(
    {
        *("RATE_LIMITED", "TOKEN_QUOTA", "CHAT_BUSY", "UPSTREAM_CONNECT", "UPSTREAM_ERROR", "UPSTREAM_UNAVAILABLE"),
        *("UPSTREAM_EMPTY", "OVERLOADED", "TENANT_LIMIT", "NO_CREDENTIAL", "CIRCUIT_OPEN", "SHUTTING_DOWN"),
        *("STATE_STORE_UNAVAILABLE", "UPSTREAM_HEADERS_TIMEOUT", "UPSTREAM_TTFB_TIMEOUT", "UPSTREAM_PROTOCOL"),
        "IDEMPOTENCY_KEY_IN_USE",
        # The connection failed; no gateway gave a reason.
        Status.UNAVAILABLE.name,
    }
)


class QwenError(Exception):
    """A call failed.

    - `status` is the gRPC status, and `message` one sentence for people, whose words may change.
    - `reason` is the word for programs: docs/errors.md lists them.
    - `retry_after` are the seconds to wait, where a delay is known.
    - `field` is the path of the request field that is wrong, such as `messages[2].role`; else empty.
    - `request_id` names the call in the gateway's log; empty when the gateway was not reached.
    - `attempts` are the credentials that were tried, each with what became of it, when there were several.
    - `may_retry` says whether the same request is worth a retry as it is. It never is once an answer has begun. After
      a timeout or a lost connection the upstream may do the work twice.
    """

    reasons: ClassVar[frozenset[str]] = frozenset()
    statuses: ClassVar[frozenset[Status]] = frozenset()

    def __init__(self, status: Status, message: str, details: Details, *, begun: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = details.reason
        self.field = details.field
        self.retry_after = details.retry_after
        self.request_id = details.request_id
        self.attempts = tuple(filter(None, details.facts.get("attempts", "").split(", ")))
        # The gateway has tried as often as it may, and nobody said when it gets better.
        spent = "exhausted" in details.facts and details.retry_after is None
        self.may_retry = details.reason in WORTH_A_RETRY and not (begun or spent or "partial" in details.facts)

    def __str__(self) -> str:
        named = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.reason}: {self.message}{named}"


class RequestRefused(QwenError):
    """Something in the request has to change first; `field` names it where one field is at fault."""

    reasons = frozenset(
        {
            *("INVALID_PARAMETER", "CONTEXT_LENGTH", "CONTENT_FILTERED", "MODEL_NOT_FOUND", "NOT_FOUND", "UNSUPPORTED"),
            *("TOO_LARGE", "HEADERS_TOO_LARGE", "IDEMPOTENCY_KEY_REUSED", "MEDIA_URL_BLOCKED", "JOB_EXPIRED"),
            *("JOB_UNKNOWN_OUTCOME", "LOOP_DETECTED"),
        }
    )
    statuses = frozenset(
        {
            *(Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.ALREADY_EXISTS, Status.FAILED_PRECONDITION),
            *(Status.OUT_OF_RANGE, Status.UNIMPLEMENTED),
        }
    )


class AccountRefused(QwenError):
    """Somebody has to see to the credential or the account; trying again does not help."""

    reasons = frozenset(
        {
            *("TOKEN_MISSING", "TOKEN_MALFORMED", "CREDENTIAL_EXPIRED", "ACCESS_DENIED", "UPSTREAM_CHALLENGE"),
            "BILLING",
        }
    )
    statuses = frozenset({Status.UNAUTHENTICATED, Status.PERMISSION_DENIED})


class Limited(QwenError):
    """Too much at once, or for today. Wait `retry_after` seconds; with QUOTA_EXHAUSTED that may be hours."""

    reasons = frozenset(
        {
            *("QUOTA_EXHAUSTED", "RATE_LIMITED", "TOKEN_QUOTA", "TENANT_LIMIT", "NO_CREDENTIAL", "OVERLOADED"),
            *("CHAT_BUSY", "IDEMPOTENCY_KEY_IN_USE"),
        }
    )
    statuses = frozenset({Status.RESOURCE_EXHAUSTED, Status.ABORTED})


class UpstreamFailed(QwenError):
    """The Qwen behind the gateway failed. What came of a stream before is no whole answer."""

    reasons = frozenset(
        {
            *("UPSTREAM_CONNECT", "UPSTREAM_TLS", "UPSTREAM_ERROR", "UPSTREAM_UNAVAILABLE", "UPSTREAM_REDIRECT"),
            *("UPSTREAM_HEADERS_TIMEOUT", "UPSTREAM_TTFB_TIMEOUT", "UPSTREAM_IDLE_TIMEOUT", "UPSTREAM_TRUNCATED"),
            *("UPSTREAM_PROTOCOL", "UPSTREAM_EMPTY", "SCHEMA_MISMATCH", "CIRCUIT_OPEN"),
        }
    )


class DeadlinePassed(QwenError):
    """The call took longer than the caller or the gateway allows, or was not read; the gateway has stopped the work."""

    reasons = frozenset({"CLIENT_DEADLINE", "CLIENT_TOO_SLOW", "TOTAL_TIMEOUT"})
    statuses = frozenset({Status.DEADLINE_EXCEEDED})


class GatewayFailed(QwenError):
    """The gateway failed, or cannot be reached, or is not what answers there."""

    reasons = frozenset({"UPSTREAM_CREDENTIAL_INVALID", "SHUTTING_DOWN", "STATE_STORE_UNAVAILABLE", "INTERNAL"})
    statuses = frozenset({Status.CANCELLED, Status.UNKNOWN, Status.INTERNAL, Status.UNAVAILABLE, Status.DATA_LOSS})


FAMILIES = (RequestRefused, AccountRefused, Limited, UpstreamFailed, DeadlinePassed, GatewayFailed)


def family_of(status: Status, reason: str) -> type[QwenError]:
    """The class of a failure: by its reason, or by its status when the reason is newer than this client."""
    by_reason = (kind for kind in FAMILIES if reason in kind.reasons)
    by_status = (kind for kind in FAMILIES if status in kind.statuses)
    return next(by_reason, None) or next(by_status)
