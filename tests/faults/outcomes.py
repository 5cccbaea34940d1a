"""What a caller may be told, at either door: the rows of the table of errors, word for word."""

from dataclasses import dataclass, replace

from both_doors import GrpcFailure, HttpFailure, Outcome
from grpc import StatusCode

SERVER, REQUEST = "server_error", "invalid_request_error"


@dataclass(frozen=True)
class Answered:
    """A whole answer, with these words."""

    text: str

    def check(self, way: str, outcome: Outcome) -> None:
        assert outcome == Outcome(self.text, None), outcome if len(self.text) < 100 else len(outcome.text)

    def over_grpc(self) -> str:
        return "`OK`, every word"

    def over_rest(self) -> str:
        return "200, `[DONE]`"


@dataclass(frozen=True)
class Failed:
    """A failure. `said` is the text that came before it; without that, it is a true HTTP status.

    `x*` stands for more than a megabyte of the letter.
    `waits` are the bounds of the wait in seconds that the caller is told, both included.
    """

    code: StatusCode
    reason: str
    status: int
    type: str
    word: str
    retry: bool = False
    said: str = ""
    waits: tuple[float, float] | None = None
    param: str | None = None

    def after(self, said: str) -> "Failed":
        """The same in the middle of an answer: what has been paid for is not to be asked for again."""
        return replace(self, said=said, retry=False)

    def waiting(self, least: float, most: float | None = None) -> "Failed":
        """The same with a wait."""
        return replace(self, waits=(least, least if most is None else most))

    def check(self, way: str, outcome: Outcome) -> None:
        assert _short(outcome.text) == (self.said if way.endswith("stream") else ""), outcome
        failure = outcome.failure
        if way.startswith("gRPC"):
            assert isinstance(failure, GrpcFailure), outcome
            assert (failure.code, failure.reason) == (self.code, self.reason), failure
            assert failure.field == (self.param or "")
            self._check_wait(failure.retry_after)
        else:
            self._check_http(failure, in_band=way == "REST stream" and bool(self.said))
        assert failure is not None
        assert failure.message

    def _check_http(self, failure: GrpcFailure | HttpFailure | None, *, in_band: bool) -> None:
        assert isinstance(failure, HttpFailure), failure
        told = (failure.status, failure.type, failure.code, failure.param)
        assert told == (200 if in_band else self.status, self.type, self.word, self.param), failure
        if in_band:
            assert (failure.retry_after, failure.should_retry) == (None, None)
            return
        assert failure.should_retry == ("true" if self.retry else "false")
        self._check_wait(None if failure.retry_after is None else float(failure.retry_after))

    def _check_wait(self, told: float | None) -> None:
        if self.waits is None:
            assert told is None
        else:
            assert told is not None
            assert self.waits[0] <= told <= self.waits[1]

    def over_grpc(self) -> str:
        return f"`{self.code.name}` `{self.reason}`"

    def over_rest(self) -> str:
        return f"{self.status} `{self.type}` `{self.word}`"


def _short(text: str) -> str:
    much = len(text) > 1 << 20 and set(text.removeprefix("Hi")) == {"x"}
    return "x*" if much else text


ROW = Failed
EXPIRED = ROW(StatusCode.UNAUTHENTICATED, "CREDENTIAL_EXPIRED", 401, "authentication_error", "credential_expired")
DENIED = ROW(StatusCode.PERMISSION_DENIED, "ACCESS_DENIED", 403, "permission_error", "access_denied")
CHALLENGE = ROW(StatusCode.FAILED_PRECONDITION, "UPSTREAM_CHALLENGE", 403, "permission_error", "upstream_challenge")
QUOTA = ROW(StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED", 429, "insufficient_quota", "quota_exhausted")
LIMITED = ROW(StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", 429, "rate_limit_error", "rate_limit_exceeded", retry=True)
BUSY = ROW(StatusCode.ABORTED, "CHAT_BUSY", 409, "conflict_error", "chat_busy", retry=True)
INVALID = ROW(StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", 400, REQUEST, "invalid_parameter")
FILTERED = ROW(StatusCode.INVALID_ARGUMENT, "CONTENT_FILTERED", 400, REQUEST, "content_filter")
NO_MODEL = ROW(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", 404, REQUEST, "model_not_found")
NOT_FOUND = ROW(StatusCode.NOT_FOUND, "NOT_FOUND", 404, REQUEST, "not_found")
TOO_LARGE = ROW(StatusCode.RESOURCE_EXHAUSTED, "TOO_LARGE", 413, REQUEST, "request_too_large")
CONNECT = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_CONNECT", 503, SERVER, "upstream_unavailable", retry=True)
TLS = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_TLS", 502, SERVER, "upstream_tls")
CRASHED = ROW(StatusCode.INTERNAL, "UPSTREAM_ERROR", 502, SERVER, "upstream_error", retry=True)
FAILED = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_ERROR", 502, SERVER, "upstream_error", retry=True)
DOWN = ROW(
    StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", 503, "service_unavailable_error", "upstream_unavailable", retry=True
)
REDIRECT = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_REDIRECT", 502, SERVER, "upstream_redirect")
NO_HEADERS = ROW(StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_HEADERS_TIMEOUT", 504, SERVER, "timeout", retry=True)
NO_EVENT = ROW(StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TTFB_TIMEOUT", 504, SERVER, "timeout", retry=True)
TOTAL = ROW(StatusCode.DEADLINE_EXCEEDED, "TOTAL_TIMEOUT", 504, SERVER, "timeout")
IDLE = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_IDLE_TIMEOUT", 504, SERVER, "stream_interrupted")
TRUNCATED = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_TRUNCATED", 502, SERVER, "stream_interrupted")
PROTOCOL = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL", 502, SERVER, "upstream_protocol", retry=True)
EMPTY = ROW(StatusCode.UNAVAILABLE, "UPSTREAM_EMPTY", 502, SERVER, "upstream_empty", retry=True)
STORE = ROW(StatusCode.UNAVAILABLE, "STATE_STORE_UNAVAILABLE", 503, SERVER, "state_unavailable", retry=True)
SLOW = ROW(StatusCode.RESOURCE_EXHAUSTED, "CLIENT_TOO_SLOW", 408, SERVER, "client_too_slow")
