"""The two kinds of credential, as values that do not give themselves away.

Neither prints, formats, pickles nor copies its secret. What identifies one in
logs, caches and limits is the fingerprint: a keyed hash of the whole secret.
A prefix would not do, since compressed sessions all begin alike.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import NoReturn, SupportsIndex

from qwen_grpc.credentials import jwt
from qwen_grpc.credentials.fields import Pairs, is_cookie_value
from qwen_grpc.credentials.strict import malformed

# Drawn anew in each process: a fingerprint that leaks cannot be tested against guessed keys.
_PROCESS_KEY = secrets.token_bytes(32)
_SHOWN = 12


def _fingerprint(kind: str, secret: str) -> str:
    return hmac.new(_PROCESS_KEY, f"{kind}\0{secret}".encode(), "sha256").hexdigest()


class Unpicklable:
    """What pickle and copy refuse, so that a secret does not reach a file, a queue or another process by them."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is a secret and is neither pickled nor copied")


@dataclass(frozen=True, slots=True, repr=False)
class WebSession(Unpicklable):
    """A person's own session of Qwen's web chat, as exported from the browser.

    `token` is the access JWT and may be empty if there is a `refresh_token`.
    `cookies` keep their order; names of `headers` are lower-case and never
    include user-agent, which is `user_agent`.
    """

    token: str = ""
    refresh_token: str = ""
    cookies: Pairs = ()
    user_agent: str = ""
    headers: Pairs = ()
    account_id: str = field(init=False, compare=False)
    expires_at: float | None = field(init=False, compare=False)
    fingerprint: str = field(init=False, compare=False)

    def __repr__(self) -> str:
        return f"WebSession(account={self.account_id[:8] or '-'}, fingerprint={self.fingerprint[:_SHOWN]})"

    def __post_init__(self) -> None:
        # Asked for several times in each call.
        object.__setattr__(self, "account_id", jwt.account_id(self.token))
        object.__setattr__(self, "expires_at", jwt.expires_at(self.token))
        object.__setattr__(self, "fingerprint", _fingerprint("web", self.refresh_token or self.token))

    def with_token(self, token: str, refresh_token: str = "") -> "WebSession":
        """Return the session after a renewal; cookies of the same names follow, if they were exported.

        An empty `refresh_token` keeps the present one. Raises
        `TokenMalformed` if a value could not be sent.
        """
        if not is_cookie_value(refresh_token):
            raise malformed("the new refresh token has characters that no Cookie header may carry")
        renewed = {"token": jwt.checked(token), "refresh_token": refresh_token or self.refresh_token}
        cookies = tuple((name, renewed.get(name) or value) for name, value in self.cookies)
        return WebSession(renewed["token"], renewed["refresh_token"], cookies, self.user_agent, self.headers)


@dataclass(frozen=True, slots=True, repr=False)
class ApiKey(Unpicklable):
    """A key of the official API, of an own engine, or of this gateway; `fingerprint` is a keyed hash of it."""

    value: str
    fingerprint: str = field(init=False, compare=False)

    def __repr__(self) -> str:
        return f"ApiKey(fingerprint={self.fingerprint[:_SHOWN]})"

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _fingerprint("key", self.value))


Credentials = WebSession | ApiKey
