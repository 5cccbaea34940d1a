"""Sign-in, refresh, the session check and the quota: the routes of chat.qwen.ai and auth.qwen.ai about a user."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from sanic import Request

from qwen_grpc.simulator.faults import cookie_of, html_challenge, signed_in, unauthorized
from qwen_grpc.simulator.models import offered
from qwen_grpc.simulator.replies import Answer, ok, refusal
from qwen_grpc.simulator.state import REFRESH_TTL_S, Simulator, claims_of, make_refresh_token, make_token

AUTH_HEADERS = ("version", "source", "x-request-origin")
QUOTAS = ("thinking", "search", "t2i", "t2v", "image_edit", "deep_research_deep_research")


async def session(simulator: Simulator, request: Request) -> Answer:
    """The account record, without the envelope."""
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    return Answer(
        {
            "id": user.id,
            "email": f"{user.id}@example.com",
            "name": "Person",
            "role": "user",
            "profile_image_url": "",
            "tier": "normal",
            "token_type": "Bearer",
            "permissions": {"chat": {"file_upload": True, "delete": True, "edit": True, "temporary": True}},
        }
    )


def _header_refusal(request: Request) -> Answer | None:
    """The auth host wants a set of headers, else it says so without naming any (seen in Sep 2026)."""
    complete = all(request.headers.get(name) for name in AUTH_HEADERS)
    return None if complete else refusal("Bad_Request", "Invalid request header")


async def refresh(simulator: Simulator, request: Request) -> Answer:
    """A new access token for the refresh token in the cookie."""
    if refused := _header_refusal(request):
        return refused
    simulator.refreshes += 1
    mode = simulator.behaviour.refresh
    if mode == "html":
        return html_challenge()
    if mode == "slow":
        await asyncio.sleep(simulator.behaviour.refresh_slow_s)
    token = cookie_of(request, "refresh_token")
    claims = claims_of(token)
    expired = claims.get("exp", 0) <= simulator.now()
    if mode == "reject" or expired or token in simulator.spent_refresh_tokens:
        return refusal("unauthorized", "invalid token", actual=401)
    user_id = str(claims["id"])
    if mode == "rotate":
        simulator.spent_refresh_tokens.add(token)
        token = make_refresh_token(user_id, now=simulator.now, serial=simulator.refreshes)
    return _tokens(simulator, user_id, token)


def _tokens(simulator: Simulator, user_id: str, refresh_token: str) -> Answer:
    ttl_s = simulator.behaviour.access_ttl_s
    access = make_token(user_id, ttl_s, now=simulator.now, serial=simulator.refreshes)
    expires_at = claims_of(access)["exp"]
    cookie = f"refresh_token={refresh_token}; Path=/; Max-Age={REFRESH_TTL_S}; HttpOnly"
    return ok(
        {"access_token": access, "refresh_token": refresh_token, "expires_at": expires_at}, {"set-cookie": cookie}
    )


class SignIn(msgspec.Struct):
    """The body of a sign-in; the password is the hex SHA-256 of the typed one."""

    email: str
    password: str


async def sign_in(simulator: Simulator, request: Request) -> Answer:
    """Tokens for any e-mail address; the same address is always the same user."""
    if refused := _header_refusal(request):
        return refused
    try:
        body = msgspec.json.decode(request.body, type=SignIn)
    except msgspec.DecodeError as error:
        return refusal("RequestValidationError", str(error))
    user_id = str(uuid5(NAMESPACE_URL, f"mailto:{body.email}"))
    return _tokens(simulator, user_id, make_refresh_token(user_id, now=simulator.now))


class AskedQuota(msgspec.Struct):
    """The body of a question for the quota; without features it means the usual ones."""

    features: list[str] = []


async def quota(simulator: Simulator, request: Request) -> Answer:
    """What the user has left, by feature; -1 means without limit."""
    user = signed_in(simulator, request)
    if user is None:
        return unauthorized()
    try:
        body = msgspec.json.decode(request.body or b"{}", type=AskedQuota)
    except msgspec.DecodeError as error:
        return refusal("RequestValidationError", str(error))

    def left(name: str) -> dict[str, Any]:
        allowed = simulator.behaviour.quota.get(name, -1)
        times = allowed if allowed < 0 else max(0, allowed - user.used.get(name, 0))
        return {"times_left": times, "time_unit": "day", "time_amount": 1}

    models = {model: left(model) for model in offered(simulator.behaviour)}
    names = [name for name in body.features or QUOTAS if name != "model" and name not in models]
    return ok({"user_tier": "normal", "model": models, **{name: left(name) for name in names}})
