"""The claims of a JWT, read without its key: facts that the bearer states, not facts that are proven.

Claims of the web chat as seen in the browser's own traffic, Sep 2026: `id`
(a UUID), `last_password_change`, `type`, `exp` and `iat` (epoch seconds), with
an access token's life of 900 seconds. Older tokens have no `iat` and live for
days.
"""

import re
from typing import Any

from qwen_grpc.credentials.strict import from_base64url, json_object, malformed

PREFIX = "eyJ"  # base64url of `{"`, with which the header of every JWT begins

_ACCOUNT_ID = re.compile(r"[!-~]{1,128}")
_YEAR_10000 = 253_402_300_800.0


def checked(token: str) -> str:
    """Return the token; raise `TokenMalformed` unless it is three base64url parts around a JSON object.

    The signature is not verified: only its issuer can do that.
    """
    parts = token.split(".", 3)
    if len(parts) != 3:
        raise malformed("its JWT does not have exactly three parts separated by dots, perhaps cut when copied")
    if any(from_base64url(part) is None for part in parts):
        raise malformed("a part of its JWT is not canonical base64url")
    if claims(token) is None:
        raise malformed("the middle part of its JWT does not hold a JSON object")
    return token


def claims(token: str) -> dict[str, Any] | None:
    """Return the payload of a JWT, or None if there is none to read."""
    payload = from_base64url(token.split(".")[1]) if token.count(".") == 2 else None
    if payload is None:
        return None
    # Latin-1 cannot fail and keeps what is ASCII; claims outside of ASCII are of no use to us.
    return json_object(payload.decode("latin-1"))


def account_id(token: str) -> str:
    """Return the claim `id` if it is 1 to 128 printable ASCII characters, else an empty string."""
    found = (claims(token) or {}).get("id")
    return found if isinstance(found, str) and _ACCOUNT_ID.fullmatch(found) else ""


def expires_at(token: str) -> float | None:
    """Return the claim `exp` in epoch seconds, or None if there is none between 1970 and the year 10000."""
    found = (claims(token) or {}).get("exp")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < _YEAR_10000:
        return None
    return float(found)
