"""Two callers and many calls at once: no credential, cookie, conversation, clip or file ever crosses."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from both_doors import grpc_failure, request_of
from grpc.aio import AioRpcError
from operated import (
    ENGINES,
    TEAM_A,
    TEAM_B,
    Operated,
    account,
    bearing,
    configured,
    engine,
    official,
    operated,
    sessions,
    web,
)

from qwen_grpc.configuration import Configuration
from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.simulator import Arrived, Simulator
from qwen_grpc.v1.videos_pb2 import GetVideoRequest
from qwen_grpc.v1.videos_pb2_grpc import VideosServiceStub

CALLS = 100
USERS = ("ann", "bob")
MODELS = {
    "web": "qwen3.7-plus",
    "official": "qwen-plus",
    **dict.fromkeys(("vllm", "sglang"), "Qwen/Qwen3-8B"),
    "ollama": "qwen3:8b",
    "llamacpp": "Qwen3-8B-Q4_K_M.gguf",
}
WEB = {name: account(number) for number, name in enumerate(USERS, 1)}
PAIRS = list(itertools.combinations(MODELS, 2))
shared = pytest.mark.asyncio(loop_scope="module")


def open_to_all(simulator: Simulator) -> Configuration:
    engines = {word: engine(simulator, word, caller_keys=[f"{word}-*"]) for word in ENGINES}
    return configured({"web": web(simulator), "official": official(simulator), **engines}, {})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[Operated]:
    async with operated(open_to_all, log_level="ERROR") as opened:
        yield opened


def credential(user: str, upstream: str) -> str:
    """What a user sends to use an upstream."""
    if upstream == "web":
        return pack(WEB[user])
    return f"{'sk' if upstream == 'official' else upstream}-key-of-{user}"


def marks(user: str) -> Mapping[str, str]:
    """By upstream, what its requests show only when they come from this user."""
    shown = {name: credential(user, name) for name in MODELS if name != "web"}
    return {**shown, "web": WEB[user].token, "cookie": WEB[user].cookies[0][1]}


async def ask(house: Operated, user: str, upstream: str, number: int) -> tuple[str, str]:
    """What was said, and what was answered; over REST and gRPC in turn."""
    said = f"word {number} of {user}"
    body = {"model": MODELS[upstream], "messages": [{"role": "user", "content": said}], "enable_thinking": False}
    headers = bearing(credential(user, upstream))
    if number % 2:
        reply = await house.http.post("/v1/chat/completions", json=body, headers=headers)
        return f"You said: {said}", reply.json()["choices"][0]["message"]["content"]
    whole = await house.chat.CompleteChat(request_of(body), metadata=tuple(headers.items()), timeout=30)
    return f"You said: {said}", whole.choices[0].message.content


@shared
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
async def test_nothing_of_two_callers_crosses(house: Operated, pair: tuple[str, str]) -> None:
    house.simulator.reset()
    asked = [(user, pair[number % 2], number) for number in range(CALLS) for user in USERS]
    answers = await asyncio.gather(*(ask(house, *one) for one in asked))

    assert [answer for answer in answers if answer[0] != answer[1]] == []
    completions = [one for one in house.simulator.requests if one.path.endswith("/completions")]
    assert len(completions) == 2 * CALLS
    for one in house.simulator.requests:
        check(one)
    owners = {chat.user_id: words_of(chat) for chat in house.simulator.chats.values()}
    assert {owner for owner, words in owners.items() if len(words) != 1} == set()


def check(request: Arrived) -> None:
    """A request shows the credential of one user for this upstream, and the words of no other."""
    shown = f"{request.headers} {request.query} {request.body.decode()}"
    here = upstream_of(request.path)
    seen = {(user, place) for user in USERS for place, mark in marks(user).items() if mark in shown}
    users = {user for user, _ in seen} | {user for user in USERS if f" of {user}" in shown}
    assert len(users) <= 1, f"{users} meet in {request.method} {request.path}"
    assert {place for _, place in seen} <= ({here, "cookie"} if here == "web" else {here}), request.path


def upstream_of(path: str) -> str:
    if path.startswith("/engine/"):
        return path.split("/")[2]
    return "official" if path.startswith(("/compatible-mode/", "/api/v1/services/", "/api/v1/tasks")) else "web"


def words_of(chat: Any) -> set[str]:
    """Whose words are in a stored chat."""
    texts = [message.content for message in chat.messages.values() if message.role == "user"]
    return {user for user in USERS for text in texts if f" of {user}" in text}


@shared
@pytest.mark.parametrize(
    ("upstream", "model"), [("official", "wan2.7-t2v"), ("vllm", "Wan-AI/Wan2.2-T2V-A14B-Diffusers")]
)
async def test_the_clips_of_one_caller_are_not_found_by_the_other(house: Operated, upstream: str, model: str) -> None:
    ann, bob = (bearing(credential(user, upstream)) for user in USERS)
    made = await house.http.post("/v1/videos", json={"model": model, "prompt": "a fox"}, headers=ann)
    path = f"/v1/videos/{made.json()['id']}"
    assert [(await house.http.get(path, headers=who)).status_code for who in (ann, bob)] == [200, 404]
    assert (await house.http.get("/v1/videos", headers=bob)).json()["data"] == []


# -- two gateway keys before one pool ---------------------------------------------------------------------------------


def pooled(simulator: Simulator) -> Configuration:
    """Two keys that share two accounts of the site, as much at once as they like, and two of DashScope."""
    return configured(
        {"web": web(simulator, max_calls_per_credential=0), "official": official(simulator)},
        {"web": sessions(2), "official": [f"sk-of-the-operator-{number}" for number in (1, 2)]},
        keys={TEAM_A: {}, TEAM_B: {}},
    )


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[Operated]:
    async with operated(pooled, qwen_video_poll=0.01) as opened:
        yield opened


async def said(house: Operated, key: str, *words: str, **more: Any) -> Any:
    """The reply to a conversation of user and assistant in turn."""
    messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(words)]
    body = {"model": "web/qwen3.7-plus", "messages": messages, "enable_thinking": False, **more}
    return await house.http.post("/v1/chat/completions", json=body, headers=bearing(key))


@pytest.mark.asyncio
async def test_two_keys_with_the_same_pool_never_share_a_chat_or_show_their_key(pool: Operated) -> None:
    async def talk(key: str, number: int) -> None:
        first = await said(pool, key, f"One {number}")
        answer = first.json()["choices"][0]["message"]["content"]
        second = await said(pool, key, f"One {number}", answer, f"secret of {key}")
        assert second.json()["choices"][0]["message"]["content"] == f"You said: secret of {key}"

    await asyncio.gather(*(talk(key, number) for number in range(20) for key in (TEAM_A, TEAM_B)))

    for one in pool.simulator.requests:
        assert TEAM_A not in f"{one.headers}"
        assert TEAM_B not in f"{one.headers}"
    texts = [
        [message.content for message in chat.messages.values() if message.role == "user"]
        for chat in pool.simulator.chats.values()
    ]
    assert [len({text for text in chat if text.startswith("secret")}) for chat in texts] == [1] * 40


@pytest.mark.asyncio
async def test_a_key_goes_on_in_its_own_chats_only(pool: Operated) -> None:
    begun = [await said(pool, TEAM_A, f"One {number}") for number in range(3)]
    ids = [reply.json()["conversation"]["chat_id"] for reply in begun]
    for chat_id in ids:
        own = await said(pool, TEAM_A, "Two", conversation={"chat_id": chat_id})
        others = await said(pool, TEAM_B, "Two", conversation={"chat_id": chat_id})
        assert own.status_code == 200, own.text
        assert own.json()["conversation"]["chat_id"] == chat_id
        assert (others.status_code, others.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.asyncio
async def test_the_clips_of_one_key_are_not_found_by_the_other(pool: Operated) -> None:
    order = {"model": "official/wan2.7-t2v", "prompt": "a fox"}
    made = (await pool.http.post("/v1/videos", json=order, headers=bearing(TEAM_A))).json()["id"]
    for key, status in ((TEAM_A, 200), (TEAM_B, 404)):
        found = await pool.http.get(f"/v1/videos/{made}", headers=bearing(key))
        listed = (await pool.http.get("/v1/videos", headers=bearing(key))).json()["data"]
        assert (found.status_code, [one["id"] for one in listed]) == (status, [made] if status == 200 else [])
    assert (await pool.http.delete(f"/v1/videos/{made}", headers=bearing(TEAM_B))).status_code == 404
    stub: Any = VideosServiceStub(pool.channel)
    with pytest.raises(AioRpcError) as refused:
        await stub.GetVideo(GetVideoRequest(video_id=made), metadata=tuple(bearing(TEAM_B).items()))
    assert grpc_failure(refused.value).reason == "NOT_FOUND"


@pytest.mark.asyncio
async def test_the_files_of_one_key_are_not_found_by_the_other(pool: Operated) -> None:
    form: dict[str, Any] = {"files": {"file": ("notes.txt", b"secret", "text/plain")}, "data": {"purpose": "user_data"}}
    sent = await pool.http.post("/v1/files", **form, headers=bearing(TEAM_A))
    file_id = sent.json()["id"]
    part = [{"type": "file", "file": {"file_id": file_id}}, {"type": "text", "text": "What is it?"}]
    for key, status in ((TEAM_A, 200), (TEAM_B, 404)):
        assert (await pool.http.get(f"/v1/files/{file_id}", headers=bearing(key))).status_code == status
        body = {"model": "web/qwen3.7-plus", "messages": [{"role": "user", "content": part}]}
        asked = await pool.http.post("/v1/chat/completions", json=body, headers=bearing(key))
        assert asked.status_code == status, asked.text
    assert (await pool.http.delete(f"/v1/files/{file_id}", headers=bearing(TEAM_B))).status_code == 404


@pytest.mark.asyncio
async def test_a_key_does_not_see_the_stored_chats_of_the_operator(pool: Operated) -> None:
    await said(pool, TEAM_A, "One")
    for path in ("/v1/chats", f"/v1/chats/{next(iter(pool.simulator.chats))}"):
        reply = await pool.http.get(path, headers=bearing(TEAM_B))
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "unsupported_parameter")


def test_the_sessions_of_the_users_differ_in_all_that_is_looked_for() -> None:
    ann, bob = (set(marks(user).values()) for user in USERS)
    assert not ann & bob
    assert all(isinstance(one, WebSession) for one in WEB.values())
