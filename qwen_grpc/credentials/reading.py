"""From the text of a bearer to a credential, and from a web session back to text.

The compressed form is base64 of gzip of a text: either `JWT|cookie`, where
the cookie is the value of `ssxmod_itna`, or a JSON object with any of
`token`, `refresh_token`, `cookies`, `user_agent` and `headers`. Unknown keys
are ignored.
"""

import base64
import gzip
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from qwen_grpc.credentials import jwt
from qwen_grpc.credentials.fields import checked_cookies, checked_headers, is_cookie_value, is_header_value
from qwen_grpc.credentials.kinds import ApiKey, Credentials, WebSession
from qwen_grpc.credentials.strict import from_base64, from_gzip, json_object, malformed, missing

# The REST door takes 16 KiB of headers in all; this leaves room for the others.
MAX_CHARACTERS = 14_336
COMPRESSED_PREFIX = "H4sI"  # base64 of gzip's first three bytes
PIPE_COOKIE = "ssxmod_itna"

# How many bearers are remembered, and for how many seconds after they were sent.
MAX_KNOWN = 200
KEPT_S = 300.0

_API_KEY = re.compile(r"[!-~]{1,512}")


def read_bearer(value: str) -> Credentials:
    """Read what follows `Bearer `.

    Raises `TokenMissing` if there is nothing and `TokenMalformed` for
    anything that is no credential; neither repeats any part of the value.
    """
    if not value.strip():
        raise missing()
    if len(value) > MAX_CHARACTERS:
        raise malformed(f"it is longer than {MAX_CHARACTERS} characters")
    if value.startswith(jwt.PREFIX):
        return WebSession(token=jwt.checked(value))
    if value.startswith(COMPRESSED_PREFIX):
        return _read_text(from_gzip(from_base64(value)))
    if not _API_KEY.fullmatch(value):
        raise malformed("it has spaces, characters outside of ASCII, or a length that no API key has")
    return ApiKey(value)


class Bearers:
    """Reads bearers, and remembers the latest ones: a client sends the same one with each call.

    What was not sent for `KEPT_S` seconds is read anew, and forgotten as soon
    as another one comes. They stay in this process's memory only.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: OrderedDict[str, tuple[float, Credentials]] = OrderedDict()

    def read(self, value: str) -> Credentials:
        """Read what follows `Bearer `; see `read_bearer`."""
        now = self._now()
        read_at, found = self._known.pop(value, (0.0, None))
        if found is None or now - read_at > KEPT_S:
            found = read_bearer(value)
            self._forget(now)
        self._known[value] = (now, found)
        return found

    def _forget(self, now: float) -> None:
        """The one that was sent longest ago stands first."""
        while self._known:
            value, (sent_at, _) = next(iter(self._known.items()))
            if len(self._known) < MAX_KNOWN and now - sent_at <= KEPT_S:
                return
            del self._known[value]


def _read_text(text: str) -> WebSession:
    if text.lstrip().startswith("{"):
        return read_session(text)
    token, pipe, cookie = text.partition("|")
    if not pipe:
        raise malformed("its text is neither JWT|cookie nor a JSON object")
    cookies = checked_cookies([(PIPE_COOKIE, cookie)] if cookie else [])
    return WebSession(token=jwt.checked(token), cookies=cookies)


def read_session(text: str) -> WebSession:
    """Read the JSON form of a web session, uncompressed; raises `TokenMalformed`."""
    fields = json_object(text)
    if fields is None:
        raise malformed("its text is not one small JSON object with each key once")
    return session(fields)


def session(fields: Mapping[str, object]) -> WebSession:
    """Return the checked session of these fields; raises `TokenMalformed`.

    A token or refresh token that is missing is taken from the cookie of the
    same name, and a missing user agent from the headers.
    """
    cookies = checked_cookies(_object(fields, "cookies").items())
    headers = checked_headers(_object(fields, "headers").items())
    jar = dict(cookies)
    token = _text(fields, "token") or jar.get("token", "")
    refresh_token = _text(fields, "refresh_token") or jar.get("refresh_token", "")
    user_agent = _text(fields, "user_agent") or headers.get("user-agent", "")
    headers.pop("user-agent", None)
    _check_texts(token, refresh_token, user_agent)
    return WebSession(token, refresh_token, cookies, user_agent, tuple(headers.items()))


def _check_texts(token: str, refresh_token: str, user_agent: str) -> None:
    if not token and not refresh_token:
        raise malformed("it holds neither a token nor a refresh_token")
    if token:
        jwt.checked(token)
    if not is_cookie_value(refresh_token):
        raise malformed("its refresh_token has characters that no Cookie header may carry")
    if user_agent and not is_header_value(user_agent):
        raise malformed("its user_agent is not plain printable ASCII")


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise malformed(f"its {key} is not a string")
    return value


def _object(fields: Mapping[str, object], key: str) -> dict[str, object]:
    value = fields.get(key, {})
    if not isinstance(value, dict):
        raise malformed(f"its {key} is not an object of names and values")
    return value


def pack(session: WebSession) -> str:
    """Return the compressed form, the same text each time, for which `read_bearer(pack(s)) == s`.

    Raises `TokenMalformed` if there is none: the session is too large, or
    holds something that `read_bearer` would refuse or drop.
    """
    # Duplicate cookie names have no place in an object; the comparison below finds what was lost.
    fields = {
        "token": session.token,
        "refresh_token": session.refresh_token,
        "cookies": dict(session.cookies),
        "user_agent": session.user_agent,
        "headers": dict(session.headers),
    }
    text = json.dumps({key: value for key, value in fields.items() if value}, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    if read_bearer(packed) != session:
        raise malformed("its cookies, headers or tokens would not survive being packed")
    return packed
