import pytest

from qwen_grpc.credentials import ApiKey, WebSession, describe

NOW = 1_790_356_225.0
PAGE = (("bx-ua", "SECRET"), ("bx-umidtoken", "SECRET"), ("bx-v", "SECRET"))
COOKIES = (("cna", "SECRET"), ("acw_tc", "SECRET"))


def test_a_full_session_is_described_by_names(make_jwt):
    session = WebSession(make_jwt(id="account-1", exp=NOW + 900), "SECRET", COOKIES, "SECRET", PAGE)

    assert describe(session, NOW) == [
        ("kind", "web session"),
        ("account", "account-1"),
        ("access token", "expires in 15 minutes (2026-09-25 17:25 UTC)"),
        ("refresh token", "yes"),
        ("user agent", "yes"),
        ("cookies", "cna, acw_tc"),
        ("headers", "bx-ua, bx-umidtoken, bx-v"),
        ("enough for", "reading and chat"),
    ]


def test_a_refresh_token_alone_is_enough_for_reading():
    assert describe(WebSession(refresh_token="SECRET"), NOW) == [
        ("kind", "web session"),
        ("account", "not stated"),
        ("access token", "none"),
        ("refresh token", "yes"),
        ("user agent", "no"),
        ("cookies", "none"),
        ("headers", "none"),
        ("enough for", "reading only: a chat is likely to be challenged without the cookies of the same browser"),
    ]


def test_a_key_tells_nothing_of_itself():
    assert describe(ApiKey("sk-SECRET-SECRET"), NOW) == [
        ("kind", "API key"),
        ("enough for", "whatever its issuer allows; it cannot be told from the key"),
    ]


@pytest.mark.parametrize(
    ("expiry", "words"),
    [
        (NOW + 1, "expires in 1 second (2026-09-25 17:10 UTC)"),
        (NOW + 7_300, "expires in 2 hours (2026-09-25 19:12 UTC)"),
        (NOW + 86_400, "expires in 1 day (2026-09-26 17:10 UTC)"),
        (NOW, "expired 0 seconds ago (2026-09-25 17:10 UTC)"),
        (NOW - 3_600, "expired 1 hour ago (2026-09-25 16:10 UTC)"),
        (None, "states no expiry"),
        (253_402_300_799, "expires in 2912175 days (9999-12-31 23:59 UTC)"),
    ],
)
def test_an_expiry_is_told_in_words(make_jwt, expiry, words):
    assert dict(describe(WebSession(make_jwt(exp=expiry)), NOW))["access token"] == words


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "nothing any more: sign in again and export a new session"),
        ({"refresh_token": "r", "cookies": COOKIES, "user_agent": "u", "headers": PAGE}, "reading and chat"),
        ({"refresh_token": "r", "cookies": COOKIES, "headers": PAGE}, "reading and chat, but a chat may be challenged"),
        (
            {"refresh_token": "r", "cookies": COOKIES, "user_agent": "u"},
            "reading and chat, but a chat may be challenged",
        ),
        ({"refresh_token": "r", "user_agent": "u", "headers": PAGE}, "reading only"),
    ],
)
def test_an_expired_token_is_as_good_as_what_came_with_it(make_jwt, parts, words):
    assert dict(describe(WebSession(make_jwt(exp=NOW - 1), **parts), NOW))["enough for"].startswith(words)
