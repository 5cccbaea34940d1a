"""Failures in Anthropic's form: its word for each HTTP status."""

from qwen_grpc.openai_json.jsontext import JsonObject
from rest_shim.errors import HttpError

PATH = "/v1/messages"
OVERLOADED = 529
# The header by which Anthropic's clients name a request.
REQUEST_ID = "request-id"

TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "invalid_request_error",
    410: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    431: "request_too_large",
    499: "api_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    508: "invalid_request_error",
}


def speaks(path: str) -> bool:
    """Whether clients of Anthropic's API call this path."""
    return path == PATH or path.startswith(f"{PATH}/")


def failure_status(error: HttpError) -> int:
    """The HTTP status. Anthropic's clients know a busy service by a number that HTTP does not have."""
    return OVERLOADED if TYPES[error.row.status] == "overloaded_error" else error.row.status


def failure_body(error: HttpError, request_id: str) -> JsonObject:
    """`{"type": "error", "error": {type, message}, "request_id"}`."""
    told = {"type": TYPES[error.row.status], "message": _message(error)}
    return {"type": "error", "error": told, "request_id": request_id}


def _message(error: HttpError) -> str:
    """The text, with the path of what is wrong, for which this form has no member."""
    named = error.param is None or error.param in error.message
    return error.message if named else f"{error.param}: {error.message}"
