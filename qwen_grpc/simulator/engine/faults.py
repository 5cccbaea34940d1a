"""The errors of engines: what each says, and the form in which it says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from qwen_grpc.simulator.engine.dialects import Dialect, Purpose, Word


@dataclass(frozen=True, slots=True)
class Fault:
    """An error. Without a `type` it has the engine's word for the status; `code` is OpenAI's, `facts` llama.cpp's.

    `media` is whether the server of pictures and videos tells it, which is another one than that of chat at SGLang.
    """

    status: int
    message: str
    type: str = ""
    param: str | None = None
    code: str | None = None
    facts: Mapping[str, int] = field(default_factory=dict)
    media: bool = False


class Refused(Exception):
    """The request is answered with this fault; `retry_after` is for the header, if not empty."""

    def __init__(self, fault: Fault, retry_after: str = "") -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.retry_after = retry_after


# The engines' words for a status; where there is none, the name of the status is it.
TYPES: Mapping[Word, Mapping[int, str]] = {
    "vllm": {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"},
    "sglang": {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"},
    "ollama": {400: "invalid_request_error", 404: "not_found_error"},
    "llamacpp": {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        501: "not_supported_error",
        503: "unavailable_error",
    },
    "generic": {429: "requests", 500: "server_error", 503: "service_unavailable_error"},
}
USUAL_TYPES: Mapping[Word, str] = {
    "ollama": "api_error",
    "llamacpp": "server_error",
    "generic": "invalid_request_error",
}
PASSING = (429, 503)


def kind_of(fault: Fault, dialect: Dialect) -> str:
    """The engine's word for an error."""
    phrase = HTTPStatus(fault.status).phrase
    usual = USUAL_TYPES.get(dialect.word, phrase if dialect.word == "vllm" else phrase.upper().replace(" ", "_"))
    return fault.type or TYPES[dialect.word].get(fault.status, usual)


def body_of(fault: Fault, dialect: Dialect) -> dict[str, Any]:
    """The body of an error."""
    if fault.status == HTTPStatus.UNAUTHORIZED and dialect.word in ("vllm", "sglang"):
        # Their doors stand before everything that knows the form of an error.
        return {"error": "Unauthorized"}
    if fault.media and dialect.word == "sglang":
        return {"detail": fault.message}
    kind = kind_of(fault, dialect)
    if dialect.word == "llamacpp":
        return {"error": {"code": fault.status, "message": fault.message, "type": kind, **fault.facts}}
    codes: dict[Word, int | str | None] = {"vllm": fault.status, "sglang": fault.status, "generic": fault.code}
    said = {"message": fault.message, "type": kind, "param": fault.param, "code": codes.get(dialect.word)}
    return {"object": "error", **said} if dialect.word == "sglang" else {"error": said}


def event_of(fault: Fault, dialect: Dialect) -> dict[str, Any]:
    """An error within a stream; there every engine wraps it."""
    body = body_of(fault, dialect)
    return body if "error" in body else {"error": body}


def too_long(dialect: Dialect, count: int, limit: int) -> Fault:
    """The prompt has more tokens than the context."""
    match dialect.word:
        case "vllm":
            words = (
                f"This model's maximum context length is {limit} tokens. However, you requested 0 output tokens and "
                f"your prompt contains at least {count} input tokens, for a total of at least {count} tokens."
            )
            return Fault(400, words, param="input_tokens")
        case "sglang":
            return Fault(400, f"The input ({count} tokens) is longer than the model's context length ({limit} tokens).")
        case "ollama":
            return Fault(400, f"prompt too long; exceeded max context length by {count - limit} tokens")
        case "llamacpp":
            words = f"request ({count} tokens) exceeds the available context size ({limit} tokens), try increasing it"
            facts = {"n_prompt_tokens": count, "n_ctx": limit}
            return Fault(400, words, "exceed_context_size_error", facts=facts)
        case _:
            words = f"This model's maximum context length is {limit} tokens, and the messages have {count}."
            return Fault(400, words, param="messages", code="context_length_exceeded")


def model_not_found(dialect: Dialect, model: str) -> Fault:
    """The engine serves no such model."""
    if dialect.word == "ollama":
        return Fault(404, f"model '{model}' not found")
    return Fault(404, f"The model `{model}` does not exist.", param="model", code="model_not_found")


def unfit(dialect: Dialect, model: str, purpose: Purpose) -> Fault:
    """The model is for something else."""
    if dialect.word == "llamacpp":
        words = "This server does not support embeddings. Start it with `--embeddings`"
        return Fault(501, words) if purpose == "embeddings" else Fault(400, "This model does not chat.")
    return Fault(400, f"The model `{model}` does not support {purpose}.", param="model")


def loading(dialect: Dialect) -> Fault:
    """The model is not there yet."""
    words = {"llamacpp": "Loading model", "ollama": "llm server loading model"}
    return Fault(503, words.get(dialect.word, "The model is being loaded."))


def overloaded(dialect: Dialect) -> Fault:
    """The queue is full."""
    words = {
        "sglang": "The request queue is full.",
        "ollama": "server busy, please try again.  maximum pending requests exceeded",
    }
    return Fault(503, words.get(dialect.word, "Too many requests are waiting."))


def blind(dialect: Dialect, model: str) -> Fault:
    """The model takes no pictures."""
    if dialect.word == "llamacpp":
        words = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
        return Fault(500, words)
    return Fault(400, f"{model} is not a multimodal model")


def unauthorized(dialect: Dialect) -> Fault:
    """The key is not the one that the engine was started with."""
    words = {"llamacpp": "Invalid API Key", "ollama": "unauthorized"}
    return Fault(401, words.get(dialect.word, "Incorrect API key provided."), code="invalid_api_key")


def internal_error(_dialect: Dialect) -> Fault:
    """Something broke."""
    return Fault(500, "The engine stopped unexpectedly.")


# What a scenario answers instead of what was asked for.
FAULTS: Mapping[str, Callable[[Dialect], Fault]] = {
    "rate_limited": lambda _: Fault(429, "Too many requests.", code="rate_limit_exceeded"),
    "internal_error": internal_error,
    "overloaded": overloaded,
    "loading": loading,
    "unauthorized": unauthorized,
    "forbidden": lambda _: Fault(403, "This key may not use the model."),
    "model_not_found": lambda dialect: model_not_found(dialect, "simulated"),
    "bad_request": lambda _: Fault(400, "temperature must be non-negative", param="temperature"),
    "context_too_long": lambda dialect: too_long(dialect, 40_000, 32_768),
    "too_large": lambda _: Fault(413, "The body is too large."),
}
