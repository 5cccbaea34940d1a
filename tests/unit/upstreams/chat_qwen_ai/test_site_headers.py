"""The headers of a call: what was exported, as it was exported, and otherwise who we are."""

import time

import pytest

from qwen_grpc import __version__
from qwen_grpc.credentials import WebSession
from qwen_grpc.upstreams.chat_qwen_ai.headers import cookie_header, session_headers

OURS = {
    "accept": "application/json",
    "source": "web",
    "version": "0.3.12",
    "x-request-id": "id1",
    "origin": "https://chat.qwen.ai",
    "referer": "https://chat.qwen.ai/",
    "user-agent": f"qwen-grpc/{__version__}",
}


def headers(session: WebSession | None) -> dict[str, str]:
    found = session_headers(session, "https://chat.qwen.ai", "id1")
    del found["timezone"]
    return found


def test_without_a_session_we_say_who_we_are() -> None:
    assert headers(None) == OURS


def test_an_empty_session_adds_nothing() -> None:
    assert headers(WebSession()) == OURS


def test_a_session_speaks_with_its_own_headers() -> None:
    exported = (("bx-ua", "231!x"), ("version", "0.3.11"), ("sec-ch-ua", '"Chromium"'))
    session = WebSession("T", cookies=(("acw_tc", "1"),), user_agent="Mozilla/5.0", headers=exported)
    assert headers(session) == OURS | {
        "bx-ua": "231!x",
        "version": "0.3.11",
        "sec-ch-ua": '"Chromium"',
        "user-agent": "Mozilla/5.0",
        "authorization": "Bearer T",
        "cookie": "acw_tc=1; token=T",
    }


def test_a_session_without_an_access_token_sends_its_cookies_alone() -> None:
    found = headers(WebSession(refresh_token="R", cookies=(("a", "1"),)))
    assert found == OURS | {"cookie": "a=1"}


def test_the_cookie_named_token_follows_the_token_in_its_place() -> None:
    session = WebSession("new", cookies=(("token", "old"), ("a", "1")))
    assert cookie_header(session) == "token=new; a=1"


def test_the_refresh_token_goes_to_the_sign_in_host_only() -> None:
    session = WebSession("T", "R", cookies=(("a", "1"),))
    assert (cookie_header(session), cookie_header(session, refresh=True)) == (
        "a=1; token=T",
        "a=1; token=T; refresh_token=R",
    )


@pytest.mark.parametrize(
    ("zone", "date"),
    [("<+07>-7", "Sat Sep 26 2026 00:12:10 GMT+0700"), ("UTC0", "Fri Sep 25 2026 17:12:10 GMT+0000")],
)
def test_the_time_zone_is_a_browsers_date(monkeypatch: pytest.MonkeyPatch, zone: str, date: str) -> None:
    local = time.localtime
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        patch.setattr(time, "localtime", lambda: local(1790356330))
        assert session_headers(None, "https://chat.qwen.ai", "id1")["timezone"] == date
    time.tzset()
