import asyncio

import grpc
import httpx
import pytest
from google.protobuf.json_format import ParseDict
from support import USER, House, bearer, open_house, session
from upstream_record import COMPLETIONS, NEW, REFRESH, calls, failed, until

from qwen_grpc.credentials import WebSession
from qwen_grpc.simulator import Behaviour, make_refresh_token, make_token
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest


def request_of(content: str) -> CompleteChatRequest:
    return ParseDict(
        {"model": "qwen-max", "messages": [{"role": "ROLE_USER", "content": content}]}, CompleteChatRequest()
    )


def metadata(credential: WebSession) -> tuple[tuple[str, str], ...]:
    return tuple(bearer(credential).items())


def call(house: House, credential: WebSession) -> grpc.aio.UnaryUnaryCall:
    return house.chat.CompleteChat(request_of("Hello"), metadata=metadata(credential))


def bearers(house: House, path: str) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in calls(house.simulator, path)]


def error_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


@pytest.mark.asyncio
async def test_a_token_that_ends_within_three_minutes_is_refreshed_before_the_call(house: House) -> None:
    old = session(ttl_s=175)

    reply = await house.complete("Hello", credential=old)

    assert reply.status_code == 200
    assert house.simulator.refreshes == 1
    assert old.token not in bearers(house, NEW) + bearers(house, COMPLETIONS)


@pytest.mark.asyncio
async def test_a_token_that_lives_longer_is_sent_as_it_is(house: House) -> None:
    young = session(ttl_s=200)

    await house.complete("Hello", credential=young)

    assert house.simulator.refreshes == 0
    assert bearers(house, NEW) + bearers(house, COMPLETIONS) == [young.token, young.token]


@pytest.mark.asyncio
async def test_a_credential_with_only_a_refresh_token_is_enough(house: House) -> None:
    reply = await house.complete("Hello", credential=WebSession(refresh_token=make_refresh_token(USER)))

    assert reply.status_code == 200
    assert house.simulator.refreshes == 1


@pytest.mark.asyncio
async def test_a_token_that_the_site_refuses_is_refreshed_once_and_the_call_repeated_once() -> None:
    revoked = session()
    async with open_house(Behaviour(revoked_tokens=(revoked.token,))) as house:
        reply = await house.complete("Hello", credential=revoked)

        assert reply.status_code == 200
        assert house.simulator.refreshes == 1
        refused, *repeated = bearers(house, NEW)
        assert refused == revoked.token
        assert repeated == bearers(house, COMPLETIONS) != [revoked.token]


@pytest.mark.asyncio
async def test_a_completion_that_is_refused_twice_is_not_asked_a_third_time(house: House) -> None:
    reply = await house.complete("[[sim:unauthorized]]")

    assert error_of(reply) == (401, "credential_expired")
    assert house.simulator.refreshes == 1
    first, second = bearers(house, COMPLETIONS)
    assert first != second


@pytest.mark.asyncio
async def test_a_refused_token_is_not_tried_again_although_it_says_that_it_lives_longer() -> None:
    revoked = session(ttl_s=30 * 86_400)
    async with open_house(Behaviour(revoked_tokens=(revoked.token,))) as house:
        for _ in range(3):
            assert (await house.complete("Hello", credential=revoked)).status_code == 200

        assert house.simulator.refreshes == 1
        assert bearers(house, NEW).count(revoked.token) == 1


@pytest.mark.asyncio
async def test_twenty_calls_at_once_make_one_refresh() -> None:
    expired = session(ttl_s=-60)
    async with open_house(Behaviour(refresh="slow", refresh_slow_s=0.3)) as house:
        replies = await asyncio.gather(*(house.complete("Hello", credential=expired) for _ in range(20)))

        assert [reply.status_code for reply in replies] == [200] * 20
        assert house.simulator.refreshes == 1


@pytest.mark.asyncio
async def test_twenty_calls_that_the_site_refuses_make_one_refresh() -> None:
    revoked = session()
    async with open_house(Behaviour(refresh="slow", refresh_slow_s=0.3, revoked_tokens=(revoked.token,))) as house:
        replies = await asyncio.gather(*(house.complete("Hello", credential=revoked) for _ in range(20)))

        assert [reply.status_code for reply in replies] == [200] * 20
        assert house.simulator.refreshes == 1


@pytest.mark.asyncio
async def test_the_caller_that_began_a_refresh_may_leave_and_the_others_get_it() -> None:
    expired = session(ttl_s=-60)
    async with open_house(Behaviour(refresh="slow", refresh_slow_s=0.5)) as house:
        leaving = call(house, expired)
        leaving.add_done_callback(lambda _: None)
        begun = asyncio.ensure_future(leaving.code())
        await until(lambda: house.simulator.refreshes == 1)
        staying = [call(house, expired) for _ in range(3)]
        leaving.cancel()

        assert await begun == grpc.StatusCode.CANCELLED
        answers = await asyncio.gather(*staying)
        assert [answer.choices[0].message.content for answer in answers] == ["You said: Hello"] * 3
        assert house.simulator.refreshes == 1


@pytest.mark.asyncio
async def test_a_refresh_that_nobody_waits_for_any_more_serves_the_next_call() -> None:
    expired = session(ttl_s=-60)
    async with open_house(Behaviour(refresh="slow", refresh_slow_s=0.2)) as house:
        leaving = call(house, expired)
        begun = asyncio.ensure_future(leaving.code())
        await until(lambda: house.simulator.refreshes == 1)
        leaving.cancel()
        await begun

        assert (await house.complete("Hello", credential=expired)).status_code == 200
        assert house.simulator.refreshes == 1


@pytest.mark.asyncio
async def test_a_rejected_refresh_means_that_the_session_is_over() -> None:
    async with open_house(Behaviour(refresh="reject")) as house:
        expired = session(ttl_s=-60)

        assert error_of(await house.complete("Hello", credential=expired)) == (401, "credential_expired")
        found = await failed(call(house, expired))
        assert found == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_EXPIRED")
        assert calls(house.simulator, NEW) == []


@pytest.mark.asyncio
async def test_a_page_in_place_of_a_refresh_is_a_challenge_and_the_session_lives_on() -> None:
    async with open_house(Behaviour(refresh="html")) as house:
        expired = session(ttl_s=-60)
        assert error_of(await house.complete("Hello", credential=expired)) == (403, "upstream_challenge")
        assert await failed(call(house, expired)) == (grpc.StatusCode.FAILED_PRECONDITION, "UPSTREAM_CHALLENGE")

        house.simulator.behaviour.refresh = "ok"
        assert (await house.complete("Hello", credential=expired)).status_code == 200


@pytest.mark.asyncio
async def test_refresh_tokens_that_are_replaced_each_time_are_followed() -> None:
    expired = session(ttl_s=-60)
    async with open_house(Behaviour(refresh="rotate", access_ttl_s=100)) as house:
        for turn in range(1, 6):
            assert (await house.complete("Hello", credential=expired)).status_code == 200
            assert house.simulator.refreshes == turn

        spent = [request.headers["cookie"] for request in calls(house.simulator, REFRESH)]
        assert len(set(spent)) == 5


@pytest.mark.asyncio
async def test_without_a_refresh_token_the_sites_refusal_ends_the_call(house: House) -> None:
    lone = session(ttl_s=-60, refresh=False)

    assert error_of(await house.complete("Hello", credential=lone)) == (401, "credential_expired")
    assert bearers(house, NEW) == [lone.token]
    assert house.simulator.refreshes == 0


@pytest.mark.asyncio
async def test_another_refresh_token_never_gets_the_first_callers_access_token(house: House) -> None:
    owner = session(ttl_s=-60)
    thief = WebSession(token=make_token(USER, -60, serial=7), refresh_token="made-up")
    assert (await house.complete("Hello", credential=owner)).status_code == 200
    before = len(house.simulator.requests)

    assert error_of(await house.complete("Hello", credential=thief)) == (401, "credential_expired")
    assert [request.path for request in house.simulator.requests[before:]] == [REFRESH]


@pytest.mark.asyncio
async def test_a_new_export_of_a_refreshed_session_brings_its_own_cookies_and_headers(house: House) -> None:
    before = session(ttl_s=-60, cookies=(("jar", "old"),), headers=(("bx-ua", "old"),))
    after = WebSession(
        make_token(USER, -30, serial=7), before.refresh_token, (("jar", "new"),), headers=(("bx-ua", "new"),)
    )
    await house.complete("Hello", credential=before)
    await house.complete("Hello", credential=after)

    old, new = calls(house.simulator, COMPLETIONS)
    assert house.simulator.refreshes == 1
    assert (old.headers["bx-ua"], new.headers["bx-ua"]) == ("old", "new")
    token = new.headers["authorization"].removeprefix("Bearer ")
    assert old.headers["cookie"] == f"jar=old; token={token}"
    assert new.headers["cookie"] == f"jar=new; token={token}"
