"""What an engine's refusals mean, by status, word and a few known phrases.

The shapes, as the engines' servers had them in the autumn of 2026: OpenAI's
`{"error": {...}}` (vLLM, Ollama, llama.cpp, and SGLang within streams), the
same members without the envelope (SGLang), `{"error": "text"}`, and FastAPI's
`{"detail": ...}`. Phrases are looked at where status and type say too little;
they are never shown.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.errors import (
    AccessDenied,
    ChatBusy,
    ContextLength,
    CredentialExpired,
    InvalidParameter,
    LoopDetected,
    ModelNotFound,
    NotFound,
    QwenError,
    RateLimited,
    TooLarge,
    Unsupported,
    UpstreamCrashed,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
    UpstreamUnavailable,
)
from qwen_grpc.openai_json.jsontext import load
from qwen_grpc.upstreams.http import BUSY_S, refused_status, retry_after
from qwen_grpc.upstreams.messages import Head

LOADING_S = 5.0

# The statuses of errors that come without one, as within a stream.
_STATUS_OF = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "exceed_context_size_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "NotFoundError": 404,
    "rate_limit_error": 429,
    "not_supported_error": 501,
    "unavailable_error": 503,
    "service_unavailable_error": 503,
}
_param = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]]{0,99}")
_COUNTS = ("n_prompt_tokens", "n_ctx")

_too_long = re.compile(
    r"context (length|size|window)|maximum (context|model|input) length|longer than the (model|maximum)", re.IGNORECASE
)
_loading = re.compile(r"\bload(ing)?\b.*\bmodel\b|\bmodel\b.*\bload", re.IGNORECASE)
_busy = re.compile(r"server busy|queue is full", re.IGNORECASE)
_of_a_model = re.compile(r"\bmodel\b", re.IGNORECASE)
# What an engine says that it cannot do, and the field that asked for it.
_CANNOT = (
    (re.compile(r"not support tools|tools? .{0,20}requires? --", re.IGNORECASE), "tools"),
    (re.compile(r"not support thinking", re.IGNORECASE), "enable_thinking"),
    (re.compile(r"(image|audio|video|vision) input is not supported|not a multimodal", re.IGNORECASE), "messages"),
    (re.compile(r"logprobs is not supported", re.IGNORECASE), "logprobs"),
    (re.compile(r"not support embedding", re.IGNORECASE), "model"),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error as an engine told it; `message` is its own text and `facts` are its counts of tokens."""

    status: int
    type: str = ""
    param: str = ""
    message: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    wait_s: float | None = None


def refused(place: str, response: Head, body: bytes) -> QwenError:
    """What an HTTP answer means that is no success. `place` names the engine and its host."""
    try:
        value = load(body)
    except ValueError:
        value = None
    status = response.status_code
    if status >= 400:
        return meaning(place, complaint_of(value, status, retry_after(response)))
    if status >= 300:
        return refused_status(place, response)
    if isinstance(value, dict) and ("error" in value or value.get("object") == "error"):
        return refused_event(place, value)
    if not body.strip():
        return UpstreamEmpty(f"{place} answered {response.request.path} with an empty body")
    return UpstreamProtocol(f"{place} answered {response.request.path} with something else than was asked for")


def refused_event(place: str, value: Any) -> QwenError:
    """What an error within a stream means."""
    return meaning(place, complaint_of(value, 0))


def complaint_of(value: Any, status: int, wait_s: float | None = None) -> Complaint:
    """Reads an error of any shape. Without an HTTP status, 0, its own code or type tells."""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return Complaint(status or 500, message=error if isinstance(error, str) else "", wait_s=wait_s)
    kind, param = _text(error.get("type")), _text(error.get("param"))
    message = _text(error.get("message")) or _text(error.get("detail"))
    facts = {name: str(error[name]) for name in _COUNTS if type(error.get(name)) is int}
    return Complaint(status or _status(error.get("code"), kind, message), kind, param, message, facts, wait_s)


def meaning(place: str, said: Complaint) -> QwenError:
    """The error of ours for an engine's complaint."""
    if said.type == "exceed_context_size_error" or (
        said.status in (400, 413, 422, 500) and _too_long.search(said.message)
    ):
        return _context_length(place, said)
    for phrase, asked in _CANNOT:
        if phrase.search(said.message):
            text = f"{place} says that this model, as it was started there, cannot do what {asked} asks for"
            return Unsupported(text, field=asked)
    if make := _BY_STATUS.get(said.status):
        return make(place, said)
    if said.status in _PLAIN:
        plain, text = _PLAIN[said.status]
        return plain(f"{place} answered {said.status}: {text}")
    kind = UpstreamCrashed if said.status >= 500 else UpstreamError
    return kind(f"{place} answered {said.status} and did not say why")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _status(code: Any, kind: str, message: str) -> int:
    number = int(code) if isinstance(code, int | str) and str(code).isdecimal() else 0
    return number if 400 <= number < 600 else _STATUS_OF.get(kind, 503 if _busy.search(message) else 500)


def _context_length(place: str, said: Complaint) -> QwenError:
    counted = "".join(f", {name} {value}" for name, value in said.facts.items())
    text = f"{place} cannot hold a prompt this long{counted}: shorten it, or start the engine with a larger context"
    error = ContextLength(text, field="messages")
    error.facts.update(said.facts)
    return error


def _invalid(place: str, said: Complaint) -> QwenError:
    param = said.param if _param.fullmatch(said.param) else ""
    about = f" because of {param}" if param else ""
    return InvalidParameter(f"{place} refused the request{about} ({said.status})", field=param)


def _missing(place: str, said: Complaint) -> QwenError:
    if _of_a_model.search(said.message):
        return ModelNotFound(f"{place} does not serve this model; GET /v1/models (ListModels) lists all")
    return NotFound(f"{place} answered 404: it does not know what was asked for")


def _busy_with_it(place: str, said: Complaint) -> QwenError:
    return ChatBusy(f"{place} answered 409: it is busy with the same thing", retry_after=said.wait_s or BUSY_S)


def _limited(place: str, said: Complaint) -> QwenError:
    return RateLimited(f"{place} answered 429: too many requests", retry_after=said.wait_s or _a_moment())


def _not_there(place: str, said: Complaint) -> QwenError:
    return Unsupported(f"{place} answered {said.status}: it does not do what was asked for")


def _unavailable(place: str, said: Complaint) -> QwenError:
    loading = _loading.search(said.message)
    state = "is still loading the model" if loading else "cannot take the request now"
    wait_s = said.wait_s or (LOADING_S if loading else _a_moment())
    return UpstreamUnavailable(f"{place} {state} ({said.status})", retry_after=wait_s)


def _a_moment() -> float:
    """A wait in seconds where an engine names none, spread so that not all come back at once."""
    return random.uniform(1, 5)


_BY_STATUS: Mapping[int, Callable[[str, Complaint], QwenError]] = {
    400: _invalid,
    404: _missing,
    409: _busy_with_it,
    422: _invalid,
    429: _limited,
    501: _not_there,
    502: _unavailable,
    503: _unavailable,
    504: _unavailable,
}
_PLAIN: Mapping[int, tuple[type[QwenError], str]] = {
    401: (CredentialExpired, "it does not take this key; use one that this engine was started with"),
    403: (AccessDenied, "this key may not use the model or feature there"),
    413: (TooLarge, "the request is larger than it takes"),
    508: (LoopDetected, "it is a gateway that this call has passed before; look at the base_url of both"),
}
