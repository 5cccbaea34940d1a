import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from simulator_caller import MODEL, Caller, calling, verdict

from qwen_grpc.simulator import Behaviour, make_refresh_token, make_token

BX = {"bx-ua": "a", "bx-umidtoken": "b", "bx-v": "c"}
REFRESH = "/api/v2/auths/refresh"
REFRESH_HEADERS = {"version": "0.3.12", "source": "web", "x-request-origin": "https://chat.qwen.ai"}
UNAUTHORIZED = {"code": "Unauthorized", "details": "您没有权限访问此资源"}


@dataclass
class Attempt:
    """A completion that does everything wrong, to be mended step by step."""

    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=lambda: {"model": "qwen-9", "stream": False, "parent_id": "p"})
    message: dict[str, Any] = field(default_factory=lambda: {"content": "x" * 140_000, "chat_type": "t2i"})

    async def send(self, http: httpx.AsyncClient) -> str:
        body = {**self.body, "messages": [self.message]}
        return verdict(await http.post("/api/v2/chat/completions", json=body, headers=self.headers))


TOKEN = make_token("user-1", 3600)
# What is mended next, and which gate then says no.
GATES: list[tuple[Callable[[Attempt, str], object], str]] = [
    (lambda _, __: None, "Unauthorized: 您没有权限访问此资源"),
    (lambda attempt, _: attempt.headers.update(authorization=f"Bearer {TOKEN}"), "json challenge"),
    (lambda attempt, _: attempt.headers.update(cookie=f"token={TOKEN}"), "json challenge"),
    (lambda attempt, _: attempt.headers.update(BX), "Bad_Request: Internal error, please try again."),
    (lambda attempt, _: attempt.headers.update(version="0.3.12"), "json challenge"),
    (
        lambda attempt, _: attempt.message.update(content="hello", feature_config={"thinking_mode": "Deep"}),
        "RequestValidationError: Field 'chat_id': Field required",
    ),
    (
        lambda attempt, _: attempt.body.update(chat_id="c"),
        "Not_Found: This conversation has been deleted or does not exist.",
    ),
    (
        lambda attempt, chat_id: attempt.body.update(chat_id=chat_id),
        "Bad_Request: Invalid input chat parent_id p is not exist.",
    ),
    (lambda attempt, _: attempt.body.update(parent_id=None), "Bad_Request: Model not found"),
    # An unknown thinking mode stalls before it is refused.
    (lambda attempt, _: attempt.body.update(model=MODEL), "internal_error: Internal Error"),
    (lambda attempt, _: attempt.message.update(feature_config={}), "internal_error: Internal Error"),
    (lambda attempt, _: attempt.message.update(chat_type="t2t"), "Bad_Request: Internal error, please try again."),
    (lambda attempt, _: attempt.body.update(stream=True), "stream"),
    (lambda _, __: None, "RateLimited: You've reached the upper limit for today's usage."),
]


@pytest.mark.asyncio
async def test_the_gates_of_a_completion_stand_in_the_documented_order() -> None:
    behaviour = Behaviour(require_bx=True, strict_auth=True, stall_s=0.01, quota={MODEL: 1})
    async with calling(behaviour) as caller, httpx.AsyncClient(base_url=caller.simulator.url) as http:
        chat_id, attempt, seen = await caller.new_chat(), Attempt(), []
        for mend, _ in GATES:
            mend(attempt, chat_id)
            seen.append(await attempt.send(http))

    assert seen == [refusal for _, refusal in GATES]
    assert [record.scenario for record in caller.simulator.streams] == ["stall", "plain"]


@pytest.mark.asyncio
async def test_challenges_meet_creation_and_completion_in_every_mode() -> None:
    seen = {}
    async with calling(Behaviour(stall_s=0.01)) as caller:
        chat_id = await caller.new_chat()
        caller.simulator.posts = 0
        for mode in ("json", "html", "stall", "after_n_posts"):
            caller.simulator.behaviour.change({"challenge": mode, "challenge_after": 4})
            created = await caller.http.post("/api/v2/chats/new", json={})
            seen[mode] = [verdict(created), verdict(await caller.http.send(caller.asking(chat_id, "hi")))]
        caller.simulator.posts = 3
        counted = [verdict(await caller.http.send(caller.asking(chat_id, "hi"))) for _ in range(2)]

    assert seen == {
        "json": ["json challenge"] * 2,
        "html": ["html challenge"] * 2,
        "stall": ["internal_error: Internal Error"] * 2,
        "after_n_posts": ["json challenge"] * 2,
    }
    assert counted == ["stream", "json challenge"]


TOKENS: dict[str, Callable[[], str]] = {
    "expired": lambda: make_token("user-1", -1),
    "no token at all": lambda: "nonsense",
    "a refresh token": lambda: make_refresh_token("user-1"),
    "revoked": lambda: make_token("user-1", 901),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/auths/"),
        ("GET", "/api/v2/chats/"),
        ("GET", "/api/v2/chats/c"),
        ("DELETE", "/api/v2/chats/c"),
        ("DELETE", "/api/v2/chats/"),
        ("POST", "/api/v2/chats/new"),
        ("POST", "/api/v2/chat/completions/stop"),
        ("POST", "/api/v2/users/user/entitlement_quota"),
    ],
)
async def test_a_bad_token_is_unauthorized_everywhere(kind: str, method: str, path: str) -> None:
    token = TOKENS[kind]()
    async with calling() as caller:
        caller.simulator.behaviour.revoked_tokens = (token,) if kind == "revoked" else ()
        reply = await caller.http.request(method, path, headers={"authorization": f"Bearer {token}"})

    assert (reply.status_code, reply.headers["x-actual-status-code"], reply.json()["data"]) == (
        200,
        "401",
        UNAUTHORIZED,
    )


@pytest.mark.asyncio
async def test_the_cookie_alone_signs_in_as_the_user_of_its_token() -> None:
    async with calling() as caller:
        cookies = {"cookie": f"cna=x; token={make_token('user-9')}", "authorization": ""}
        reply = await caller.http.get("/api/v1/auths/", headers=cookies)

    assert (reply.json()["id"], reply.json()["role"]) == ("user-9", "user")


@pytest.mark.asyncio
async def test_a_quota_counts_per_user_and_feature_and_is_shown() -> None:
    async with calling(Behaviour(quota={"thinking": 1}, quota_wait_h=36)) as caller:
        features = {"thinking_enabled": True}
        thoughtful = [await caller.ask("hi", feature_config=features) for _ in range(2)]
        fast = await caller.ask("hi")
        left = (await caller.http.post("/api/v2/users/user/entitlement_quota", json={"features": []})).json()["data"]
        caller.http.headers["authorization"] = f"Bearer {make_token('user-2')}"
        other = await caller.ask("hi", feature_config=features)

    assert [verdict(reply) for reply in (*thoughtful, fast, other)] == [
        "stream",
        "RateLimited: You've reached the upper limit for today's usage.",
        "stream",
        "stream",
    ]
    assert thoughtful[1].json()["data"]["num"] == 36
    assert (left["thinking"]["times_left"], left["model"][MODEL]["times_left"]) == (0, -1)


async def refreshed(caller: Caller, token: str, **headers: str) -> httpx.Response:
    caller.http.cookies.clear()
    own = {**REFRESH_HEADERS, "cookie": f"refresh_token={token}", **headers}
    return await caller.http.get(REFRESH, headers=own)


@pytest.mark.asyncio
async def test_a_refresh_gives_a_new_access_token_and_keeps_the_refresh_token() -> None:
    clock = 1_790_356_225
    async with calling(now=lambda: clock) as caller:
        old = make_refresh_token("user-1", now=lambda: clock)
        first, second = [(await refreshed(caller, old)).json()["data"] for _ in range(2)]
        caller.http.headers["authorization"] = f"Bearer {first['access_token']}"
        listed = (await caller.http.get("/api/v2/chats/")).json()

    assert {**first, "access_token": ""} == {"access_token": "", "refresh_token": old, "expires_at": clock + 900}
    assert first["access_token"] != second["access_token"]
    assert listed["data"] == []
    assert caller.simulator.refreshes == 2


@pytest.mark.asyncio
async def test_a_rotating_refresh_spends_the_old_token() -> None:
    async with calling(Behaviour(refresh="rotate")) as caller:
        old = make_refresh_token("user-1")
        first = await refreshed(caller, old)
        again = await refreshed(caller, old)
        new = first.json()["data"]["refresh_token"]
        third = await refreshed(caller, new)

    assert new != old
    assert first.headers["set-cookie"] == f"refresh_token={new}; Path=/; Max-Age=2592000; HttpOnly"
    assert [verdict(reply) for reply in (again, third)] == ["unauthorized: invalid token", "success"]


@pytest.mark.asyncio
async def test_a_refresh_can_be_rejected_challenged_or_slow() -> None:
    token = make_refresh_token("user-1")
    async with calling(Behaviour(refresh_slow_s=0.2)) as caller:
        seen = {}
        for mode in ("reject", "html", "slow"):
            caller.simulator.behaviour.change({"refresh": mode})
            began = time.monotonic()
            seen[mode] = (verdict(await refreshed(caller, token)), time.monotonic() - began >= 0.2)
        caller.simulator.behaviour.refresh = "ok"
        bare = [verdict(await refreshed(caller, token, **{name: ""})) for name in REFRESH_HEADERS]
        bogus = verdict(await refreshed(caller, "nonsense"))

    assert seen == {
        "reject": ("unauthorized: invalid token", False),
        "html": ("html challenge", False),
        "slow": ("success", True),
    }
    assert bare == ["Bad_Request: Invalid request header"] * 3
    assert bogus == "unauthorized: invalid token"


@pytest.mark.asyncio
async def test_signing_in_makes_tokens_that_work() -> None:
    async with calling() as caller:
        body = {"email": "person@example.com", "password": "0" * 64}
        reply = await caller.http.post("/api/v2/auths/signin", json=body, headers=REFRESH_HEADERS)
        data = reply.json()["data"]
        account = await caller.http.get("/api/v1/auths/", headers={"authorization": f"Bearer {data['access_token']}"})
        renewed = await refreshed(caller, data["refresh_token"])

    assert account.json()["id"] == "b12f14f0-fe19-5813-b13a-f7b8bdffa3f7"
    assert verdict(renewed) == "success"


@pytest.mark.asyncio
async def test_without_a_version_a_completion_passes_only_when_nobody_asks_for_one() -> None:
    async with calling() as caller:
        del caller.http.headers["version"]
        refused = await caller.ask("hi")
        caller.simulator.behaviour.require_version = False
        passed = await caller.ask("hi")

    # This refusal has its code at the top, unlike the others.
    assert {**refused.json(), "request_id": ""} == {
        "success": False,
        "request_id": "",
        "code": "Bad_Request",
        "details": "Internal error, please try again.",
    }
    assert verdict(passed) == "stream"


def test_an_access_token_looks_like_one_of_the_live_service() -> None:
    token = make_token("user-1", now=lambda: 1_790_356_225)
    head, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))

    assert head == b'{"alg":"HS256","kid":"legacy","typ":"JWT"}'
    assert json.loads(claims) == {
        "id": "user-1",
        "last_password_change": 1_750_660_873,
        "type": "access_token",
        "exp": 1_790_357_125,
        "iat": 1_790_356_225,
    }
    assert len(signature) == 32


BROKEN_BODIES = {
    "no JSON": (b"{", "Input data was truncated"),
    "no messages": (b'{"chat_id":"c"}', "Object missing required field `messages`"),
    "no message": (b'{"chat_id":"c","messages":[]}', "Field 'messages': Field required"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", BROKEN_BODIES)
async def test_a_body_that_cannot_be_read_is_refused(kind: str) -> None:
    body, details = BROKEN_BODIES[kind]
    async with calling() as caller:
        reply = await caller.http.post("/api/v2/chat/completions", content=body)

    assert verdict(reply) == f"RequestValidationError: {details}"
