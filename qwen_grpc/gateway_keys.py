"""Gateway keys: made here, shown once, kept as keyed hashes only."""

import hmac
import secrets
from collections.abc import Mapping

PREFIX = "qk-"
SECRET_BYTES = 32
_ALGORITHM = "hmac-sha256"


def new_key() -> str:
    """A key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: bytes, key: str) -> str:
    """What the configuration keeps of a key."""
    return f"{_ALGORITHM}:{hmac.new(secret, key.encode(), 'sha256').hexdigest()}"


class KeyRing:
    """Knows keys by their hashes, which are given by name."""

    def __init__(self, secret: bytes, hashes: Mapping[str, str]) -> None:
        self._secret = secret
        # Looked up by the keyed hash: how long that takes tells nothing of a key.
        self._names = {hashed: name for name, hashed in hashes.items()}

    def named(self, key: str) -> str | None:
        """The name of a key, or None when it is unknown."""
        return self._names.get(hash_of(self._secret, key)) if key.startswith(PREFIX) else None
