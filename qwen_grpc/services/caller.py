"""Who calls: the credential in a call's metadata."""

from qwen_grpc.calls import CREDENTIAL_KEYS, Context
from qwen_grpc.credentials import Credentials, missing, read_bearer


def caller(context: Context) -> Credentials:
    """The caller's credential. Raises `TokenMissing` and `TokenMalformed`."""
    credentials = maybe_caller(context)
    if credentials is None:
        raise missing()
    return credentials


def maybe_caller(context: Context) -> Credentials | None:
    """The caller's credential, or None when the call brought none."""
    metadata = dict(context.invocation_metadata() or ())
    value = next((metadata[key] for key in CREDENTIAL_KEYS if metadata.get(key)), "")
    text = value if isinstance(value, str) else ""
    scheme, _, rest = text.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else text
    return read_bearer(token) if token else None
