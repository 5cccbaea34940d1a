import asyncio
import re
import time
import uuid

import pytest
from support import USER, House, open_house, session
from upstream_record import CHATS, COMPLETIONS, MODELS, NEW, REFRESH, calls, removals, until

from qwen_grpc import __version__
from qwen_grpc.credentials import WebSession
from qwen_grpc.simulator import Arrived, Behaviour, make_refresh_token, make_token

OURS = {"accept", "source", "version", "timezone", "x-request-id", "origin", "referer", "user-agent"}
OF_THE_CALLER = {"authorization", "cookie"}
OF_HTTP = {"host", "accept-encoding", "connection", "content-type", "content-length"}
BROWSER = (
    ("accept-language", "de-DE,de;q=0.9"),
    ("sec-ch-ua", '"Chromium";v="141"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-fetch-mode", "cors"),
    ("bx-ua", "exported-ua"),
    ("bx-umidtoken", "exported-umid"),
    ("bx-v", "2.5.37"),
    ("version", "0.3.11"),
)


def cookies(request: Arrived) -> list[str]:
    return request.headers.get("cookie", "").split("; ")


@pytest.mark.asyncio
async def test_a_completion_says_what_the_sites_own_page_says(house: House) -> None:
    before = time.time()
    await house.complete("Hello")

    (request,) = calls(house.simulator, COMPLETIONS)
    headers, chat_id = request.headers, request.json["chat_id"]
    assert request.query == f"chat_id={chat_id}"
    assert {name: headers[name] for name in ("source", "version", "accept", "origin", "x-accel-buffering")} == {
        "source": "web",
        "version": "0.3.12",
        "accept": "application/json",
        "origin": house.simulator.url,
        "x-accel-buffering": "no",
    }
    assert headers["referer"] == f"{house.simulator.url}/c/{chat_id}"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"qwen-grpc/{__version__}"
    told = time.strptime(headers["timezone"], "%a %b %d %Y %H:%M:%S GMT%z")
    assert abs(time.mktime(told) - told.tm_gmtoff + time.localtime().tm_gmtoff - before) < 30
    assert re.fullmatch(r"\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4}", headers["timezone"])


@pytest.mark.asyncio
async def test_a_new_chat_is_opened_from_the_page_of_new_chats(house: House) -> None:
    await house.complete("Hello")

    (request,) = calls(house.simulator, NEW)
    assert request.headers["referer"] == f"{house.simulator.url}/c/new-chat"
    assert "x-accel-buffering" not in request.headers


@pytest.mark.asyncio
async def test_every_request_has_a_random_id_of_its_own(house: House) -> None:
    await house.complete("Hello")

    ids = [request.headers["x-request-id"] for request in house.simulator.requests]
    assert len(set(ids)) == len(ids) >= 3
    assert all(str(uuid.UUID(one, version=4)) == one for one in ids)


@pytest.mark.asyncio
async def test_nothing_that_describes_a_browser_is_made_up() -> None:
    async with open_house(qwen_chat_idle=1) as house:
        await house.complete("Hello", credential=session(ttl_s=-60))
        await until(lambda: removals(house.simulator))

        allowed = OURS | OF_THE_CALLER | OF_HTTP | {"x-accel-buffering", "x-request-origin"}
        paths = {request.path for request in house.simulator.requests}
        assert {MODELS, NEW, COMPLETIONS, REFRESH} < paths
        for request in house.simulator.requests:
            assert set(request.headers) <= allowed, request.path
            assert request.headers["user-agent"] == f"qwen-grpc/{__version__}"


@pytest.mark.asyncio
async def test_exported_browser_headers_are_sent_as_they_were(house: House) -> None:
    await house.complete("Hello", credential=session(user_agent="Mozilla/5.0 (Exported)", headers=BROWSER))

    for path in (NEW, COMPLETIONS):
        (request,) = calls(house.simulator, path)
        assert {name: request.headers[name] for name, _ in BROWSER} == dict(BROWSER)
        assert request.headers["user-agent"] == "Mozilla/5.0 (Exported)"


@pytest.mark.asyncio
async def test_the_model_list_is_asked_for_without_anybodys_session(house: House) -> None:
    await house.complete("Hello", credential=session(user_agent="Mozilla/5.0 (Exported)", headers=BROWSER))

    (request,) = calls(house.simulator, MODELS)
    assert set(request.headers) <= OURS | OF_HTTP
    assert request.headers["user-agent"] == f"qwen-grpc/{__version__}"


@pytest.mark.asyncio
async def test_the_token_cookie_is_there_once_among_the_exported_ones(house: House) -> None:
    exported = (("x-ap", "ap"), ("token", "stale"), ("ssxmod_itna", "1-x"))
    credential = session(cookies=exported)

    await house.complete("Hello", credential=credential)

    for path in (NEW, COMPLETIONS):
        (request,) = calls(house.simulator, path)
        assert cookies(request) == ["x-ap=ap", f"token={credential.token}", "ssxmod_itna=1-x"]


@pytest.mark.asyncio
async def test_the_refresh_token_goes_to_the_refresh_alone(house: House) -> None:
    credential = session(ttl_s=-60, cookies=(("x-ap", "ap"),), user_agent="Mozilla/5.0 (Exported)", headers=BROWSER)

    await house.complete("Hello", credential=credential)

    (refresh,) = calls(house.simulator, REFRESH)
    assert "authorization" not in refresh.headers
    assert f"refresh_token={credential.refresh_token}" in cookies(refresh)
    assert refresh.headers["x-request-origin"] == house.simulator.url
    assert refresh.headers["user-agent"] == "Mozilla/5.0 (Exported)"
    others = [request for request in house.simulator.requests if request.path != REFRESH]
    assert not [request.path for request in others if "refresh_token" in request.headers.get("cookie", "")]


@pytest.mark.asyncio
async def test_a_refresh_token_that_was_among_the_exported_cookies_is_sent_with_them(house: House) -> None:
    refresh = make_refresh_token(USER)
    credential = WebSession(make_token(USER), refresh, (("refresh_token", refresh),))

    await house.complete("Hello", credential=credential)

    (request,) = calls(house.simulator, COMPLETIONS)
    assert cookies(request) == [f"refresh_token={refresh}", f"token={credential.token}"]


@pytest.mark.asyncio
async def test_two_accounts_at_once_never_mix_anything() -> None:
    people = [
        session(
            f"00000000-0000-4000-8000-00000000000{number}",
            ttl_s=-60,
            cookies=(("jar", f"jar-of-{number}"),),
            user_agent=f"Mozilla/5.0 (Person {number})",
            headers=(("bx-ua", f"bx-of-{number}"),),
        )
        for number in (1, 2)
    ]
    async with open_house(Behaviour(refresh="slow", refresh_slow_s=0.1), qwen_chat_idle=1) as house:
        turns = [house.complete(f"person {at % 2 + 1}, turn {at}", credential=people[at % 2]) for at in range(100)]
        replies = await asyncio.gather(*turns)

        said = [reply.json()["choices"][0]["message"]["content"] for reply in replies]
        assert said == [f"You said: person {at % 2 + 1}, turn {at}" for at in range(100)]
        await until(lambda: len(removals(house.simulator)) == 100)
        owners = {chat: number for number in (1, 2) for chat in _chats_of(house, number)}
        assert sorted(owners.values()) == [1] * 50 + [2] * 50
        for request in house.simulator.requests:
            _check_one_person(request, owners)


def _chats_of(house: House, number: int) -> list[str]:
    bodies = [request.json for request in calls(house.simulator, COMPLETIONS)]
    return [body["chat_id"] for body in bodies if body["messages"][0]["content"].startswith(f"person {number},")]


def _check_one_person(request: Arrived, owners: dict[str, int]) -> None:
    """Whatever names a person in a request names the same one."""
    if request.path == MODELS:
        return
    number = int(request.headers["user-agent"][-2])
    fresh = re.findall(r"token=([\w.-]+)", request.headers["cookie"])
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    assert request.headers["cookie"].startswith(f"jar=jar-of-{number}; token=")
    assert {_person(token) for token in (*fresh, bearer) if token} == {number}
    if request.path == REFRESH:
        return
    assert request.headers["bx-ua"] == f"bx-of-{number}"
    if request.path == COMPLETIONS:
        assert request.body.decode().count(f"person {number}, turn") == 1
        assert owners[request.json["chat_id"]] == number
    if request.method == "DELETE":
        assert owners[request.path.removeprefix(CHATS)] == number


def _person(token: str) -> int:
    return int(WebSession(token=token).account_id[-1])
