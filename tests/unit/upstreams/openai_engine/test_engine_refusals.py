import json
from typing import Any

import httpx
import pytest

from qwen_grpc import errors
from qwen_grpc.errors import QwenError
from qwen_grpc.upstreams.messages import Head, Request, server_of
from qwen_grpc.upstreams.openai_engine.refusals import refused, refused_event

PLACE = "gpu at 127.0.0.1:8001"
SECRET = "the engine's own words about the prompt"


def answered(status: int, body: Any, **headers: str) -> QwenError:
    request = Request("POST", server_of(httpx.URL("http://127.0.0.1:8001")), "/v1/chat/completions", {})
    response = Head(request, status, {name.replace("_", "-"): value for name, value in headers.items()})
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refused(PLACE, response, content)


def openai(message: str, kind: str = "", code: Any = None, **more: Any) -> dict[str, Any]:
    """The shape of vLLM, Ollama and llama.cpp."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def flat(message: str, kind: str, code: int) -> dict[str, Any]:
    """The shape of SGLang."""
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


TOO_LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."


@pytest.mark.parametrize(
    ("status", "body", "kind", "field"),
    [
        (400, openai(SECRET, "BadRequestError", 400), errors.InvalidParameter, ""),
        (400, openai(SECRET, "BadRequestError", 400, param="top_k"), errors.InvalidParameter, "top_k"),
        (400, flat(SECRET, "BadRequestError", 400), errors.InvalidParameter, ""),
        (422, {"detail": [{"loc": ["body"], "msg": SECRET}]}, errors.InvalidParameter, ""),
        (400, openai(TOO_LONG, "BadRequestError", 400), errors.ContextLength, "messages"),
        (400, flat("The input (9 tokens) is longer than the model's context length (8 tokens).", "", 400),
         errors.ContextLength, "messages"),
        (400, openai("registry.ollama.ai/library/x does not support tools", "invalid_request_error"),
         errors.Unsupported, "tools"),
        (400, openai('"x" does not support thinking', "invalid_request_error"), errors.Unsupported, "enable_thinking"),
        (500, openai("image input is not supported - hint", "server_error", 500), errors.Unsupported, "messages"),
        (400, openai("x is not a multimodal model", "BadRequestError", 400), errors.Unsupported, "messages"),
        (401, {"error": "Unauthorized"}, errors.CredentialExpired, ""),
        (401, openai("Invalid API Key", "authentication_error", 401), errors.CredentialExpired, ""),
        (403, b"no", errors.AccessDenied, ""),
        (404, openai("The model `x` does not exist.", "NotFoundError", 404), errors.ModelNotFound, ""),
        (404, openai('model "x" not found, try pulling it first', "api_error"), errors.ModelNotFound, ""),
        (404, {"detail": "Not Found"}, errors.NotFound, ""),
        (404, openai("File Not Found", "not_found_error", 404), errors.NotFound, ""),
        (413, b"", errors.TooLarge, ""),
        (429, openai(SECRET, "rate_limit_error", 429), errors.RateLimited, ""),
        (500, openai(SECRET, "InternalServerError", 500), errors.UpstreamCrashed, ""),
        (500, b"<html>", errors.UpstreamCrashed, ""),
        (501, openai(SECRET, "not_supported_error", 501), errors.Unsupported, ""),
        (502, b"", errors.UpstreamUnavailable, ""),
        (503, openai("Loading model", "unavailable_error", 503), errors.UpstreamUnavailable, ""),
        (504, b"", errors.UpstreamUnavailable, ""),
        (418, b"", errors.UpstreamError, ""),
        (307, b"", errors.UpstreamRedirect, ""),
        (200, b"{}", errors.UpstreamProtocol, ""),
        (200, openai(SECRET, "InternalServerError", 500), errors.UpstreamCrashed, ""),
        (200, flat(SECRET, "InternalServerError", 500), errors.UpstreamCrashed, ""),
    ],
)  # fmt: skip
def test_a_refusal_is_what_its_status_and_words_say(status: int, body: Any, kind: type[QwenError], field: str) -> None:
    error = answered(status, body)

    assert (type(error), error.field) == (kind, field)
    assert SECRET not in error.message
    assert PLACE in error.message


def test_the_counts_of_a_prompt_that_is_too_long_are_told() -> None:
    body = openai("too long", "exceed_context_size_error", 400, n_prompt_tokens=5000, n_ctx=4096)

    error = answered(400, body)

    assert (type(error), error.facts) == (errors.ContextLength, {"n_prompt_tokens": "5000", "n_ctx": "4096"})


def test_an_engine_that_loads_its_model_is_worth_another_try_soon() -> None:
    assert answered(503, openai("Loading model", "unavailable_error", 503)).retry_after == 5.0


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_is_the_engines_or_else_a_moment(status: int) -> None:
    assert answered(status, b"", retry_after="17").retry_after == 17.0
    assert 1 <= (answered(status, b"").retry_after or 0) <= 5


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (openai(SECRET, "BadRequestError", 400), errors.InvalidParameter),
        (openai(TOO_LONG, "BadRequestError", 400), errors.ContextLength),
        (openai(SECRET, "InternalServerError", 500), errors.UpstreamCrashed),
        (openai(SECRET, "unavailable_error", "503"), errors.UpstreamUnavailable),
        (openai(SECRET, "not_found_error"), errors.NotFound),
        (openai(SECRET, "api_error"), errors.UpstreamCrashed),
        (openai("server busy, please try again", "api_error"), errors.UpstreamUnavailable),
        (flat(SECRET, "InternalServerError", 500), errors.UpstreamCrashed),
        ({"error": SECRET}, errors.UpstreamCrashed),
    ],
)
def test_an_error_within_a_stream_has_its_status_in_itself(event: dict[str, Any], kind: type[QwenError]) -> None:
    error = refused_event(PLACE, event)

    assert type(error) is kind
    assert SECRET not in error.message


@pytest.mark.parametrize("param", ["a b", "x" * 200, "<script>", 7])
def test_a_field_that_is_no_name_is_not_passed_on(param: Any) -> None:
    assert answered(400, openai(SECRET, "BadRequestError", 400, param=param)).field == ""
