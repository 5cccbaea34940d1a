"""What DashScope's errors mean: every row of its table, in both dialects, in all forms."""

import json
from typing import Any

import pytest

from qwen_grpc.errors import (
    AccessDenied,
    Billing,
    ContentFiltered,
    ContextLength,
    CredentialExpired,
    InvalidParameter,
    ModelNotFound,
    NotFound,
    QwenError,
    RateLimited,
    TokenQuota,
    TooLarge,
    Unsupported,
    UpstreamCrashed,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamUnavailable,
)
from qwen_grpc.upstreams.dashscope.refusals import failed_finish, refusal, refused_event
from qwen_grpc.upstreams.messages import Head, Request, Server

HOST = "dashscope-intl.aliyuncs.com"
REQUEST_ID = "ab9f3446-9bbf-963e-9754-2c7a1b3c4d5e"


def answered(status: int, body: Any, headers: dict[str, str] | None = None) -> QwenError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request("POST", Server(True, HOST, 443, HOST), "/compatible-mode/v1/chat/completions", {})
    return refusal(Head(request, status, headers or {}), content)


def compat(code: str, message: str = "", type_: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}, "request_id": REQUEST_ID}


def native(code: str, message: str = "") -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": REQUEST_ID}


# Texts of a wrong parameter, what they mean, and the field that is named.
PARAMETERS = [
    ("Temperature should be in [0.0, 2.0)", InvalidParameter, "temperature"),
    ("Range of max_tokens should be [1, 8192]", InvalidParameter, "max_tokens"),
    ("Range of seed should be [0, 2147483647]", InvalidParameter, "seed"),
    ("parameter.enable_thinking must be set to false for non-streaming calls", InvalidParameter, "enable_thinking"),
    ("This model does not support enable_search.", Unsupported, "enable_search"),
    ("The tool call is not supported.", Unsupported, "tools"),
    ("Model not exist.", ModelNotFound, ""),
    ("Range of input length should be [1, 991808]", ContextLength, "messages"),
    ("Required body invalid, please check the request body format.", InvalidParameter, ""),
    ("'messages' must contain the word 'json', to use 'response_format'.", InvalidParameter, "response_format"),
    ("Json mode response is not supported when enable_thinking is true", Unsupported, "enable_thinking"),
    ("The thinking_budget parameter must be positive and not greater than 81920", InvalidParameter, "thinking_budget"),
    ("The tool_choice parameter does not support being set to required", Unsupported, "tool_choice"),
    ("Failed to download multimodal content.", InvalidParameter, "messages"),
    ("Exceeded limit on max bytes per data-uri item : 10485760", TooLarge, ""),
    ("The model x does not support enable_thinking.", Unsupported, "enable_thinking"),
]
TPM = "You exceeded your current quota, please check your plan and billing details. error-code#token-limit"
# Status, native code, compatible code, text, and what it means.
OTHERS = [
    (400, "DataInspectionFailed", "data_inspection_failed", "Input data may contain it.", ContentFiltered),
    (400, "IPInfringementSuspect", "IPInfringementSuspect", "", ContentFiltered),
    (400, "FaqRuleBlocked", "CustomRoleBlocked", "", ContentFiltered),
    (400, "ServiceUnavailableError", "ServiceUnavailableError", "Role must be user or assistant", InvalidParameter),
    (400, "Arrearage", "Arrearage", "Access denied, please make sure your account is in good standing.", Billing),
    (400, "InvalidURL.Timeout", "InvalidURL", "url error, please check url\uff01", InvalidParameter),
    (400, "InvalidFile.Duration", "InvalidFile.Size", "", InvalidParameter),
    (400, "BadRequest.EmptyInput", "BadRequest.EmptyModel", "", InvalidParameter),
    (400, "BadRequest.TooLarge", "BadRequest.TooLarge", "Payload Too Large", TooLarge),
    (400, "UnsupportedOperation", "UnsupportedOperation", "Failed to cancel the task", Unsupported),
    (401, "InvalidApiKey", "invalid_api_key", "Invalid API-key provided.", CredentialExpired),
    (403, "AccessDenied", "access_denied", "current user api does not support synchronous calls.", AccessDenied),
    (403, "AccessDenied.Unpurchased", "Model.AccessDenied", "Access to model denied.", AccessDenied),
    (403, "Workspace.AccessDenied", "App.AccessDenied", "", AccessDenied),
    (403, "AllocationQuota.FreeTierOnly", "AllocationQuota.FreeTierOnly", "", Billing),
    (404, "ModelNotFound", "model_not_found", "The model x does not exist or you have no access to it.", ModelNotFound),
    (404, "ModelNotFound", "model_not_supported", "Unsupported model x for OpenAI compatibility mode.", ModelNotFound),
    (404, "WorkSpaceNotFound", "NotFound", "", NotFound),
    (500, "RequestTimeOut", "request_timeout", "Request timed out, please try again later.", UpstreamCrashed),
    (500, "ResponseTimeout", "ResponseTimeout", "Response timeout!", UpstreamCrashed),
    (429, "Throttling", "Throttling", "Requests throttling triggered.", RateLimited),
    (429, "Throttling.RateQuota", "limit_requests", "Requests rate limit exceeded.", RateLimited),
    (429, "LimitRequests", "limit_requests", "You exceeded your current requests list.", RateLimited),
    (429, "Throttling.BurstRate", "limit_burst_rate", "Request rate increased too quickly.", RateLimited),
    (429, "Throttling.AllocationQuota", "insufficient_quota", "Allocated quota exceeded.", TokenQuota),
    (429, "Throttling.AllocationQuota", "insufficient_quota", TPM, TokenQuota),
    (429, "Throttling.AllocationQuota", "insufficient_quota", "Free allocated quota exceeded.", Billing),
    (429, "CommodityNotPurchased", "CommodityNotPurchased", "", Billing),
    (429, "PrepaidBillOverdue", "PostpaidBillOverdue", "", Billing),
    (500, "InternalError", "internal_error", "An internal error has occured", UpstreamCrashed),
    (500, "InternalError.Algo", "InternalError.Timeout", "", UpstreamCrashed),
    (500, "SystemError", "ModelServiceFailed", "", UpstreamCrashed),
    (500, "invocationError", "invocationError", "", UpstreamCrashed),
    (503, "ModelUnavailable", "ModelServingError", "Model is unavailable", UpstreamUnavailable),
    (500, "ModelServingError", "ModelServingError", "Too many requests.", UpstreamUnavailable),
]  # fmt: skip


def every_form(status: int, code: str, compat_code: str, message: str) -> list[QwenError]:
    """The error in both dialects: as an answer, as an answer of success, and within a stream."""
    return [
        answered(status, native(code, message)),
        answered(status, compat(compat_code, message)),
        answered(status, compat(compat_code, message, compat_code)),
        answered(200, native(code, message)),
        refused_event(HOST, native(code, message)),
        refused_event(HOST, compat(compat_code, message)),
    ]


@pytest.mark.parametrize("word", ["invalid_parameter_error", "invalid_request_error", "invalid_value"])
@pytest.mark.parametrize(("message", "kind", "field"), PARAMETERS)
def test_a_wrong_parameter_is_named(message: str, kind: type[QwenError], field: str, word: str) -> None:
    told = every_form(400, "InvalidParameter", word, message)
    assert {(type(error), error.field) for error in told} == {(kind, field)}


@pytest.mark.parametrize(("status", "code", "compat_code", "message", "kind"), OTHERS)
def test_every_code_word_has_its_meaning(
    status: int, code: str, compat_code: str, message: str, kind: type[QwenError]
) -> None:
    told = every_form(status, code, compat_code, message)
    assert {type(error) for error in told} == {kind}
    assert {error.facts.get("upstream_request_id") for error in told} == {REQUEST_ID}
    # A text of theirs is never shown.
    assert not any(message and message in error.message for error in told)


def test_thinking_that_a_model_does_not_offer() -> None:
    error = answered(400, native("InvalidParameter.NotSupportEnableThinking", "whatever it says"))
    assert (type(error), error.field) == (Unsupported, "enable_thinking")


def test_a_workspace_that_is_closed_to_the_key() -> None:
    text = "Access denied: Either you are not authorized to access this workspace, or it does not exist."
    error = answered(401, native("NOT AUTHORIZED", text))
    assert (type(error), "`workspace` in the configuration" in error.message) == (AccessDenied, True)


def test_the_bounds_of_a_number_are_told() -> None:
    error = answered(400, compat("invalid_parameter_error", "Range of max_tokens should be [1, 8192]"))
    assert error.message.endswith("because of max_tokens: expected a value in [1, 8192]")


def test_what_the_models_own_side_finds_has_its_code_before_the_text() -> None:
    inner = "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 100]"
    assert type(answered(500, native("InternalError.Algo", inner))) is ContextLength
    assert type(refused_event(HOST, compat("internal_error", inner))) is ContextLength
    blocked = "<400> InternalError.Algo.DataInspectionFailed: Output data may contain inappropriate content."
    assert type(answered(400, native("InternalError.Algo", blocked))) is ContentFiltered


def test_an_event_of_the_native_dialect_within_a_text() -> None:
    frame = 'event:error\n:HTTP_STATUS/429\ndata:{"code":"Throttling.AllocationQuota","message":"Allocated quota"}\n\n'
    assert type(refused_event(HOST, {"error": {"message": frame}})) is TokenQuota
    assert type(refused_event(HOST, {"error": frame})) is TokenQuota
    broken = {"message": "event:error\ndata:{broken}", "code": "Arrearage"}
    assert type(refused_event(HOST, {"error": broken})) is Billing


@pytest.mark.parametrize(
    ("reason", "text", "kind"),
    [
        ("error_finish", "Throttling: TPM(10680324/10000000)", TokenQuota),
        ("error_finish", "Throttling: RPM(61/60)", RateLimited),
        ("error_finish", "DataInspectionFailed: Output data may contain", ContentFiltered),
        ("error_finish", "", UpstreamError),
        ("abort", "Throttling: TPM", UpstreamError),
    ],
)
def test_a_finish_reason_that_is_an_error(reason: str, text: str, kind: type[QwenError]) -> None:
    assert type(failed_finish(HOST, reason, text)) is kind


def test_a_wrong_key_names_the_host_its_region_and_its_plan() -> None:
    message = answered(401, compat("invalid_api_key")).message
    assert message.startswith(f"DashScope at {HOST} does not take this key. This host serves the region ap-southeast-1")
    assert "one region and one plan" in message


def test_how_long_to_wait_is_theirs_or_made_up() -> None:
    told = answered(429, compat("limit_requests"), {"retry-after": "7"})
    made, tokens = answered(429, compat("limit_requests")), answered(429, compat("insufficient_quota"))
    assert told.retry_after == 7
    assert made.retry_after is not None
    assert 1 <= made.retry_after <= 5
    assert tokens.retry_after == 60


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", UpstreamEmpty),
        (200, b"{half", UpstreamProtocol),
        (200, {"choices": []}, UpstreamProtocol),
        (200, {"code": "NewWord", "message": ""}, UpstreamError),
        (302, b"", UpstreamRedirect),
        (400, {"error": {"type": "invalid_request_error"}}, InvalidParameter),
        (400, b"<html>", InvalidParameter),
        (401, b"", CredentialExpired),
        (402, b"", Billing),
        (403, b"<html>", AccessDenied),
        (404, {"error": {"code": "x", "type": "invalid_request_error"}}, NotFound),
        (413, b"", TooLarge),
        (418, b"", UpstreamError),
        (429, b"", RateLimited),
        (500, b"<html>", UpstreamCrashed),
        (502, b"<html>", UpstreamUnavailable),
        (503, [], UpstreamUnavailable),
        (504, {"error": [1]}, UpstreamUnavailable),
        (599, b"", UpstreamCrashed),
    ],
)
def test_without_a_known_word_the_status_tells(status: int, body: Any, kind: type[QwenError]) -> None:
    assert type(answered(status, body)) is kind
