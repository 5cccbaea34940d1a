"""One recorded request: what HAR files and cURL commands have in common."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from qwen_grpc.credentials.fields import Pairs, is_cookie, is_cookie_value
from qwen_grpc.credentials.jwt import PREFIX


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """A request with lower-case header names, and the cookies that its response set.

    `started` is in epoch seconds.
    """

    method: str
    url: str
    headers: Pairs
    cookies: Pairs
    set_cookies: Pairs = ()
    started: float = 0.0

    @property
    def host(self) -> str:
        """The host if the request went over https to its usual port, else an empty string."""
        try:
            parts = urlsplit(self.url)
            https = parts.scheme == "https" and parts.port in (None, 443)
        except ValueError:
            return ""
        return (parts.hostname or "") if https else ""

    @property
    def path(self) -> str:
        """The path, without the query."""
        return urlsplit(self.url).path

    @property
    def token(self) -> str:
        """The JWT of the authorization header, else the `token` cookie, else an empty string."""
        scheme, _, bearer = dict(self.headers).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and bearer.startswith(PREFIX):
            return bearer.strip()
        return dict(self.cookies).get("token", "")

    @property
    def refresh_token(self) -> str:
        """The newest `refresh_token` cookie that was sent or set, else an empty string."""
        both = (*self.cookies, *self.set_cookies)
        found = [value for name, value in both if name == "refresh_token" and value and is_cookie_value(value)]
        return found[-1] if found else ""


def cookie_pairs(text: str) -> Pairs:
    """Split the text of a Cookie header into names and values."""
    pairs = (part.partition("=") for part in text.split(";"))
    return tuple((name.strip(), value.strip()) for name, equals, value in pairs if equals)


def jar(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the cookies that can be carried; of two of one name the first, which is the more specific one.

    A browser's jar often holds foreign cookies with quotes or commas in them;
    leaving these out is better than refusing the whole export.
    """
    cookies: dict[str, str] = {}
    for name, value in pairs:
        if is_cookie(name, value):
            cookies.setdefault(name, value)
    return cookies
