"""One HTTP request and what is carried over from it; what no request may have; who may ask from a browser."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest
from sanic import HTTPResponse
from sanic.compat import Header

from rest_shim.cors import Cors
from rest_shim.errors import HttpError
from rest_shim.exchange import LIMIT_S, Exchange, answer, request_id
from rest_shim.hardening import check_head, close_after
from rest_shim.settings import ShimSettings


def request(body: bytes = b"", method: str = "POST", **headers: str) -> Any:
    named = Header({name.replace("_", "-"): value for name, value in headers.items()})
    return SimpleNamespace(body=body, method=method, headers=named, ctx=SimpleNamespace(request_id="r1"))


def exchange(body: bytes = b"", **headers: str) -> Exchange:
    stubs: Any = None
    return Exchange(request(body, **headers), stubs, ShimSettings(_env_file=None))  # type: ignore[call-arg]


# -- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "read"), [(b"", {}), (b"{}", {}), (b'{"a":[1,"\xc3\xa9"]}', {"a": [1, "é"]})])
def test_a_body_is_an_object(body: bytes, read: dict[str, Any]) -> None:
    assert exchange(body).body == read


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b" ", "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
        (b'{"a":' + b"[" * 100_000, "invalid_json"),
        (b"[]", "invalid_type"),
        (b"null", "invalid_type"),
        (b'"text"', "invalid_type"),
    ],
)
def test_any_other_body_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(HttpError) as failure:
        _ = exchange(body).body
    assert (failure.value.row.status, failure.value.row.code) == (400, code)


def test_an_answer_is_compact_json() -> None:
    response = answer({"a": [1, "é"]}, status=201, headers={"x-a": "b"})
    assert (response.status, response.body, response.content_type, response.headers["x-a"]) == (
        201,
        '{"a":[1,"é"]}'.encode(),
        "application/json",
        "b",
    )


# -- what goes along ----------------------------------------------------------------------------------------------


def test_credentials_and_traces_are_carried_and_nothing_else() -> None:
    found = exchange(
        authorization="Bearer x", x_api_key="k", traceparent="00-1", tracestate="a=b", cookie="c", x_other="d"
    )
    assert found.metadata == (
        ("authorization", "Bearer x"),
        ("x-api-key", "k"),
        ("traceparent", "00-1"),
        ("tracestate", "a=b"),
        ("x-request-id", "r1"),
    )


@pytest.mark.parametrize("value", ["", "tab\there", "line\nbreak", "é", "\x7f"])
def test_what_metadata_cannot_hold_is_left_behind(value: str) -> None:
    assert exchange(authorization=value).metadata == (("x-request-id", "r1"),)


@pytest.mark.parametrize(("asked", "seconds"), [("1500", 1.5), ("1", 0.001), ("999999999", LIMIT_S)])
def test_a_caller_may_ask_for_less_time(asked: str, seconds: float) -> None:
    assert exchange(x_request_timeout_ms=asked).timeout == seconds


@pytest.mark.parametrize("asked", ["0", "", "-5", "1.5", "٣", "soon", "1s", "9" * 5000])
def test_a_time_that_is_none_is_refused(asked: str) -> None:
    with pytest.raises(HttpError) as caught:
        _ = exchange(x_request_timeout_ms=asked).timeout
    assert (caught.value.row.status, caught.value.row.code, caught.value.param) == (
        400, "invalid_value", "x-request-timeout-ms"
    )  # fmt: skip
    assert caught.value.message == (
        "X-Request-Timeout-Ms: expected a whole number of milliseconds, from 1 to 999999999"
    )


def test_without_a_wish_the_limit_counts_whatever_the_sdk_says_of_its_own_patience() -> None:
    assert exchange().timeout == exchange(x_stainless_timeout="7").timeout == LIMIT_S


def test_a_call_takes_metadata_and_time_along() -> None:
    async def method(message: object, **along: object) -> object:
        return message, along

    found = asyncio.run(exchange(x_request_timeout_ms="7").call(method, "message"))
    assert found == ("message", {"metadata": (("x-request-id", "r1"),), "timeout": 0.007})


@pytest.mark.parametrize("given", ["req-1", "x" * 128])
def test_a_plain_request_id_is_kept(given: str) -> None:
    assert request_id(request(x_request_id=given)) == given


@pytest.mark.parametrize("given", ["", "x" * 129, "has space", "é"])
def test_any_other_is_replaced(given: str) -> None:
    assert re.fullmatch("req_[0-9a-f]{32}", request_id(request(x_request_id=given)))


# -- heads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["api.example", "127.0.0.1:8000", "[::1]:8000", "localhost", "under_score.example:1"])
def test_a_plain_host_is_taken(host: str) -> None:
    check_head(request(host=host))


@pytest.mark.parametrize(
    "hosts", [[], ["a", "b"], ["a", "a"], [""], ["a b"], ["a/b"], ["a:x"], ["u@a"], ["a,b"], ["a:123456"]]
)
def test_any_other_host_is_refused(hosts: list[str]) -> None:
    asked = request()
    for host in hosts:
        asked.headers.add("host", host)
    with pytest.raises(HttpError, match="^expected exactly one Host header with a name and a port$"):
        check_head(asked)


@pytest.mark.parametrize("name", ["a b", "transfer-encoding ", "a:b", "a\x00", "é", ""])
def test_a_header_name_that_is_no_token_is_refused(name: str) -> None:
    asked = request(host="a")
    asked.headers.add(name, "x")
    with pytest.raises(HttpError, match="^a header name holds characters that HTTP does not allow$"):
        check_head(asked)


def test_a_connection_is_not_used_again() -> None:
    stream = SimpleNamespace(keep_alive=True)
    for one in (SimpleNamespace(stream=stream), SimpleNamespace(stream=None)):
        close_after(one)  # type: ignore[arg-type]
    assert stream.keep_alive is False


# -- browsers -----------------------------------------------------------------------------------------------------

ORIGIN = "https://app.example"


class App:
    """What is attached to it."""

    def __init__(self) -> None:
        self.attached: list[Any] = []

    def on_request(self, work: Any, **_: Any) -> None:
        self.attached.append(work)

    on_response = on_request


def attached(origins: str) -> list[Any]:
    app: Any = App()
    Cors(origins).attach(app)
    return list(app.attached)


@pytest.mark.parametrize("origins", ["", " , "])
def test_without_origins_nothing_is_attached(origins: str) -> None:
    assert attached(origins) == []


def test_a_preflight_of_a_listed_origin_is_answered() -> None:
    preflight, _ = attached(f"https://other.example, {ORIGIN}")
    asked = request(method="OPTIONS", origin=ORIGIN, access_control_request_method="POST")
    response = asyncio.run(preflight(asked))
    assert (response.status, dict(response.headers)) == (
        204,
        {
            "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
            "access-control-allow-headers": "*, authorization, content-type, x-api-key, x-request-id",
            "access-control-max-age": "600",
        },
    )


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", {"origin": "https://evil.example", "access_control_request_method": "POST"}),
        ("OPTIONS", {"origin": ORIGIN.upper(), "access_control_request_method": "POST"}),
        ("OPTIONS", {"origin": ORIGIN}),
        ("OPTIONS", {"access_control_request_method": "POST"}),
        ("POST", {"origin": ORIGIN, "access_control_request_method": "POST"}),
    ],
)
def test_everything_else_goes_on_to_the_routes(method: str, headers: dict[str, str]) -> None:
    preflight, _ = attached(ORIGIN)
    assert asyncio.run(preflight(request(method=method, **headers))) is None


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (
            ORIGIN,
            {
                "access-control-allow-origin": ORIGIN,
                "access-control-expose-headers": "x-request-id, retry-after, "
                "x-qwen-model, x-qwen-upstream, x-qwen-attempts, x-qwen-notice",
            },
        ),
        ("https://evil.example", {}),
        ("null", {}),
    ],
)
def test_only_listed_origins_may_read_an_answer(origin: str, allowed: dict[str, str]) -> None:
    _, mark = attached(ORIGIN)
    response = HTTPResponse()
    asyncio.run(mark(request(origin=origin), response))
    assert dict(response.headers) == allowed | {"vary": "origin"}
