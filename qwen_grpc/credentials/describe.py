"""What may be said aloud about a credential: facts and names, never values."""

from datetime import UTC, datetime

from qwen_grpc.credentials.kinds import ApiKey, Credentials, WebSession

# What the page itself sends with each message it writes, as seen in the browser's own traffic, Sep 2026.
_PAGE_HEADERS = ("bx-ua", "bx-umidtoken", "bx-v")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def describe(credentials: Credentials, now: float) -> list[tuple[str, str]]:
    """Return label and text of each safe fact; `now` is in epoch seconds."""
    if isinstance(credentials, ApiKey):
        return [("kind", "API key"), ("enough for", "whatever its issuer allows; it cannot be told from the key")]
    return [
        ("kind", "web session"),
        ("account", credentials.account_id or "not stated"),
        ("access token", _expiry(credentials, now)),
        ("refresh token", "yes" if credentials.refresh_token else "no"),
        ("user agent", "yes" if credentials.user_agent else "no"),
        ("cookies", _names(credentials.cookies)),
        ("headers", _names(credentials.headers)),
        ("enough for", _enough_for(credentials, now)),
    ]


def _names(pairs: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(name for name, _ in pairs) or "none"


def _expiry(session: WebSession, now: float) -> str:
    if not session.token:
        return "none"
    if session.expires_at is None:
        return "states no expiry"
    moment = datetime.fromtimestamp(session.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    left = session.expires_at - now
    return f"expires in {_span(left)} ({moment})" if left > 0 else f"expired {_span(-left)} ago ({moment})"


def _span(seconds: float) -> str:
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    count = int(seconds // size)
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _enough_for(session: WebSession, now: float) -> str:
    expired = session.expires_at is not None and session.expires_at <= now
    if not session.refresh_token and expired:
        return "nothing any more: sign in again and export a new session"
    if not session.cookies:
        return "reading only: a chat is likely to be challenged without the cookies of the same browser"
    if not session.user_agent or not set(_PAGE_HEADERS) <= dict(session.headers).keys():
        return "reading and chat, but a chat may be challenged without the browser's own headers"
    return "reading and chat"
