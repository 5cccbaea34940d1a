"""How the fake misbehaves: the gates in front of a completion, in order, and the refusals that a scenario can play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec
from sanic import Request

from qwen_grpc.simulator.asked import MEDIA_CHAT_TYPES, Asked
from qwen_grpc.simulator.models import knows
from qwen_grpc.simulator.replies import HTML, Answer, refusal
from qwen_grpc.simulator.state import Chat, Simulator, User, claims_of

TEXT_CHAT_TYPES = ("t2t", "search", "deep_research", "artifacts", "web_dev", "travel", "learn", "slides")
THINKING_MODES = ("Fast", "Auto", "Thinking")
BX_HEADERS = ("bx-ua", "bx-umidtoken", "bx-v")


@dataclass(slots=True)
class Attempt:
    """A completion on its way through the gates; a gate adds what it has found out."""

    simulator: Simulator
    request: Request
    user: User = field(default_factory=lambda: User(""))
    asked: Asked = field(default_factory=lambda: Asked([]))
    chat: Chat | None = None


Gate = Callable[[Attempt], Answer | None]


def json_challenge() -> Answer:
    """The verification demand of the web firewall as JSON."""
    url = "https://chat.qwen.ai:443//api/v2/chat/completions/_____tmd_____/punish"
    busy = "RGV587_ERROR::SM::\u54ce\u54df\u5582,\u88ab\u6324\u7206\u5566,\u8bf7\u7a0d\u540e\u91cd\u8bd5"
    return Answer(
        {
            "ret": ["FAIL_SYS_USER_VALIDATE", busy],
            "data": {"url": f"{url}?x5secdata=simulated&x5step=2&action=captcha&pureCaptcha="},
        },
        content_type="application/json;charset=utf-8",
    )


def html_challenge() -> Answer:
    """The verification page: about 16 KB, HTTP 200."""
    head = (
        '<!doctypehtml><html lang="zh-cn"><meta charset="utf-8">'
        '<meta name="aliyun_waf_aa" content="0123456789abcdef"><title>Verification</title>'
    )
    return Answer(f"{head}<script>/*{' ' * 16_000}*/</script></html>".encode(), content_type=HTML)


def stalled(simulator: Simulator) -> Answer:
    """A long silence, then a plain refusal."""
    return replace(internal_error(), delay_s=simulator.behaviour.stall_s)


def unauthorized() -> Answer:
    """The token is missing, has expired or was revoked."""
    return refusal("Unauthorized", "\u60a8\u6ca1\u6709\u6743\u9650\u8bbf\u95ee\u6b64\u8d44\u6e90", actual=401)


def internal_error() -> Answer:
    """The service's word for combinations that it does not support."""
    return refusal("internal_error", "Internal Error")


def not_found() -> Answer:
    """There is no such chat, or it is another user's."""
    return refusal("Not_Found", "This conversation has been deleted or does not exist.", actual=404)


def parent_missing(parent_id: str | None) -> Answer:
    """The parent that a message names is not in its chat."""
    return refusal("Bad_Request", f"Invalid input chat parent_id {parent_id} is not exist.")


def in_progress() -> Answer:
    """The chat is still answering."""
    return refusal("CHAT_IN_PROGRESS", "The chat is in progress!")


def rate_limited(hours: int) -> Answer:
    """The quota is used up for so many hours."""
    return refusal(
        "RateLimited",
        "You've reached the upper limit for today's usage.",
        actual=429,
        template="You have reached the daily usage limit. Please wait {{num}} hours before trying again.",
        num=hours,
    )


def missing_field(name: str) -> Answer:
    """A field of the body is missing."""
    return refusal("RequestValidationError", f"Field '{name}': Field required")


def challenge_gate(attempt: Attempt) -> Answer | None:
    """The firewall, before anything else; every POST that it sees counts."""
    simulator = attempt.simulator
    simulator.posts += 1
    match simulator.behaviour.challenge:
        case "json":
            return json_challenge()
        case "html":
            return html_challenge()
        case "stall":
            return stalled(simulator)
        case "after_n_posts" if simulator.posts > simulator.behaviour.challenge_after:
            return json_challenge()
        case _:
            return None


def bearer_of(request: Request) -> str:
    """The bearer token, or empty."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def cookie_of(request: Request, name: str) -> str:
    """A cookie, or empty."""
    return request.cookies.get(name) or ""


def signed_in(simulator: Simulator, request: Request) -> User | None:
    """The user of a request by its bearer, else by its `token` cookie; None when neither is good."""
    token = bearer_of(request) or cookie_of(request, "token")
    claims = claims_of(token)
    if not claims or claims.get("type") in ("refresh_token", "output_key") or claims.get("exp", 0) <= simulator.now():
        return None
    return None if token in simulator.behaviour.revoked_tokens else simulator.user(str(claims["id"]))


def auth_gate(attempt: Attempt) -> Answer | None:
    """Who asks; the only question besides the firewall's for chats/new."""
    user = signed_in(attempt.simulator, attempt.request)
    if user is None:
        return unauthorized()
    attempt.user = user
    return None


def pair_gate(attempt: Attempt) -> Answer | None:
    """In strict mode a completion without the cookie or without the bearer is challenged, as seen in Sep 2026."""
    both = bearer_of(attempt.request) and cookie_of(attempt.request, "token")
    return json_challenge() if attempt.simulator.behaviour.strict_auth and not both else None


def bx_gate(attempt: Attempt) -> Answer | None:
    """The browser's own headers: their presence, never their value."""
    missing = any(not attempt.request.headers.get(name) for name in BX_HEADERS)
    return json_challenge() if attempt.simulator.behaviour.require_bx and missing else None


def version_gate(attempt: Attempt) -> Answer | None:
    """Without `version` the refusal reads as if the body were broken, and has its code at the top."""
    if not attempt.simulator.behaviour.require_version or attempt.request.headers.get("version"):
        return None
    body = {"success": False, "request_id": "", "code": "Bad_Request", "details": "Internal error, please try again."}
    return Answer(body, actual=400)


def size_gate(attempt: Attempt) -> Answer | None:
    """A body beyond the limit is challenged, not refused."""
    too_large = len(attempt.request.body) > attempt.simulator.behaviour.max_body_bytes
    return json_challenge() if too_large else None


def body_gate(attempt: Attempt) -> Answer | None:
    """The body has to be readable and to name a chat and a message."""
    try:
        attempt.asked = msgspec.json.decode(attempt.request.body, type=Asked)
    except msgspec.DecodeError as error:
        return refusal("RequestValidationError", str(error))
    if not attempt.asked.chat_id:
        return missing_field("chat_id")
    return None if attempt.asked.messages else missing_field("messages")


def chat_gate(attempt: Attempt) -> Answer | None:
    """The chat has to exist and to be the user's, and the parent has to be in it."""
    chat = attempt.simulator.chats.get(attempt.asked.chat_id)
    if chat is None or chat.user_id != attempt.user.id:
        return not_found()
    attempt.chat = chat
    parent = attempt.asked.parent_id
    return parent_missing(parent) if parent and parent not in chat.messages else None


def asked_gate(attempt: Attempt) -> Answer | None:
    """The combination that the message asks for has to be one that the service supports."""
    asked, message = attempt.asked, attempt.asked.message
    if not knows(attempt.simulator.behaviour, asked.model):
        return refusal("Bad_Request", "Model not found")
    try:
        if asked.features.thinking_mode not in THINKING_MODES:
            # The live service hangs here instead of saying so.
            return stalled(attempt.simulator)
    except msgspec.ValidationError as error:
        return refusal("RequestValidationError", f"feature_config: {error}")
    if message.chat_type in MEDIA_CHAT_TYPES:
        return None if asked.is_complete_media() else internal_error()
    if message.chat_type not in TEXT_CHAT_TYPES or not asked.has_good_size():
        return internal_error()
    return None if asked.stream else refusal("Bad_Request", "Internal error, please try again.")


def progress_gate(attempt: Attempt) -> Answer | None:
    """One answer at a time in a chat."""
    return in_progress() if attempt.chat and attempt.chat.generation else None


def quota_gate(attempt: Attempt) -> Answer | None:
    """Counts the turn against every quota it touches, or refuses it when one is used up."""
    behaviour, used = attempt.simulator.behaviour, attempt.user.used
    names = attempt.asked.quotas()
    if any(used.get(name, 0) >= behaviour.quota[name] for name in names if name in behaviour.quota):
        return rate_limited(behaviour.quota_wait_h)
    for name in names:
        used[name] = used.get(name, 0) + 1
    return None


CREATION_GATES: tuple[Gate, ...] = (challenge_gate, auth_gate)
COMPLETION_GATES: tuple[Gate, ...] = (
    challenge_gate,
    auth_gate,
    pair_gate,
    bx_gate,
    version_gate,
    size_gate,
    body_gate,
    chat_gate,
    asked_gate,
    progress_gate,
    quota_gate,
)


def first_refusal(attempt: Attempt, gates: tuple[Gate, ...]) -> Answer | None:
    """The answer of the first gate that does not let the attempt pass."""
    return next((answer for gate in gates if (answer := gate(attempt)) is not None), None)


# What a scenario answers instead of a stream.
REFUSALS: dict[str, Callable[[Attempt], Answer]] = {
    "rate_limited": lambda attempt: rate_limited(attempt.simulator.behaviour.quota_wait_h),
    "in_progress": lambda _: in_progress(),
    "unauthorized": lambda _: unauthorized(),
    "parent_missing": lambda attempt: parent_missing(attempt.asked.parent_id),
    "context_too_long": lambda _: refusal("ContextLengthExceeded", "The input token limit is exceeded."),
    "content_filter": lambda _: refusal("data_inspection_failed", "Input text data may contain inappropriate content."),
    "html_challenge": lambda _: html_challenge(),
    "json_challenge": lambda _: json_challenge(),
    "stall": lambda attempt: stalled(attempt.simulator),
    "http_500": lambda _: replace(internal_error(), status=500, actual=500),
    "http_502_html": lambda _: Answer(
        b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>",
        status=502,
        actual=502,
        content_type=HTML,
    ),
    "http_429": lambda _: replace(
        refusal("Too_Many_Requests", "Too many requests.", actual=429), status=429, headers={"retry-after": "7"}
    ),
    "redirect": lambda _: Answer(b"", status=302, actual=302, headers={"location": "https://elsewhere.example/login"}),
}
