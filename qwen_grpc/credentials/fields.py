"""Which bytes may travel to Qwen in a cookie or a header: checked here once, character by character.

HTTP clients differ in what they let through (line breaks, DEL, a `;` that
starts a second cookie), so nothing is left to them. Messages name a field by
its position and never by its text, which is part of the credential.
"""

import re
from collections.abc import Iterable

from qwen_grpc.credentials.strict import malformed

MAX_COOKIES = 50
MAX_COOKIES_LENGTH = 16_384
MAX_HEADERS = 32
MAX_VALUE = 8_192

_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # RFC 9110, token
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")  # RFC 6265, cookie-octet: no space, `"`, `,`, `;` or `\`
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")

# Headers in which a browser describes itself, plus the page's own per-request ones. Others are dropped:
# a credential must not be a way to set arbitrary headers. `timezone` changes by the minute and is made afresh.
_CARRIED = re.compile(
    r"user-agent|accept-language|sec-ch-ua(?:-[a-z0-9-]{1,40})?|sec-fetch-[a-z]{1,16}"
    r"|bx-ua|bx-umidtoken|bx-v|version|source"
)

Pairs = tuple[tuple[str, str], ...]


def is_cookie(name: str, value: str) -> bool:
    """Tell whether a Cookie header may carry this pair."""
    return _COOKIE_NAME.fullmatch(name) is not None and is_cookie_value(value)


def is_cookie_value(value: str) -> bool:
    """Tell whether the text is at most 8192 cookie-octets."""
    return len(value) <= MAX_VALUE and _COOKIE_VALUE.fullmatch(value) is not None


def is_header_value(value: str) -> bool:
    """Tell whether the text is 1 to 8192 printable ASCII characters with no space at either end."""
    return len(value) <= MAX_VALUE and _HEADER_VALUE.fullmatch(value) is not None


def is_carried(name: str) -> bool:
    """Tell whether a header of this lower-case name is passed on."""
    return _CARRIED.fullmatch(name) is not None


def checked_cookies(pairs: Iterable[tuple[str, object]]) -> Pairs:
    """Return the cookies in their order; raise `TokenMalformed` for one that no Cookie header may carry."""
    cookies: list[tuple[str, str]] = []
    for position, (name, value) in enumerate(pairs, start=1):
        if not isinstance(value, str) or not is_cookie(name, value):
            raise malformed(f"its cookie number {position} has a name or value that no Cookie header may carry")
        cookies.append((name, value))
    if len(cookies) > MAX_COOKIES:
        raise malformed(f"it has more than {MAX_COOKIES} cookies")
    if len("; ".join(f"{name}={value}" for name, value in cookies)) > MAX_COOKIES_LENGTH:
        raise malformed(f"its cookies are longer than {MAX_COOKIES_LENGTH} characters together")
    return tuple(cookies)


def checked_headers(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return the carried headers by lower-case name; drop unknown and empty ones.

    Raises `TokenMalformed` if one that would be carried is repeated or holds
    anything but printable ASCII.
    """
    headers: dict[str, str] = {}
    for position, (name, value) in enumerate(pairs, start=1):
        lower = name.lower()
        if value == "" or not is_carried(lower):
            continue
        if not isinstance(value, str) or not is_header_value(value) or lower in headers:
            raise malformed(f"its header number {position} is repeated or is not plain printable ASCII")
        headers[lower] = value
    if len(headers) > MAX_HEADERS:
        raise malformed(f"it has more than {MAX_HEADERS} headers")
    return headers
