import base64
import gzip
from typing import Any

import grpc
import httpx
import pytest
from support import USER, House, bearer, open_house, session
from upstream_record import REFRESH, calls, failed

from qwen_grpc.credentials import WebSession, pack, read_bearer
from qwen_grpc.simulator import Behaviour, make_refresh_token
from qwen_grpc.v1.tokens_pb2 import RefreshTokenRequest, ValidateTokenRequest, ValidateTokenResponse

BAD = {
    "no base64": "H4sIAAAA!",
    "no gzip": "H4sI" + base64.b64encode(b"nothing at all").decode(),
    "no session": base64.b64encode(gzip.compress(b"no pipe, no object")).decode(),
    "no JWT": "eyJhbGciOiJIUzI1NiJ9.cut",
    "spaces": "a b c d e f g h",
}


async def over_rest(house: House, path: str, way: str, token: str) -> httpx.Response:
    """The same question in each form that the door takes."""
    header = {"authorization": f"Bearer {token}"}
    match way:
        case "GET header":
            return await house.http.get(path, headers=header)
        case "POST header":
            return await house.http.post(path, headers=header)
        case "POST x-api-key":
            return await house.http.post(path, headers={"x-api-key": token})
        case "POST empty object":
            return await house.http.post(path, json={}, headers=header)
        case _:
            other = bearer(session("00000000-0000-4000-8000-000000000002"))
            return await house.http.post(path, json={"token": token}, headers=other)


WAYS = ["GET header", "POST header", "POST x-api-key", "POST empty object", "POST body"]
every_way = pytest.mark.parametrize("way", WAYS)


def seconds(answer: Any) -> int:
    return answer.expire_time.seconds


async def over_grpc(house: House, request: Any, credential: str) -> Any:
    """The call of a request with a credential in the metadata."""
    method = house.tokens.RefreshToken if isinstance(request, RefreshTokenRequest) else house.tokens.ValidateToken
    return await method(request, metadata=(("authorization", f"Bearer {credential}"),) if credential else ())


@pytest.mark.asyncio
@every_way
async def test_a_good_token_is_valid_over_rest(house: House, way: str) -> None:
    good = session()

    reply = await over_rest(house, "/v1/validate", way, pack(good))

    assert reply.status_code == 200
    assert reply.json() == {"valid": True, "user_id": USER, "expires_at": int(good.expires_at or 0)}


@pytest.mark.asyncio
async def test_a_good_token_is_valid_over_grpc(house: House) -> None:
    good = session()
    expected = ValidateTokenResponse(valid=True, user_id=USER)
    expected.expire_time.FromSeconds(int(good.expires_at or 0))

    in_metadata = await over_grpc(house, ValidateTokenRequest(), pack(good))
    in_request = await over_grpc(house, ValidateTokenRequest(token=pack(good)), "")
    raw = await over_grpc(house, ValidateTokenRequest(token=good.token), "")
    assert [in_metadata, in_request, raw] == [expected] * 3


@pytest.mark.asyncio
async def test_an_ended_token_that_can_be_renewed_is_valid(house: House) -> None:
    reply = await over_rest(house, "/v1/validate", "POST body", pack(session(ttl_s=-60)))

    assert reply.json()["valid"] is True
    assert house.simulator.refreshes == 1


@pytest.mark.asyncio
@every_way
@pytest.mark.parametrize("kind", BAD)
async def test_a_token_that_does_not_decode_is_an_answer_over_rest(house: House, way: str, kind: str) -> None:
    reply = await over_rest(house, "/v1/validate", way, BAD[kind])

    assert (reply.status_code, reply.json()) == (200, {"valid": False, "reason": "TOKEN_MALFORMED"})
    assert house.simulator.requests == []


@pytest.mark.asyncio
@pytest.mark.parametrize("offline", [False, True])
async def test_a_token_that_does_not_decode_is_an_answer_over_grpc(house: House, offline: bool) -> None:
    for bad in BAD.values():
        found = await over_grpc(house, ValidateTokenRequest(token=bad, offline=offline), "")
        assert found == ValidateTokenResponse(valid=False, reason="TOKEN_MALFORMED")


@pytest.mark.asyncio
async def test_a_session_that_the_site_refuses_is_not_valid(house: House) -> None:
    over = pack(session(ttl_s=-60, refresh=False))
    expected = {"valid": False, "reason": "CREDENTIAL_EXPIRED"}

    assert (await over_rest(house, "/v1/validate", "GET header", over)).json() == expected
    found = await over_grpc(house, ValidateTokenRequest(), over)
    assert (found.valid, found.reason) == (False, "CREDENTIAL_EXPIRED")


@pytest.mark.asyncio
async def test_offline_asks_nobody(house: House) -> None:
    over = session(ttl_s=-60, refresh=False)

    found = await over_grpc(house, ValidateTokenRequest(offline=True), pack(over))

    assert (found.valid, found.user_id, seconds(found)) == (True, USER, int(over.expires_at or 0))
    assert house.simulator.requests == []


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/validate", "/v1/refresh"])
async def test_no_token_at_all_is_an_error(house: House, path: str) -> None:
    for reply in (await house.http.get(path), await house.http.post(path), await house.http.post(path, json={})):
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
    request = ValidateTokenRequest() if path == "/v1/validate" else RefreshTokenRequest()
    assert await failed(over_grpc(house, request, "")) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/validate", "/v1/refresh"])
async def test_a_token_of_another_type_is_refused_by_name(house: House, path: str) -> None:
    reply = await house.http.post(path, json={"token": 5})

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "token")


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["html", "reject"])
async def test_a_challenge_is_an_error_and_a_rejection_an_answer(mode: Any) -> None:
    async with open_house(Behaviour(refresh=mode)) as house:
        reply = await over_rest(house, "/v1/validate", "POST body", pack(session(ttl_s=-60)))

    if mode == "html":
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "upstream_challenge")
    else:
        assert (reply.status_code, reply.json()) == (200, {"valid": False, "reason": "CREDENTIAL_EXPIRED"})


@pytest.mark.asyncio
@every_way
async def test_a_refresh_gives_the_same_session_with_another_token(house: House, way: str) -> None:
    old = session(cookies=(("x-ap", "ap"),), user_agent="Mozilla/5.0 (Exported)", headers=(("bx-v", "2.5.37"),))

    reply = await over_rest(house, "/v1/refresh", way, pack(old))

    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    new = read_bearer(reply.json()["token"])
    assert isinstance(new, WebSession)
    assert new == old.with_token(new.token)
    assert new.token != old.token
    assert reply.json() == {"token": pack(new), "expires_at": int(new.expires_at or 0)}
    assert len(calls(house.simulator, REFRESH)) == 1
    assert (await house.complete("Hello", credential=new)).status_code == 200


@pytest.mark.asyncio
async def test_a_refresh_over_grpc_takes_both_places(house: House) -> None:
    first = await over_grpc(house, RefreshTokenRequest(), pack(session()))
    second = await over_grpc(house, RefreshTokenRequest(token=first.token), "")

    one, two = read_bearer(first.token), read_bearer(second.token)
    assert isinstance(one, WebSession)
    assert isinstance(two, WebSession)
    assert one.token != two.token
    assert (seconds(first), seconds(second)) == (int(one.expires_at or 0), int(two.expires_at or 0))


@pytest.mark.asyncio
async def test_a_refresh_that_replaces_the_refresh_token_gives_the_new_one() -> None:
    async with open_house(Behaviour(refresh="rotate")) as house:
        old = session()
        new = read_bearer((await over_grpc(house, RefreshTokenRequest(), pack(old))).token)
        again = await over_grpc(house, RefreshTokenRequest(token=pack(new)), "")  # type: ignore[arg-type]

        assert isinstance(new, WebSession)
        assert new.refresh_token != old.refresh_token
        assert read_bearer(again.token) != new


@pytest.mark.asyncio
async def test_what_cannot_be_renewed_is_refused(house: House) -> None:
    for token, status, code in (
        (pack(session(refresh=False)), 401, "credential_expired"),
        (pack(WebSession(session().token, "made-up")), 401, "credential_expired"),
        (BAD["no gzip"], 401, "invalid_api_key"),
    ):
        reply = await over_rest(house, "/v1/refresh", "POST body", token)
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


@pytest.mark.asyncio
async def test_a_refresh_token_alone_can_be_validated(house: House) -> None:
    alone = WebSession(refresh_token=make_refresh_token(USER))

    assert (await over_rest(house, "/v1/validate", "POST body", pack(alone))).json()["user_id"] == USER


@pytest.mark.asyncio
async def test_a_key_of_the_official_api_is_checked_there_and_cannot_be_renewed(house: House) -> None:
    good = await over_rest(house, "/v1/validate", "POST body", "sk-0123456789abcdef")
    bad = await over_rest(house, "/v1/validate", "POST body", "sk-bad-456789abcdef")
    renewed = await over_rest(house, "/v1/refresh", "POST body", "sk-0123456789abcdef")

    assert (good.json()["valid"], bad.json()["valid"], bad.json()["reason"]) == (True, False, "CREDENTIAL_EXPIRED")
    assert (renewed.status_code, renewed.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert "456789abcdef" not in good.text + bad.text + renewed.text


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/validate", "/v1/refresh"])
async def test_a_key_that_belongs_to_no_upstream_here_is_sent_to_none(house: House, path: str) -> None:
    reply = await over_rest(house, path, "POST body", "odd-0123456789abcdef")

    told = reply.json()["error"]["code"] if path == "/v1/refresh" else reply.json()["reason"]
    assert told in ("invalid_api_key", "TOKEN_MALFORMED")
    assert "0123456789abcdef" not in reply.text
    assert house.simulator.requests == []
