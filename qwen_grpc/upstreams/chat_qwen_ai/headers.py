"""What identifies a person's session to the site: their own headers and cookies, as they exported them."""

import time

from qwen_grpc.credentials import WebSession
from qwen_grpc.upstreams.transport import HEADERS

# The site's front-end version of October 2026. Without the header every completion is refused.
FRONT_END_VERSION = "0.3.12"


def session_headers(session: WebSession | None, base_url: str, request_id: str) -> dict[str, str]:
    """The headers of every call.

    Headers that describe a browser are sent only if they were exported, as
    they were exported; otherwise we say who we are.
    """
    headers = {
        "accept": "application/json",
        "source": "web",
        "version": FRONT_END_VERSION,
        "timezone": _browser_date(time.localtime()),
        "x-request-id": request_id,
        "origin": base_url,
        "referer": f"{base_url}/",
        "user-agent": HEADERS["user-agent"],
    }
    if session is None:
        return headers
    headers |= dict(session.headers)
    if session.user_agent:
        headers["user-agent"] = session.user_agent
    if session.token:
        headers["authorization"] = f"Bearer {session.token}"
    if cookie := cookie_header(session):
        headers["cookie"] = cookie
    return headers


def cookie_header(session: WebSession, *, refresh: bool = False) -> str:
    """The exported cookies, with the access token in the cookie where the site's own page keeps it.

    With `refresh`, also the refresh token, which only the sign-in host gets.
    """
    cookies = dict(session.cookies)
    if session.token:
        cookies["token"] = session.token
    if refresh:
        cookies["refresh_token"] = session.refresh_token
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _browser_date(now: time.struct_time) -> str:
    """JavaScript's `Date` string without the zone's name, which the site's pages send."""
    return time.strftime("%a %b %d %Y %H:%M:%S GMT%z", now)
