"""How the site says no: every known form, and forms that nobody has seen."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.errors import (
    AccessDenied,
    ChatBusy,
    ContentFiltered,
    ContextLength,
    CredentialExpired,
    Internal,
    InvalidParameter,
    ModelNotFound,
    NotFound,
    QuotaExhausted,
    QwenError,
    RateLimited,
    UpstreamChallenge,
    UpstreamCrashed,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamUnavailable,
)
from qwen_grpc.upstreams.chat_qwen_ai.refusals import StaleParent, challenge, refusal, refused_reply
from qwen_grpc.upstreams.chat_qwen_ai.site import _is_stream, _refused
from qwen_grpc.upstreams.messages import Head, Request, server_of

JSON = "application/json;charset=utf-8"
HTML = "text/html; charset=utf-8"
SSE = "text/event-stream; charset=utf-8"
PUNISH = {
    "ret": ["FAIL_SYS_USER_VALIDATE", "RGV587_ERROR::SM::哎哟喂,被挤爆啦,请稍后重试"],
    "data": {"url": "https://chat.qwen.ai:443//_____tmd_____/punish?x5secdata=SECRET&x5step=2&action=captcha"},
}
WAF = (
    b'<!doctypehtml><html lang="zh-cn"><meta charset="utf-8"><meta name="aliyun_waf_aa" content="0123456789abcdef">'
    b"<title>Verification</title>"
)
INPUT_LIMIT = "The input token limit is exceeded: 1 > 0"
DELETED = "This conversation has been deleted or does not exist."
NO_FIELD = "RequestValidationError: Field 'chat_id': Field required"


def response(status: int = 200, kind: str = JSON, **headers: str) -> Head:
    request = Request("POST", server_of(httpx.URL("https://chat.qwen.ai")), "/api/v2/chats/new?x=SECRET", {})
    return Head(request, status, {"content-type": kind, **headers})


def meaning(body: Any, status: int = 200, kind: str = JSON, **headers: str) -> QwenError:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return refusal(response(status, kind, **headers), content)


def envelope(code: object = "", details: object = "", **more: Any) -> dict[str, Any]:
    return {"success": False, "request_id": "r", "data": {"code": code, "details": details, **more}}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (envelope("Unauthorized", "您没有权限访问此资源"), CredentialExpired),
        (envelope("unauthorized"), CredentialExpired),
        (envelope("invalid token"), CredentialExpired),
        (envelope(401), CredentialExpired),
        ({"detail": "401 Unauthorized"}, CredentialExpired),
        (envelope("Forbidden"), AccessDenied),
        (envelope("Bad_Request", "Internal error, please try again."), UpstreamError),
        ({"success": False, "code": "Bad_Request", "details": "Internal error"}, UpstreamError),
        (envelope("Bad_Request", NO_FIELD), Internal),
        (envelope("RequestValidationError"), Internal),
        ({"success": False, "details": NO_FIELD}, Internal),
        (envelope("Not_Found", DELETED), NotFound),
        (envelope("CHAT_NOT_FOUND"), NotFound),
        (envelope("", DELETED), NotFound),
        (envelope("Bad_Request", "Invalid input chat parent_id 7 is not exist."), StaleParent),
        (envelope("", "Invalid input chat parent_id 7 is not exist."), StaleParent),
        (envelope("CHAT_IN_PROGRESS", "The chat is in progress!"), ChatBusy),
        (envelope("Bad_Request", "The chat is in progress!"), ChatBusy),
        (envelope("RateLimited", "每日上限", num=10), QuotaExhausted),
        ({"code": "RateLimited", "detail": "limit"}, QuotaExhausted),
        (envelope("ParallelLimited"), RateLimited),
        (envelope("quotaLimited"), RateLimited),
        (envelope("quota_limit"), RateLimited),
        (envelope("Too_Many_Requests"), RateLimited),
        (envelope("", "allocated quota exceeded"), RateLimited),
        (envelope("internal_error", "Internal Error"), UpstreamError),
        ({"error": {"code": "invalid_input", "details": "输入或附件无效"}}, InvalidParameter),
        (envelope("Bad_Request", INPUT_LIMIT), ContextLength),
        (envelope("ContextLengthExceeded"), ContextLength),
        (envelope("token-limit"), ContextLength),
        (envelope("", "Model not found"), ModelNotFound),
        (envelope("model_not_found"), ModelNotFound),
        (envelope("data_inspection_failed"), ContentFiltered),
        (envelope("never_seen_before", "never"), UpstreamError),
        ({"success": False}, UpstreamError),
    ],
)
def test_a_refusal_means_what_its_code_says(body: dict[str, Any], kind: type[QwenError]) -> None:
    assert type(meaning(body)) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, CredentialExpired),
        (302, UpstreamRedirect),
        (404, NotFound),
        (429, RateLimited),
        (500, UpstreamCrashed),
        (502, UpstreamUnavailable),
        (503, UpstreamUnavailable),
        (418, UpstreamError),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"gone", b"{", {"success": False}, envelope("internal_error"), envelope("Bad_Request", "Internal")]
)
def test_a_status_speaks_when_the_body_says_nothing_better(status: int, kind: type[QwenError], body: Any) -> None:
    assert type(meaning(body, status)) is kind


def test_a_body_that_says_more_than_the_status_wins() -> None:
    assert type(meaning(envelope("CHAT_IN_PROGRESS"), 500)) is ChatBusy


def test_a_quota_comes_back_after_the_hours_that_it_names() -> None:
    found = meaning(envelope("RateLimited", num=10))
    assert (found.message, found.retry_after) == (
        "the account's quota at chat.qwen.ai is used up; it comes back in 10 hours",
        36_000.0,
    )


@pytest.mark.parametrize(
    ("num", "hours"),
    [(2, 2), (0.5, 0.5), (0, 1), (-5, 1), (None, 1), ("10", 1), ([], 1), (10**9, 744), (10**400, 744), (1e300, 744)],
)
def test_hours_are_kept_within_reason(num: object, hours: float) -> None:
    assert meaning(envelope("RateLimited", num=num)).retry_after == hours * 3600


@pytest.mark.parametrize(
    ("given", "seconds"), [("7", 7.0), ("999999999", 86_400.0), ("soon", None), ("-1", None), ("٣", None)]
)
def test_the_header_tells_when_to_come_back(given: str, seconds: float | None) -> None:
    answer = response(429, **{"retry-after": given})
    assert refusal(answer, json.dumps(envelope("ParallelLimited")).encode()).retry_after == seconds


def test_a_busy_chat_has_a_delay_of_its_own() -> None:
    assert meaning(envelope("CHAT_IN_PROGRESS"), **{"retry-after": "60"}).retry_after == 2.0


# -- challenges ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (PUNISH, 200, JSON),
        ({"ret": ["RGV587_ERROR::SM::x"]}, 200, JSON),
        ({"ret": ["x", "FAIL_SYS_USER_VALIDATE::y"], "data": {}}, 200, JSON),
        (PUNISH, 403, JSON),
        (WAF, 200, HTML),
        (WAF, 503, HTML),
        (b"\n  " + WAF, 200, SSE),
        (b"<html>Access Verification</html>", 403, HTML),
        (b"<html>Method not allowed</html>", 405, HTML),
        (b"<html>some page</html>", 200, HTML),
        (b"", 200, HTML),
    ],
)
def test_a_challenge_is_known_by_its_structure(body: Any, status: int, kind: str) -> None:
    found = meaning(body, status, kind)
    assert (type(found), found.message, found.retry_after) == (UpstreamChallenge, challenge().message, None)


@pytest.mark.parametrize(("status", "kind"), [(503, UpstreamUnavailable), (504, UpstreamUnavailable), (404, NotFound)])
def test_a_page_about_an_outage_is_no_challenge(status: int, kind: type[QwenError]) -> None:
    assert type(meaning(b"<html>504 Gateway Time-out</html>", status, HTML)) is kind


ABOUT = "A captcha is a punish page: FAIL_SYS_USER_VALIDATE, RGV587_ERROR, aliyun_waf_aa, baxia, x5secdata"


def test_an_answer_about_captchas_is_a_stream_like_any_other() -> None:
    assert _is_stream(response(kind=SSE), f'data: {{"choices":[{{"delta":{{"content":"{ABOUT}"}}}}]}}\n\n'.encode())


def test_json_about_captchas_is_no_refusal() -> None:
    chat = json.dumps({"success": True, "data": {"title": ABOUT, "ret": ["RGV587_ERROR"]}}).encode()
    assert not _refused(response(), chat)


def test_a_refusal_about_captchas_is_no_challenge() -> None:
    assert type(meaning(envelope("internal_error", ABOUT))) is UpstreamError


@pytest.mark.parametrize(
    ("first", "status", "kind"),
    [
        (b'{"success":false}', 200, SSE),
        (b"  \n<!doctypehtml>", 200, SSE),
        (b"", 200, SSE),
        (b"data: {}\n\n", 200, JSON),
        (b"data: {}\n\n", 200, ""),
    ],
)
def test_what_only_claims_to_be_a_stream_is_none(first: bytes, status: int, kind: str) -> None:
    assert not _is_stream(response(status, kind), first)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b'{"success":true,"data":{}}', False),
        (b'{"data":[]}', False),
        (b'[{"id":1}]', False),
        (b'{"id":"u1","code":null}', False),
        (b'{"success":false,"data":{"code":"x"}}', True),
        (b'{"code":"RateLimited"}', True),
        (b'{"ret":["FAIL_SYS_USER_VALIDATE"]}', True),
        (b"<html>", True),
        (b"", True),
        (b'"text"', True),
    ],
)
def test_refusals_are_told_from_documents(body: bytes, refused: bool) -> None:  # noqa: FBT001
    assert _refused(response(), body) is refused


def test_a_document_with_a_bad_status_is_a_refusal() -> None:
    assert _refused(response(500), b'{"success":true}')


# -- hostile bodies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"SECRET", UpstreamProtocol),
        (b'{"SECRET', UpstreamProtocol),
        (b'{"success":"SECRET"}', UpstreamProtocol),
        (b'{"details":"\xff\xfeSECRET"}', UpstreamProtocol),
        (b'{"details":"\\ud800SECRET"}', UpstreamProtocol),
        (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", UpstreamProtocol),
        (b'{"data":{"num":1' + b"0" * 5000 + b"}}", UpstreamProtocol),
        (b'{"ret":"SECRET"}', UpstreamProtocol),
        (b'{"ret":[7]}', UpstreamProtocol),
        (b'{"success":false,"data":["SECRET"]}', UpstreamError),
        (b'{"success":false,"data":{"code":["SECRET"],"details":{"a":1}}}', UpstreamError),
        (b'{"success":false,"data":{"code":' + b"9" * 4000 + b"}}", UpstreamError),
        (b"", UpstreamEmpty),
        (b" \n\t", UpstreamEmpty),
    ],
)
def test_a_body_of_no_known_form_shows_nothing_of_itself(body: bytes, kind: type[QwenError]) -> None:
    found = meaning(body)
    assert type(found) is kind
    assert "SECRET" not in found.message


keys = st.sampled_from(["success", "data", "ret", "code", "details", "detail", "error", "num", "template", "x"])
codes = st.sampled_from(["RateLimited", "Bad_Request", "Unauthorized", "parent_id", "FAIL_SYS_USER_VALIDATE"])
echoes = st.sampled_from(["SECRET", "SECRET parent_id", "SECRET 401 Unauthorized"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | codes | echoes | st.just(10**400)
bodies = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
)
contents = bodies.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=30)


@given(contents, st.sampled_from([200, 302, 400, 401, 403, 429, 500, 503]))
def test_whatever_comes_a_refusal_is_one_of_our_errors(content: bytes, status: int) -> None:
    answer = response(status)
    for found in (refused_reply(answer, content), refusal(answer, content)):
        assert isinstance(found, QwenError)
        assert "SECRET" not in found.message
        assert found.field == ""
        assert found.facts == {}
        assert found.retry_after is None or 0 <= found.retry_after <= 31 * 24 * 3600


@pytest.mark.parametrize("status", [200, 404, 500])
def test_the_address_that_was_asked_is_named_without_its_query(status: int) -> None:
    assert "SECRET" not in meaning(b"", status).message
