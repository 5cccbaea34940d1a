import json
from pathlib import Path

import pytest

from qwen_grpc.credentials import WebSession, from_cookies, from_curl, from_export, from_har, pack, read_bearer
from qwen_grpc.errors import InvalidParameter, TokenMalformed

HAR = Path(__file__).with_name("session.har")
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6Im5ld2VyIn0.c2ln"
OLDER = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6Im9sZGVyIn0.c2ln"

FROM_HAR = WebSession(
    token=JWT,
    refresh_token="newer-refresh",
    cookies=(("cna", "newer"), ("acw_tc", "1")),
    user_agent="Invented/1.0 (HAR)",
    headers=(
        ("accept-language", "en"),
        ("sec-ch-ua", '"Invented";v="1"'),
        ("sec-fetch-mode", "cors"),
        ("bx-ua", "231!invented"),
        ("bx-umidtoken", "T2gAinvented"),
        ("bx-v", "2.5.37"),
        ("version", "0.3.12"),
        ("source", "web"),
    ),
)

FROM_CURL = WebSession(
    token=JWT,
    refresh_token="durable",
    cookies=(("cna", "it's"), ("refresh_token", "durable")),
    user_agent="Invented/1.0 (X11)",
    headers=(("sec-ch-ua", '"Invented";v="1"'), ("bx-ua", "231!a%b&c$d")),
)

BASH = rf"""curl 'https://chat.qwen.ai/api/v2/chat/completions?chat_id=c1' \
  -H 'accept: application/json' \
  -H 'authorization: Bearer {JWT}' \
  -H $'sec-ch-ua: "Inv\u0065nted";v="1"' \
  -b $'cna=it\'s; refresh_token=durable' \
  -H 'bx-ua: 231!a%b&c$d' \
  -H 'timezone: Sat Sep 26 2026' \
  -H 'user-agent: Invented/1.0 (X11)' \
  --data-raw $'{{"content":"it\'s $\'a\' \\ test\n -H "}}'
"""

WINDOWS = rf"""curl ^"https://chat.qwen.ai/api/v2/chat/completions?chat_id=c1^" ^
  -H ^"accept: application/json^" ^
  -H ^"authorization: Bearer {JWT}^" ^
  -H ^"sec-ch-ua: ^\^"Invented^\^";v=^\^"1^\^"^" ^
  -b ^"cna=it's; refresh_token=durable^" ^
  -H ^"bx-ua: 231^!a^%^b^&c^$d^" ^
  -H ^"user-agent: Invented/1.0 (X11)^" ^
  --data-raw ^"^{{^\^"content^\^":^\^"a ^^ b^\^"^}}^"
"""

DOUBLE_QUOTED = f"""curl "https://chat.qwen.ai/api/v2/chat/completions" \\
  --header \\
  "Authorization: bearer {JWT}" --header "Sec-CH-UA: \\"Invented\\";v=\\"1\\"" \\
  --cookie "cna=it's; refresh_token=durable" -A "Invented/1.0 (X11)" --header "BX-UA: 231!a%b&c\\$d" --compressed
"""

SPLICED = f"""curl -b 'cna=it'\\''s; refresh_token=durable' -H 'sec-ch-ua: "Invented";v="1"' -H 'bx-ua: 231!a%b&c$d' \\
-H 'user-agent: Invented/1.0 (X11)' -H 'authorization: Bearer {JWT}' 'https://chat.qwen.ai/api/v2/chats/'"""


def har(*entries: dict) -> bytes:
    return json.dumps({"log": {"entries": list(entries)}}).encode()


def entry(url: str = "https://chat.qwen.ai/api/v2/chats/", started: str = "", **headers: str) -> dict:
    pairs = [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]
    return {"startedDateTime": started, "request": {"method": "GET", "url": url, "headers": pairs, "cookies": []}}


def test_a_har_gives_the_newest_session_with_the_headers_of_the_newest_message():
    assert from_har(HAR.read_bytes()) == FROM_HAR


def test_what_was_imported_can_be_packed():
    assert read_bearer(pack(FROM_HAR)) == FROM_HAR


def test_a_har_with_a_byte_order_mark_is_read():
    assert from_har(b"\xef\xbb\xbf" + HAR.read_bytes()) == FROM_HAR


def test_without_a_message_the_headers_of_the_authenticated_request_are_taken():
    recorded = har(entry(authorization=f"Bearer {JWT}", user_agent="Invented/1.0", host="chat.qwen.ai"))

    assert from_har(recorded) == WebSession(token=JWT, user_agent="Invented/1.0")


def test_a_token_cookie_is_enough_and_a_refresh_token_cookie_is_noticed():
    recorded = har(entry(cookie=f"token={JWT}; refresh_token=durable"))

    assert from_har(recorded) == WebSession(JWT, "durable", (("token", JWT), ("refresh_token", "durable")))


def test_the_list_of_cookies_stands_in_for_a_header_that_was_not_exported():
    request = entry(authorization=f"Bearer {JWT}")
    request["request"]["cookies"] = [{"name": "cna", "value": "1", "httpOnly": True}]
    request["response"] = {"cookies": [{"name": "refresh_token", "value": "durable"}]}

    assert from_har(har(request)) == WebSession(JWT, "durable", (("cna", "1"),))


def test_the_newest_request_wins_whatever_the_order_and_the_time_zone():
    newer = entry(started="2026-09-26T11:00:00+02:00", authorization=f"Bearer {JWT}")
    older = entry(started="2026-09-26T08:59:59Z", authorization=f"Bearer {OLDER}")
    undated = entry(started="some day", authorization=f"Bearer {OLDER}")

    assert from_har(har(newer, older, undated)) == WebSession(token=JWT)
    assert from_har(har(undated, older, newer)) == WebSession(token=JWT)


@pytest.mark.parametrize(
    "url",
    [
        "http://chat.qwen.ai/api",
        "https://chat.qwen.ai:8443/api",
        "https://chat.qwen.ai@example.com/api",
        "https://example.com/chat.qwen.ai",
        "https://xchat.qwen.ai/",
        "https://qwen.ai/",
        "https://[::1/",
        "https://chat.qwen.ai:port/",
        "",
    ],
)
def test_requests_to_other_places_are_not_looked_at(url):
    recorded = har(entry(url, authorization=f"Bearer {JWT}", cookie=f"token={JWT}"))
    with pytest.raises(InvalidParameter) as caught:
        from_har(recorded)

    assert caught.value.message == (
        "this HAR holds no request to chat.qwen.ai with an authorization header or a token cookie; "
        "record while sending one message, with sensitive data included"
    )


def test_the_auth_host_lends_its_refresh_token_but_no_session():
    refresh = entry("https://auth.qwen.ai/api/v2/auths/refresh", cookie="refresh_token=durable; foreign=1")

    assert from_har(har(entry(authorization=f"Bearer {JWT}"), refresh)) == WebSession(JWT, "durable")
    with pytest.raises(InvalidParameter):
        from_har(har(entry("https://auth.qwen.ai/", authorization=f"Bearer {JWT}")))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"log":{}}',
        b'{"log":{"entries":[{}]}}',
        b'{"log":' * 100_000,
        b'{"log":{"x":"\\ud800"',
    ],
)
def test_a_file_that_is_no_har_is_refused_in_words(data):
    with pytest.raises(InvalidParameter, match="^this is not a readable HAR file"):
        from_har(data)


def test_a_har_above_the_cap_is_refused_unread():
    with pytest.raises(InvalidParameter, match="^this HAR file is larger than 67108864 bytes"):
        from_har(bytes(64 * 1024 * 1024 + 1))


@pytest.mark.parametrize(
    "command", [BASH, BASH.replace("\n", "\r\n"), WINDOWS, WINDOWS.replace("\n", "\r\n"), DOUBLE_QUOTED, SPLICED]
)
def test_a_curl_command_is_read_in_every_browsers_quoting(command):
    found = from_curl(command)

    assert (found, dict(found.headers)) == (
        WebSession(JWT, "durable", FROM_CURL.cookies, FROM_CURL.user_agent, found.headers),
        dict(FROM_CURL.headers),
    )


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", "this is not a readable cURL command"),
        ("wget https://chat.qwen.ai/", "this is not a readable cURL command"),
        ("curl 'https://chat.qwen.ai/", "this is not a readable cURL command"),
        ("curl " + "x" * 1_048_576, "this is not a readable cURL command"),
        ("curl 'https://example.com/' -H 'authorization: Bearer x'", "this cURL command is not of a request to"),
        ("curl", "this cURL command is not of a request to"),
        ("curl 'https://chat.qwen.ai/' -H", "neither an authorization header nor"),
        ("curl 'https://chat.qwen.ai/' -b 'cna=1'", "neither an authorization header nor"),
        ("curl 'https://chat.qwen.ai/' -H 'authorization: Basic abc'", "neither an authorization header nor"),
    ],
)
def test_a_command_without_a_session_is_refused_in_words(command, words):
    with pytest.raises(InvalidParameter, match=words):
        from_curl(command)


def test_a_broken_token_is_refused_as_such():
    with pytest.raises(TokenMalformed, match="three parts"):
        from_curl("curl 'https://chat.qwen.ai/' -H 'authorization: Bearer eyJhbGci'")


@pytest.mark.parametrize("prefix", ["", "Cookie: ", "cookie:", "  "])
def test_a_cookie_text_is_a_session(prefix):
    text = f"{prefix}cna=1; token={JWT};refresh_token=durable; odd=a b; flag"

    assert from_cookies(text, "Invented/1.0") == WebSession(
        JWT, "durable", (("cna", "1"), ("token", JWT), ("refresh_token", "durable")), "Invented/1.0"
    )


def test_a_refresh_token_cookie_alone_is_a_session():
    assert from_cookies("refresh_token=durable") == WebSession("", "durable", (("refresh_token", "durable"),))


@pytest.mark.parametrize("text", ["", "cna=1", "token", "token=", "refresh_token=a b", "token=x; " * 9_000])
def test_a_cookie_text_without_a_session_is_refused_in_words(text):
    with pytest.raises(
        InvalidParameter, match="^this cookie text has neither a token nor a refresh_token; copy the whole"
    ):
        from_cookies(text)


def test_the_three_exports_are_told_apart_by_how_they_begin():
    assert from_export(b"\n " + HAR.read_bytes()) == FROM_HAR
    assert from_export(b"\xef\xbb\xbf" + BASH.encode()) == from_curl(BASH)
    assert from_export(b"refresh_token=durable\n", "Invented/1.0") == from_cookies(
        "refresh_token=durable", "Invented/1.0"
    )
    with pytest.raises(InvalidParameter, match="^this cookie text"):
        from_export(b"\xff\x00")
