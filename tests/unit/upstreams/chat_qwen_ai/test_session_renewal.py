"""Access tokens that are kept fresh, with a renewal that the test controls."""

import asyncio
import base64
import json

import pytest
from clockwork import Clock, turns

from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import CredentialExpired, UpstreamChallenge
from qwen_grpc.upstreams.chat_qwen_ai import sessions
from qwen_grpc.upstreams.chat_qwen_ai.sessions import REFRESH_BEFORE_S, Sessions

pytestmark = pytest.mark.asyncio

NOW = Clock()()


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(number: int, lives_s: float = 900) -> str:
    return f"{part({'alg': 'none'})}.{part({'id': 'u1', 'n': number, 'exp': NOW + lives_s})}.{part('')}"


SOON = WebSession(token(0, REFRESH_BEFORE_S - 1), "R1")
LATER = WebSession(token(0, REFRESH_BEFORE_S), "R1")


class Door:
    """The sign-in host: counts renewals, answers when it is opened, rotates refresh tokens if told."""

    def __init__(self, *, rotates: bool = False) -> None:
        self.asked: list[WebSession] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failure: Exception | None = None
        self._rotates = rotates

    async def renew(self, session: WebSession) -> WebSession:
        self.asked.append(session)
        number = len(self.asked)
        await self.open.wait()
        if self.failure:
            raise self.failure
        return session.with_token(token(number, 900 * (number + 1)), f"R{number + 1}" if self._rotates else "")


async def test_a_token_that_lives_on_is_used_as_it_is() -> None:
    door = Door()
    assert await Sessions(door.renew, now=Clock()).fresh(LATER) is LATER
    assert door.asked == []


@pytest.mark.parametrize("session", [SOON, WebSession("", "R1")])
async def test_a_token_that_ends_soon_is_renewed_once(session: WebSession) -> None:
    door = Door()
    kept = Sessions(door.renew, now=Clock())
    assert [await kept.fresh(session) for _ in range(3)] == [session.with_token(token(1, 1800))] * 3
    assert door.asked == [session]


async def test_a_session_that_cannot_be_renewed_is_tried_as_it_is() -> None:
    door = Door()
    session = WebSession(token(0, 1))
    assert await Sessions(door.renew, now=Clock()).fresh(session) is session
    assert door.asked == []


async def test_callers_of_one_session_share_a_renewal() -> None:
    door = Door()
    door.open.clear()
    kept = Sessions(door.renew, now=Clock())
    callers = [asyncio.create_task(kept.fresh(SOON)) for _ in range(5)]
    await turns()
    assert len(door.asked) == 1

    door.open.set()
    assert await asyncio.gather(*callers) == [SOON.with_token(token(1, 1800))] * 5
    assert len(door.asked) == 1


async def test_other_sessions_have_renewals_of_their_own() -> None:
    door = Door()
    door.open.clear()
    kept = Sessions(door.renew, now=Clock())
    callers = [asyncio.create_task(kept.fresh(session)) for session in (SOON, WebSession(SOON.token, "other"))]
    await turns()
    assert [session.refresh_token for session in door.asked] == ["R1", "other"]

    door.open.set()
    assert [session.refresh_token for session in await asyncio.gather(*callers)] == ["R1", "other"]


async def test_a_caller_that_leaves_does_not_end_the_renewal_for_the_others() -> None:
    door = Door()
    door.open.clear()
    kept = Sessions(door.renew, now=Clock())
    first, second = (asyncio.create_task(kept.fresh(SOON)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    assert first.cancelled()

    door.open.set()
    assert await second == SOON.with_token(token(1, 1800))
    assert len(door.asked) == 1


async def test_a_renewal_that_fails_fails_for_all_and_is_tried_again_later() -> None:
    door = Door()
    door.failure = UpstreamChallenge("no")
    kept = Sessions(door.renew, now=Clock())
    failed = await asyncio.gather(*(kept.fresh(SOON) for _ in range(3)), return_exceptions=True)
    assert failed == [door.failure] * 3

    door.failure = None
    assert await kept.fresh(SOON) == SOON.with_token(token(2, 2700))


async def test_a_refused_token_is_renewed_and_one_that_was_replaced_already_is_not() -> None:
    door = Door()
    kept = Sessions(door.renew, now=Clock())
    assert await kept.renewed(LATER) == LATER.with_token(token(1, 1800))
    assert await kept.renewed(LATER) == LATER.with_token(token(1, 1800))
    assert len(door.asked) == 1


async def test_an_export_that_is_newer_than_what_is_kept_wins() -> None:
    door = Door()
    kept = Sessions(door.renew, now=Clock())
    await kept.renewed(LATER)
    newer = WebSession(token(7, 5000), "R1")
    assert await kept.fresh(newer) is newer


async def test_a_chain_of_rotated_refresh_tokens_leads_to_the_newest() -> None:
    door, clock = Door(rotates=True), Clock()
    kept = Sessions(door.renew, now=clock)
    found = []
    for _ in range(4):
        found.append((await kept.fresh(SOON)).refresh_token)
        clock.now += 1700
    assert found == ["R2", "R3", "R4", "R5"]
    assert [session.refresh_token for session in door.asked] == ["R1", "R2", "R3", "R4"]


async def test_a_call_that_is_refused_is_made_once_more() -> None:
    door = Door()
    made = []

    async def call(session: WebSession) -> str:
        made.append(session.token)
        if session.token == LATER.token:
            raise CredentialExpired("401")
        return "done"

    assert await Sessions(door.renew, now=Clock()).once_more(LATER, call) == "done"
    assert made == [LATER.token, token(1, 1800)]


@pytest.mark.parametrize(("session", "calls"), [(LATER, 2), (WebSession(token(0)), 1)])
async def test_a_call_is_not_made_a_third_time_nor_twice_without_a_refresh_token(
    session: WebSession, calls: int
) -> None:
    made = []

    async def refused(given: WebSession) -> None:
        made.append(given)
        raise CredentialExpired("401")

    with pytest.raises(CredentialExpired):
        await Sessions(Door().renew, now=Clock()).once_more(session, refused)
    assert len(made) == calls


async def test_the_oldest_sessions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    door = Door()
    kept = Sessions(door.renew, now=Clock())
    given = [WebSession("", f"R{number}") for number in range(3)]
    for session in (*given, given[2], given[1], given[0]):
        await kept.fresh(session)
    assert [session.refresh_token for session in door.asked] == ["R0", "R1", "R2", "R0"]


async def test_closing_ends_what_is_under_way() -> None:
    door = Door()
    door.open.clear()
    kept = Sessions(door.renew, now=Clock())
    caller = asyncio.create_task(kept.fresh(SOON))
    await turns()
    await kept.close()
    with pytest.raises(asyncio.CancelledError):
        await caller
