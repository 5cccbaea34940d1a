"""POST|GET /v1/validate and /v1/refresh."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from sanic import HTTPResponse

from qwen_grpc.v1.tokens_pb2 import RefreshTokenRequest, ValidateTokenRequest
from rest_shim.errors import bad_request
from rest_shim.exchange import Exchange, answer


async def validate_token(exchange: Exchange) -> HTTPResponse:
    """Says whether the upstream takes the credential, from the header or from `{"token": …}`."""
    found = await exchange.call(exchange.stubs.tokens.ValidateToken, ValidateTokenRequest(token=_token(exchange)))
    body: dict[str, Any] = {"valid": found.valid}
    body |= {"reason": found.reason} if found.reason else {}
    body |= {"user_id": found.user_id} if found.user_id else {}
    return answer(body | _expiry(found.expire_time))


async def refresh_token(exchange: Exchange) -> HTTPResponse:
    """Gives the same session with a fresh access token, in the compressed form."""
    found = await exchange.call(exchange.stubs.tokens.RefreshToken, RefreshTokenRequest(token=_token(exchange)))
    return answer({"token": found.token} | _expiry(found.expire_time), headers={"cache-control": "no-store"})


def _token(exchange: Exchange) -> str:
    token = exchange.body.get("token") or ""
    if not isinstance(token, str):
        raise bad_request("token", "token has the wrong type: expected a string", "invalid_type")
    return token


def _expiry(time: Timestamp) -> dict[str, int]:
    return {"expires_at": time.seconds} if time.seconds else {}
