"""The caller's credential: hostile input until it is read, somebody's secret from then on.

    reading    the text of a bearer → WebSession or ApiKey, and back
    exports    what a person takes out of the own browser → WebSession
    describe   what may be said aloud about a credential

Below them: `kinds` (the two values), `jwt` (unverified claims), `fields`
(which bytes a header may carry) and `strict` (decoders with one spelling).
"""

from qwen_grpc.credentials.describe import describe
from qwen_grpc.credentials.exports import from_cookies, from_curl, from_export, from_har
from qwen_grpc.credentials.kinds import ApiKey, Credentials, WebSession
from qwen_grpc.credentials.reading import MAX_CHARACTERS, Bearers, pack, read_bearer, read_session
from qwen_grpc.credentials.strict import missing

__all__ = [
    "MAX_CHARACTERS",
    "ApiKey",
    "Bearers",
    "Credentials",
    "WebSession",
    "describe",
    "from_cookies",
    "from_curl",
    "from_export",
    "from_har",
    "missing",
    "pack",
    "read_bearer",
    "read_session",
]
