import json
from typing import Any

import grpc
import pytest
import pytest_asyncio
from both_doors import COMPLETIONS, GrpcFailure, grpc_failure, metadata, question
from google.protobuf.json_format import ParseDict
from grpc import StatusCode
from http_wire import wire
from support import House, bearer, open_house

from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

MESSAGE = {"role": "user", "content": "Hello"}
LONGEST = 100_000


async def post(house: House, body: Any) -> tuple[int, dict[str, Any]]:
    """Status and error of a request; no request of these tests reaches the upstream."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = await house.http.post(COMPLETIONS, content=content, headers=bearer())
    assert house.simulator.streams == []
    assert reply.headers["x-should-retry"] == "false"
    assert reply.headers["x-request-id"].startswith("req_")
    return reply.status_code, reply.json()["error"]


@pytest.mark.asyncio
@pytest.mark.parametrize("content", [b"{", b"{'model': 1}", b'{"model": NaN}', b"\xff\xfe", b'{"a":1}{', b"[" * 9000])
async def test_what_is_no_json_is_refused(house: House, content: bytes) -> None:
    status, error = await post(house, content)
    assert (status, error["type"], error["param"], error["code"]) == (
        400,
        "invalid_request_error",
        None,
        "invalid_json",
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("content", [b"[]", b'"text"', b"1", b"null", b"true"])
async def test_json_that_is_no_object_is_refused(house: House, content: bytes) -> None:
    assert await post(house, content) == (
        400,
        {
            "message": "the body is not a JSON object",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_type",
        },
    )


WRONG: dict[str, tuple[Any, str | None, str]] = {
    "nothing at all": ({}, "model", "missing_required_parameter"),
    "no messages": ({"model": "qwen-max"}, "messages", "missing_required_parameter"),
    "no model": ({"messages": [MESSAGE]}, "model", "missing_required_parameter"),
    "an empty model": (question("Hello", model=""), "model", "missing_required_parameter"),
    "a model that is a number": (question("Hello", model=7), "model", "invalid_type"),
    "no message": (question("", messages=[]), "messages", "empty_array"),
    "messages that are a text": (question("", messages="Hello"), "messages", "invalid_type"),
    "a message that is a text": (question("", messages=["Hello"]), "messages[0]", "invalid_type"),
    "a message without a role": (question("", messages=[MESSAGE, {"content": "Hi"}]), "messages[1].role",
                                 "missing_required_parameter"),
    "an unknown role": (question("", messages=[{**MESSAGE, "role": "wizard"}]), "messages[0].role", "invalid_value"),
    "content that is a number": (question("", messages=[{**MESSAGE, "content": 7}]), "messages[0].content",
                                 "invalid_type"),
    "a part without a type": (question("", messages=[{**MESSAGE, "content": [{"text": "x"}]}]),
                              "messages[0].content[0].type", "missing_required_parameter"),
    "stream that is a text": (question("Hello", stream="yes"), "stream", "invalid_type"),
    "stream_options without stream": (question("Hello", stream_options={"include_usage": True}), "stream_options",
                                      "invalid_value"),
    "temperature that is a text": (question("Hello", temperature="hot"), "temperature", "invalid_type"),
    "temperature of 3": (question("Hello", temperature=3), "temperature", "invalid_parameter"),
    "top_p of -1": (question("Hello", top_p=-1), "top_p", "invalid_parameter"),
    "presence_penalty of 2.5": (question("Hello", presence_penalty=2.5), "presence_penalty", "invalid_parameter"),
    "max_tokens of 0": (question("Hello", max_tokens=0), "max_tokens", "invalid_parameter"),
    "max_tokens of 1.5": (question("Hello", max_tokens=1.5), "max_tokens", "invalid_type"),
    "n of 0": (question("Hello", n=0), "n", "invalid_parameter"),
    "n of 2": (question("Hello", n=2), "n", "unsupported_parameter"),
    "17 stops": (question("Hello", stop=["x"] * 17), "stop", "invalid_parameter"),
    "2049 messages": (question("", messages=[MESSAGE] * 2049), "messages", "invalid_parameter"),
}  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_field_is_named_by_its_path(house: House, name: str) -> None:
    body, param, code = WRONG[name]
    for asked in (body, {"stream": True, **body}):
        if name == "stream_options without stream" and asked is not body:
            continue
        status, error = await post(house, asked)
        assert (status, error["type"], error["param"], error["code"]) == (400, "invalid_request_error", param, code)
        assert param in error["message"] or code == "unsupported_parameter"


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [True, False])
async def test_an_unknown_model_is_404_and_names_its_neighbours(house: House, stream: bool) -> None:
    status, error = await post(house, question("Hello", model="qwen-mex", stream=stream))

    assert (status, error["code"], error["param"]) == (404, "model_not_found", None)
    assert error["message"].startswith("unknown model 'qwen-mex'; did you mean 'qwen-max'")
    single = await house.http.get("/v1/models/qwen-mex", headers=bearer())
    assert (single.status_code, single.json()["error"]) == (404, error)


# -- gRPC -------------------------------------------------------------------------------------------------------------

GOOD = {"model": "qwen-max", "messages": [{"role": "ROLE_USER", "content": "Hello"}]}
VIOLATIONS: dict[str, tuple[dict[str, Any], StatusCode, str, str]] = {
    "no model": ({"model": ""}, StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", "model"),
    "no message": ({"messages": []}, StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", "messages"),
    "no role": ({"messages": [{"content": "Hi"}]}, StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER",
                "messages[0].role"),
    "a role of the future": ({"messages": [*GOOD["messages"], {"role": 99}]}, StatusCode.INVALID_ARGUMENT,
                             "INVALID_PARAMETER", "messages[1].role"),
    "temperature of 3": ({"temperature": 3}, StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", "temperature"),
    "temperature of NaN": ({"temperature": "NaN"}, StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", "temperature"),
    "max_tokens of -1": ({"max_tokens": -1}, StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", "max_tokens"),
    "n of 2": ({"n": 2}, StatusCode.UNIMPLEMENTED, "UNSUPPORTED", "n"),
    "a parent without a chat": ({"conversation": {"parent_message_id": "m1"}}, StatusCode.INVALID_ARGUMENT,
                                "INVALID_PARAMETER", "conversation.chat_id"),
    "an unknown model": ({"model": "qwen-mex"}, StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", ""),
}  # fmt: skip


async def refusals(doors: Any, message: CompleteChatRequest) -> list[GrpcFailure]:
    """How both methods refuse a request."""
    found = []
    calls = (doors.chat.CompleteChat(message, metadata=metadata()), doors.chat.StreamChat(message, metadata=metadata()))
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (call.read() if hasattr(call, "read") else call)
        found.append(grpc_failure(caught.value))
    return found


@pytest.mark.asyncio
@pytest.mark.parametrize("name", VIOLATIONS)
async def test_a_wrong_field_of_a_message_is_a_violation_that_names_it(house: House, name: str) -> None:
    changes, *expected = VIOLATIONS[name]
    found = await refusals(house, ParseDict({**GOOD, **changes}, CompleteChatRequest()))

    assert [[failure.code, failure.reason, failure.field] for failure in found] == [expected] * 2
    assert house.simulator.streams == []


@pytest.mark.asyncio
async def test_a_message_over_the_limit_is_refused_by_the_transport(house: House) -> None:
    big = CompleteChatRequest(user="x" * (33 << 20))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await house.chat.CompleteChat(big, metadata=metadata(), timeout=20)
    assert caught.value.code() == StatusCode.RESOURCE_EXHAUSTED


# -- sizes, addresses, methods ----------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def small_house() -> Any:
    """A house whose REST door takes bodies of at most 100,000 bytes."""
    async with open_house(shim={"max_body": LONGEST}) as opened:
        yield opened


def body_of(size: int) -> bytes:
    empty = len(json.dumps(question("")))
    return json.dumps(question("x" * (size - empty))).encode()


@pytest.mark.asyncio
async def test_a_body_over_the_limit_is_413_and_one_at_the_limit_passes(small_house: House) -> None:
    assert len(body_of(LONGEST)) == LONGEST
    fits = await small_house.http.post(COMPLETIONS, content=body_of(LONGEST), headers=bearer())
    over = await small_house.http.post(COMPLETIONS, content=body_of(LONGEST + 1), headers=bearer())

    assert (fits.status_code, over.status_code) == (200, 413)
    assert over.json()["error"]["code"] == "request_too_large"
    assert len(small_house.simulator.streams) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("claim", ["content-length: 99999999999", "transfer-encoding: chunked"])
async def test_a_body_that_only_turns_out_too_large_is_413_as_well(small_house: House, claim: str) -> None:
    assert small_house.gateway.rest is not None
    async with wire(small_house.gateway.rest.port) as line:
        line.send(f"POST {COMPLETIONS} HTTP/1.1\r\nhost: localhost\r\n{claim}\r\n\r\n".encode())
        if "chunked" in claim:
            line.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            for _ in range(7):
                line.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        status, _, body = await line.answer()
    assert (status, body["error"]["code"]) == (413, "request_too_large")


@pytest.mark.asyncio
async def test_headers_over_the_limit_are_431(house: House) -> None:
    reply = await house.http.get("/v1/models", headers={"x-large": "x" * 20_000})

    assert reply.status_code == 431
    assert reply.json()["error"]["code"] == "headers_too_large"


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/nothing", "/v2/chat/completions", "/v1//models", "/%00"])
async def test_an_unknown_address_is_404(house: House, path: str) -> None:
    reply = await house.http.get(path)
    assert (reply.status_code, reply.json()["error"]["type"]) == (404, "invalid_request_error")
    assert reply.json()["error"]["code"] == "unknown_url"


@pytest.mark.asyncio
@pytest.mark.parametrize(("method", "path"), [("GET", COMPLETIONS), ("DELETE", "/v1/models"), ("POST", "/health")])
async def test_a_wrong_method_is_405(house: House, method: str, path: str) -> None:
    reply = await house.http.request(method, path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_supported")


# -- other origins ----------------------------------------------------------------------------------------------------

PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}


def granted(reply: Any) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


@pytest.mark.asyncio
async def test_browsers_of_other_origins_get_nothing_by_default(house: House) -> None:
    preflight = await house.http.options(COMPLETIONS, headers={"origin": "https://a.example", **PREFLIGHT})
    reply = await house.http.get("/v1/models", headers={"origin": "https://a.example"})

    assert (preflight.status_code, granted(preflight)) == (405, {})
    assert (reply.status_code, granted(reply)) == (200, {})


@pytest.mark.asyncio
async def test_exactly_the_listed_origins_are_allowed() -> None:
    async with open_house(shim={"cors_origins": "https://a.example, http://localhost:3000"}) as house:
        for origin in ("https://a.example", "http://localhost:3000"):
            preflight = await house.http.options(COMPLETIONS, headers={"origin": origin, **PREFLIGHT})
            assert preflight.status_code == 204
            assert granted(preflight)["access-control-allow-origin"] == origin
            reply = await house.http.post(COMPLETIONS, json=question("Hello", stream=True), headers=bearer())
            assert granted(reply) == {}
            failed = await house.http.post(COMPLETIONS, json={}, headers={**bearer(), "origin": origin})
            assert granted(failed)["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in granted(failed)
        for origin in ("https://a.example.evil", "https://A.example", "http://a.example", "null", "*"):
            preflight = await house.http.options(COMPLETIONS, headers={"origin": origin, **PREFLIGHT})
            assert (preflight.status_code, granted(preflight)) == (405, {})
