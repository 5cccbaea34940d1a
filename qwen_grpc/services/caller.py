"""Who calls: the credential in a call's metadata."""

from qwen_grpc.calls import CREDENTIAL_KEYS, Context
from qwen_grpc.credentials import Credentials
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.router import Router


def caller(context: Context, router: Router) -> Caller:
    """Who calls. Raises `TokenMalformed`."""
    return router.caller(credentials_of(context, router))


def credentials_of(context: Context, router: Router) -> Credentials | None:
    """The caller's credential, or None when the call brought none. Raises `TokenMalformed`."""
    metadata = dict(context.invocation_metadata() or ())
    value = next((metadata[key] for key in CREDENTIAL_KEYS if metadata.get(key)), "")
    text = value if isinstance(value, str) else ""
    scheme, _, rest = text.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else text
    return router.bearers.read(token) if token else None
