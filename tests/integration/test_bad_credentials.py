import asyncio
import base64
import gzip
import json
import secrets

import grpc
import pytest
from both_doors import COMPLETIONS, GrpcFailure, grpc_failure, question, request_of
from grpc import StatusCode
from http_wire import raw_post, wire
from support import House, session

from qwen_grpc.credentials import WebSession, pack


def large_session(length: int) -> WebSession:
    """A session whose packed form has about so many characters: what is random in base64 does not pack."""
    cookies = tuple((f"c{number}", secrets.token_urlsafe(225)) for number in range((length - 500) // 310))
    return session(cookies=cookies)


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def with_cookie(value: str) -> str:
    good = session()
    return packed(json.dumps({"token": good.token, "cookies": {"first": "fine", "second": value}}))


async def over_rest(house: House, value: str | None) -> tuple[int, str]:
    headers = {} if value is None else {"authorization": f"Bearer {value}"}
    reply = await house.http.post(COMPLETIONS, json=question("Hello"), headers=headers)
    if reply.status_code == 200:
        return 200, ""
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error"
    return reply.status_code, error["code"]


async def over_grpc(house: House, value: str | None) -> tuple[StatusCode, str]:
    given = () if value is None else (("authorization", f"Bearer {value}"),)
    try:
        await house.chat.CompleteChat(request_of(question("Hello")), metadata=given, timeout=10)
    except grpc.aio.AioRpcError as error:
        failure: GrpcFailure = grpc_failure(error)
        return failure.code, failure.reason
    return StatusCode.OK, ""


UNREADABLE: dict[str, str] = {
    "a short word": "secret",
    "a JWT that is none": "eyJhbGciOiJub25lIn0.e30",
    "base64 of nothing": "H4sI",
    "base64 that was cut": pack(session())[:-7],
    "base64 of other gzip": packed("neither JSON nor a pair"),
    "two gzip members": base64.b64encode(2 * gzip.compress(b"{}", mtime=0)).decode(),
    "a gzip bomb": packed(json.dumps({"token": "x" * 8_000_000})),
    "a carriage return and line feed in a cookie": with_cookie("a\r\nx-admin: 1"),
    "a line feed in a cookie": with_cookie("a\nb"),
    "a control byte in a cookie": with_cookie("a\x07b"),
    "DEL in a cookie": with_cookie("a\x7fb"),
    "a NUL in a cookie": with_cookie("a\0b"),
    "a second cookie in a cookie": with_cookie("a; token=other"),
    "letters beyond ASCII in a cookie": with_cookie("naïve"),
    "a token that is a number": packed('{"token": 7}'),
    "neither of the tokens": packed('{"cookies": {"a": "b"}}'),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_credential_that_cannot_be_read_is_refused_and_nobody_is_called(house: House, name: str) -> None:
    value = UNREADABLE[name]

    assert await over_rest(house, value) == (401, "invalid_api_key")
    assert await over_grpc(house, value) == (StatusCode.UNAUTHENTICATED, "TOKEN_MALFORMED")
    assert [request.path for request in house.simulator.requests] == []


@pytest.mark.asyncio
async def test_no_credential_is_refused_and_nobody_is_called(house: House) -> None:
    assert await over_rest(house, None) == (401, "invalid_api_key")
    assert await over_grpc(house, None) == (StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert house.simulator.requests == []


@pytest.mark.asyncio
async def test_a_refusal_never_repeats_the_credential(house: House) -> None:
    value = pack(session())[:-7]
    reply = await house.http.post(COMPLETIONS, json=question("Hello"), headers={"authorization": f"Bearer {value}"})
    assert value[:20] not in reply.text
    assert value[-20:] not in reply.text + repr(reply.headers)


@pytest.mark.asyncio
async def test_a_credential_of_12_kilobytes_passes_every_time_at_both_doors(house: House) -> None:
    values = [pack(large_session(12_900)) for _ in range(40)]
    assert all(12_288 < len(value) < 13_000 for value in values)

    for start in range(0, 40, 10):
        some = values[start : start + 10]
        assert await asyncio.gather(*(over_rest(house, value) for value in some)) == [(200, "")] * 10
        assert await asyncio.gather(*(over_grpc(house, value) for value in some)) == [(StatusCode.OK, "")] * 10
    assert len(house.simulator.streams) == 80


@pytest.mark.asyncio
async def test_a_credential_of_40_kilobytes_is_refused_and_nobody_is_called(house: House) -> None:
    value = packed(json.dumps({"token": session().token, "cookies": {"a": secrets.token_hex(26_000)}}))
    assert 38_000 < len(value) < 45_000

    assert await over_rest(house, value) == (431, "headers_too_large")
    assert await over_grpc(house, value) == (StatusCode.UNAUTHENTICATED, "TOKEN_MALFORMED")
    assert house.simulator.requests == []


# -- heads that two parsers would read differently --------------------------------------------------------------------

BODY = json.dumps(question("Hello")).encode()
SMUGGLED = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
HEADS: dict[str, bytes] = {
    "no host": raw_post(COMPLETIONS, BODY, host=None),
    "two hosts": raw_post(COMPLETIONS, BODY, "host: elsewhere"),
    "the same host twice": raw_post(COMPLETIONS, BODY, "host: localhost"),
    "an empty host": raw_post(COMPLETIONS, BODY, host=""),
    "a host with a path": raw_post(COMPLETIONS, BODY, host="localhost/x"),
    "a host with a user": raw_post(COMPLETIONS, BODY, host="me@localhost"),
    "a host with a space": raw_post(COMPLETIONS, BODY, host="local host"),
    "a host with a port that is none": raw_post(COMPLETIONS, BODY, host="localhost:http"),
    "a host list": raw_post(COMPLETIONS, BODY, host="localhost,elsewhere"),
    "a space before the colon": raw_post(COMPLETIONS, b"", "transfer-encoding : chunked"),
    "a space within a name": raw_post(COMPLETIONS, BODY, "x y: 1"),
    "an empty name": raw_post(COMPLETIONS, BODY, ": 1"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", HEADS)
async def test_an_ambiguous_head_is_refused_and_the_connection_closed(house: House, name: str) -> None:
    assert house.gateway.rest is not None
    async with wire(house.gateway.rest.port) as line:
        line.send(HEADS[name] + SMUGGLED)
        status, headers, body = await line.answer()
        rest = await line.closed()

    assert (status, body["error"]["code"], headers["connection"]) == (400, "invalid_request", "close")
    assert rest == b""
    assert house.simulator.requests == []


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "api.example.com"])
async def test_a_plain_host_is_served(house: House, host: str) -> None:
    assert (await house.http.get("/", headers={"host": host})).status_code == 200
