"""How chat.qwen.ai says no, and what it means.

Nearly every failure comes with HTTP 200; the truth is in the body. A refusal
is recognised by its structure and its code word, never by words in its text,
which may be in any language. A challenge is recognised and reported; it is
never retried, solved or evaded.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from qwen_grpc.addresses import CHAT_HOST
from qwen_grpc.errors import (
    AccessDenied,
    ChatBusy,
    ContentFiltered,
    ContextLength,
    CredentialExpired,
    Internal,
    InvalidParameter,
    ModelNotFound,
    NotFound,
    QuotaExhausted,
    QwenError,
    RateLimited,
    UpstreamChallenge,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
)
from qwen_grpc.upstreams.chat_qwen_ai.wire import UNREADABLE, Event, Refusal, Reply, said
from qwen_grpc.upstreams.http import refused_status, retry_after
from qwen_grpc.upstreams.messages import Head

# Its name in error texts, and as an upstream.
SITE = CHAT_HOST
MAX_HOURS = 24 * 31
_CHALLENGES = ("FAIL_SYS_USER_VALIDATE", "RGV587_ERROR")
_WAF_MARK = b"aliyun_waf"
_reply = msgspec.json.Decoder(Reply)


class StaleParent(NotFound):
    """The message that a turn should follow is not in the chat."""


def challenge() -> UpstreamChallenge:
    """The one text about challenges."""
    return UpstreamChallenge(
        f"{SITE} asks for a verification that only a person may pass: open {SITE} in the browser that the credential "
        "was exported from, finish the verification, export the session again (docs/credentials.md)"
    )


def refusal(response: Head, body: bytes) -> QwenError:
    """What an answer means that is not the one hoped for."""
    start = body[:512].lstrip()
    if start.startswith(b"<") or "html" in response.headers.get("content-type", ""):
        return _html(response, body)
    if not start:
        return UpstreamEmpty(f"{SITE} answered with an empty body") if response.is_success else _status(response)
    return refused_reply(response, body)


def _html(response: Head, body: bytes) -> QwenError:
    if _WAF_MARK in body[:4096] or response.status_code in (200, 403, 405):
        return challenge()
    return _status(response)


def _status(response: Head) -> QwenError:
    if response.status_code == 401:
        return expired()
    return refused_status(SITE, response)


def refused_reply(response: Head, body: bytes) -> QwenError:
    """What a JSON answer means that reports a failure."""
    try:
        reply = _reply.decode(body)
    except UNREADABLE:
        failed = UpstreamProtocol(f"{SITE} answered with something that is neither a stream nor JSON")
        return failed if response.is_success else _status(response)
    if any(word.startswith(_CHALLENGES) for word in reply.ret or ()):
        return challenge()
    found = _coded(_refusal_of(reply))
    if found is None or (not response.is_success and isinstance(found, UpstreamError)):
        return _unknown(response)
    found.retry_after = found.retry_after or retry_after(response)
    return found


def _unknown(response: Head) -> QwenError:
    if not response.is_success:
        return _status(response)
    return UpstreamError(f"{SITE} refused the request and gave a reason that is not known here")


def refused_event(event: Event) -> QwenError:
    """What a failure inside a stream means."""
    told = (_decoded(raw) for raw in (event.error, event.data))
    found = next((part for part in told if isinstance(part, dict)), {"code": _decoded(event.code)})
    return _coded(_lenient(found)) or UpstreamError(f"{SITE} failed in the middle of its answer")


def _decoded(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw) if said(raw) else None
    except UNREADABLE:
        return None


def expired() -> CredentialExpired:
    """The one text about sessions that are over."""
    return CredentialExpired(
        f"{SITE} no longer accepts this session: sign in there again and export the session anew (docs/credentials.md)"
    )


def _refusal_of(reply: Reply) -> Refusal:
    for part in (reply.data, reply.error):
        if isinstance(part, dict) and (part.get("code") or part.get("details")):
            return _lenient(part)
    return _lenient({"code": reply.code, "details": reply.details or reply.detail})


def _lenient(part: dict[str, Any]) -> Refusal:
    num = part.get("num")
    code, details = (part.get(name) for name in ("code", "details"))
    return Refusal(
        code=str(code) if isinstance(code, str | int) else "",
        details=details if isinstance(details, str) else "",
        num=float(max(0, min(num, MAX_HOURS))) if isinstance(num, int | float) else None,
    )


def _coded(found: Refusal) -> QwenError | None:
    by_code = _CODES.get(found.code.lower().replace("-", "_"))
    if by_code is not None:
        return by_code(found)
    for text, means in _DETAILS.items():
        if text in found.details:
            return means(found)
    return None


def _quota(found: Refusal) -> QwenError:
    hours = found.num or 1.0
    text = f"the account's quota at {SITE} is used up; it comes back in {hours:g} hours"
    return QuotaExhausted(text, retry_after=hours * 3600)


def _bad_request(found: Refusal) -> QwenError:
    for text, means in _DETAILS.items():
        if text in found.details:
            return means(found)
    return UpstreamError(
        f"{SITE} called the request bad without saying why; most often the export lacks the session's cookies "
        "or the account waits for its activation (docs/credentials.md)"
    )


def _always(kind: Callable[[str], QwenError], text: str) -> Callable[[Refusal], QwenError]:
    return lambda _: kind(text)


def _busy(_: Refusal) -> QwenError:
    return ChatBusy("an answer is still being made in this chat; wait for it, or start another chat", retry_after=2.0)


def _expired(_: Refusal) -> QwenError:
    return expired()


_slow_down = _always(RateLimited, f"{SITE} limits this account's parallel or frequent requests; wait and try again")
_gone = _always(NotFound, f"{SITE} has no such chat under this account")
_too_long = _always(ContextLength, f"the conversation is longer than {SITE} takes; shorten it")
_no_model = _always(ModelNotFound, f"{SITE} does not know this model for this account")
_failed = _always(UpstreamError, f"{SITE} reports an internal error")
_filtered = _always(ContentFiltered, f"{SITE} refused the content of the request")

# Code words, lower case, `-` read as `_`; as seen until October 2026.
_CODES: dict[str, Callable[[Refusal], QwenError]] = {
    "unauthorized": _expired,
    "invalid token": _expired,
    "401": _expired,
    "forbidden": _always(AccessDenied, f"{SITE} does not allow this to the account"),
    "bad_request": _bad_request,
    "requestvalidationerror": _always(Internal, f"{SITE} found our request incomplete"),
    "not_found": _gone,
    "chat_not_found": _gone,
    "chat_in_progress": _busy,
    "ratelimited": _quota,
    "parallellimited": _slow_down,
    "quotalimited": _slow_down,
    "quota_limit": _slow_down,
    "too_many_requests": _slow_down,
    "internal_error": _failed,
    "invalid_input": _always(InvalidParameter, f"{SITE} does not take this input or attachment"),
    "contextlengthexceeded": _too_long,
    "token_limit": _too_long,
    "model_not_found": _no_model,
    "data_inspection_failed": _filtered,
    "content_filter": _filtered,
}

# Where the code is missing or says nothing.
_DETAILS: dict[str, Callable[[Refusal], QwenError]] = {
    "RequestValidationError": _always(Internal, f"{SITE} found our request incomplete"),
    "parent_id": _always(StaleParent, f"{SITE} does not have the message that this turn should follow"),
    "The input token limit is exceeded": _too_long,
    "This conversation has been deleted": _gone,
    "CHAT_NOT_FOUND": _gone,
    "The chat is in progress": _busy,
    "Model not found": _no_model,
    "allocated quota exceeded": _slow_down,
    "401 Unauthorized": _expired,
}
