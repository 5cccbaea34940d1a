"""Who calls: the credential in a call's metadata."""

from qwen_grpc.calls import Context
from qwen_grpc.credentials import Credentials, read_bearer
from qwen_grpc.errors import TokenMissing


def caller(context: Context) -> Credentials:
    """The caller's credential. Raises `TokenMissing` and `TokenMalformed`."""
    credentials = maybe_caller(context)
    if credentials is None:
        raise TokenMissing(
            "no credential came with the call: send `authorization: Bearer …` (docs/credentials.md names the forms)"
        )
    return credentials


def maybe_caller(context: Context) -> Credentials | None:
    """The caller's credential, or None when the call brought none."""
    metadata = dict(context.invocation_metadata() or ())
    value = metadata.get("authorization") or metadata.get("x-api-key") or ""
    text = value if isinstance(value, str) else ""
    scheme, _, rest = text.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else text
    return read_bearer(token) if token else None
