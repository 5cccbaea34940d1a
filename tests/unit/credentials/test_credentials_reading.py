import base64
import gzip
import json
import re
import string
import tracemalloc
import zlib

import pytest

from qwen_grpc.credentials import MAX_CHARACTERS, ApiKey, WebSession, pack, read_bearer, read_session
from qwen_grpc.errors import TokenMalformed, TokenMissing

JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpZCI6IjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMSIsImxhc3RfcGFzc3dvcmRfY2hhbmdlIjoxNzUwNjYwODczLCJleHAi"
    "OjQxMDI0NDQ4MDB9.c2lnbmF0dXJl"
)
PIPE = (
    "H4sIAAAAAAACA02Myw6CMBQFvwiCoCYseQRsAyWgGHQnl5IWWiBRecWPF3Shi8nJmcXQCbPcBx5xjNIZbQhHd9QkO3DQHtVddnawqdIJd9dVVNYQul"
    "+C02cfZP2Otv1zP45LTI4MjKQE35vBKHqQSXnRGctlIVDVjmROB1JdhsiFOXCwoAeLR1U8hi7SiBsvXdtUQRdNLj2tyLB4xQOzlYLKVoG2rTlV+pt40jdA"
    "TYuAyQAAAA=="
)
OBJECT = (
    "H4sIAAAAAAACA02PTQuCQBiE/8ueI8w+QG+lVLvoSvaBdol8d8VV1xWUNMX/ntWhDsMwD8PA9KhWGS+QifiTJNEOhCcIPnd4RgWucOEvwcIrnJXBxSLG"
    "dCyV1zdI141rf+WcPl7Td7a0xR/76TiOyTaBuR/DbtvBnD1A+nGoJ0kkWY5T1dLu3NA0bDwbOsciOd+vhZceWtfGGrUP4+7GmIKeF5HcaiwgOZogUCoT"
    "vEJmj6qqlYrdRF3cxzeMS4WG4QW9Zys/3wAAAA=="
)
GZIP = gzip.compress(json.dumps({"token": JWT}).encode(), mtime=0)

COOKIE_OCTETS = "!#$%&'()*+-./0123456789:<=>?@[]^_`{|}~" + string.ascii_letters
NAME_OCTETS = "!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits


def refusal(value: str) -> str:
    with pytest.raises(TokenMalformed) as caught:
        read_bearer(value)
    return caught.value.message


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_a_raw_jwt_is_a_web_session():
    assert read_bearer(JWT) == WebSession(token=JWT)


def test_the_pipe_form_carries_the_jwt_and_one_cookie():
    assert read_bearer(PIPE) == WebSession(token=JWT, cookies=(("ssxmod_itna", "QwhB-demo-cookie-value"),))


def test_the_pipe_form_without_a_cookie_is_the_jwt_alone(compressed):
    assert read_bearer(compressed(JWT + "|")) == WebSession(token=JWT)


def test_the_object_form_carries_named_fields():
    assert read_bearer(OBJECT) == WebSession(token=JWT, cookies=(("ssxmod_itna", "demo"),))


def test_a_session_has_one_packed_form():
    assert pack(WebSession(token=JWT, cookies=(("ssxmod_itna", "demo"),))) == OBJECT


def test_every_field_of_the_object_form_is_read(compressed):
    text = json.dumps(
        {
            "token": JWT,
            "refresh_token": "durable",
            "cookies": {"cna": "1", "acw_tc": "2"},
            "user_agent": "Mozilla/5.0 (X11)",
            "headers": {
                "BX-UA": "231!abc",
                "sec-ch-ua": '"Chromium";v="140"',
                "sec-fetch-mode": "cors",
                "version": "0.3.12",
            },
            "surprise": ["ignored"],
        }
    )
    expected = WebSession(
        token=JWT,
        refresh_token="durable",
        cookies=(("cna", "1"), ("acw_tc", "2")),
        user_agent="Mozilla/5.0 (X11)",
        headers=(
            ("bx-ua", "231!abc"),
            ("sec-ch-ua", '"Chromium";v="140"'),
            ("sec-fetch-mode", "cors"),
            ("version", "0.3.12"),
        ),
    )

    assert read_bearer(compressed(text)) == expected
    assert read_session(text) == expected


def test_a_refresh_token_alone_is_enough_for_a_session(compressed):
    assert read_bearer(compressed('{"refresh_token":"durable"}')) == WebSession(refresh_token="durable")


def test_tokens_that_are_missing_are_taken_from_the_cookies_and_the_user_agent_from_the_headers():
    text = json.dumps({"cookies": {"token": JWT, "refresh_token": "durable"}, "headers": {"User-Agent": "Mozilla"}})

    assert read_session(text) == WebSession(
        token=JWT,
        refresh_token="durable",
        cookies=(("token", JWT), ("refresh_token", "durable")),
        user_agent="Mozilla",
    )


@pytest.mark.parametrize(
    "name",
    ["host", "authorization", "cookie", "timezone", "x-forwarded-for", "transfer-encoding", "sec-ch-u\r\na", "bx-ua2"],
)
def test_a_header_outside_the_list_is_never_carried(name):
    text = json.dumps({"token": JWT, "headers": {name: "x\r\ny", "source": "web"}})

    assert read_session(text) == WebSession(token=JWT, headers=(("source", "web"),))


@pytest.mark.parametrize("key", ["sk-0123456789abcdef", "12345678", "EMPTY", "k" * 512, "eyjnotajwt", "!\"#$%&'()*~"])
def test_other_printable_text_is_an_api_key(key):
    assert read_bearer(key) == ApiKey(key)


@pytest.mark.parametrize("nothing", ["", " ", "\t\n"])
def test_nothing_is_a_missing_credential(nothing):
    with pytest.raises(TokenMissing):
        read_bearer(nothing)


@pytest.mark.parametrize(
    "value",
    [
        "k" * 513,
        "two words",
        "sk-12345678\n",
        "sk-1234\x005678",
        "sk-12345é78",
        "sk-1234\x7f5678",
        " sk-123456",
    ],
)
def test_text_that_is_no_key_is_refused(value):
    assert "spaces, characters outside of ASCII, or a length" in refusal(value)


def test_the_length_cap_is_exact_and_named():
    assert "base64" in refusal("H4sI" + "A" * (MAX_CHARACTERS - 5) + "!")
    assert "longer than 14336 characters" in refusal("H4sI" + "A" * (MAX_CHARACTERS - 3))


def test_a_refusal_says_what_is_accepted_and_where_to_read():
    assert refusal("eyJ.eyJ") == (
        "this credential cannot be read: its JWT does not have exactly three parts separated by dots, perhaps cut when "
        "copied; expected a raw JWT (eyJ...), a compressed web session (H4sI...), or an API key of 1 to 512 printable "
        "ASCII characters without spaces (docs/credentials.md)"
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:8] + "!!!!" + text[8:],
        lambda text: text[:8] + "\n" + text[8:],
        lambda text: text.rstrip("="),
        lambda text: text + "=",
        lambda text: text + "====",
        lambda text: text.replace("+", "-"),
        lambda text: text[:-3] + "R==",
        lambda text: text[:8] + "é" + text[9:],
        lambda text: text[:8] + "٣" + text[9:],
    ],
)
def test_base64_has_one_spelling(spoil):
    spoiled = spoil(PIPE)

    assert spoiled != PIPE
    assert "not canonical base64" in refusal(spoiled)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (GZIP + GZIP, "bytes follow after its gzip"),
        (GZIP + b"\0", "bytes follow after its gzip"),
        (GZIP + b"tail", "bytes follow after its gzip"),
        (GZIP[:-1], "ends too early"),
        (GZIP[:-9], "ends too early"),
        (GZIP[:12], "ends too early"),
        (GZIP[:3], "ends too early"),
        (GZIP[:-8] + bytes([GZIP[-8] ^ 1]) + GZIP[-7:], "not hold valid gzip"),
        (GZIP[:-4] + bytes([GZIP[-4] ^ 1]) + GZIP[-3:], "not hold valid gzip"),
        (GZIP[:3] + b"\xff" + GZIP[4:], "not hold valid gzip"),
        (b"\x1f\x8b\x08" + zlib.compress(b"x"), "not hold valid gzip"),
        (gzip.compress(b"\xff\xfe", mtime=0), "not UTF-8"),
        (gzip.compress(b"", mtime=0), "neither JWT|cookie nor a JSON object"),
        (gzip.compress(JWT.encode(), mtime=0), "neither JWT|cookie nor a JSON object"),
        (gzip.compress(b'\xef\xbb\xbf{"token":"x"}', mtime=0), "neither JWT|cookie nor a JSON object"),
    ],
)
def test_gzip_is_one_whole_member_of_text(raw, words):
    assert words in refusal(base64_of(raw))


@pytest.mark.parametrize("raw", [zlib.compress(b"x" * 99), zlib.compress(b"x" * 99)[2:-4]])
def test_other_containers_than_gzip_are_never_inflated(raw):
    assert read_bearer(base64_of(raw)) == ApiKey(base64_of(raw))


def test_a_text_of_exactly_64_kib_inflates_and_one_byte_more_does_not(compressed):
    assert "its cookie number 1 has" in refusal(compressed("x|" + "y" * 65_534))
    assert "inflates to more than 65536 bytes" in refusal(compressed("x|" + "y" * 65_535))


def test_a_bomb_is_refused_with_little_memory():
    bomb = base64_of(gzip.compress(bytes(10_500_000)))
    assert 13_000 < len(bomb) <= MAX_CHARACTERS
    tracemalloc.start()
    try:
        message = refusal(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "inflates to more than 65536 bytes" in message
    assert peak < 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        '{"token":"a","token":"b"}',
        '{"cookies":{"a":"1","a":"2"}}',
        '{"exp":NaN}',
        '{"exp":-Infinity}',
        '{"exp":' + "9" * 5_000 + "}",
        '{"a":' + "[" * 60_000,
        '{"a":' * 9 + "1" + "}" * 9,
        '{"a":' + "[" * 8 + "]" * 8 + "}",
        '{"a":[' + "[]," * 20_000 + "[]]}",
        "{" + '"\\"' * 20_000,
        '{"token":"x"',
        '{"token":"x"}{}',
        '{"token":"x\ny"}',
        "{'token':'x'}",
    ],
)
def test_json_is_one_small_object_with_unique_keys(text, compressed):
    assert "not one small JSON object with each key once" in refusal(compressed(text))


def test_brackets_inside_of_json_strings_do_not_count_as_depth():
    assert read_session(json.dumps({"token": JWT, "note": '[{"' * 500})) == WebSession(token=JWT)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "neither a token nor a refresh_token"),
        ({"cookies": {"cna": "1"}}, "neither a token nor a refresh_token"),
        ({"token": 7}, "its token is not a string"),
        ({"token": None}, "its token is not a string"),
        ({"token": "no.jwt"}, "three parts"),
        ({"token": JWT, "refresh_token": ["x"]}, "its refresh_token is not a string"),
        ({"token": JWT, "refresh_token": "a;b"}, "its refresh_token has characters"),
        ({"token": JWT, "refresh_token": "r" * 8_193}, "its refresh_token has characters"),
        ({"token": JWT, "user_agent": {}}, "its user_agent is not a string"),
        ({"token": JWT, "user_agent": "a\r\nb"}, "its user_agent is not plain"),
        ({"token": JWT, "user_agent": "\ud800"}, "its user_agent is not plain"),
        ({"token": JWT, "cookies": [{"name": "a", "value": "b"}]}, "its cookies is not an object"),
        ({"token": JWT, "cookies": "a=b"}, "its cookies is not an object"),
        ({"token": JWT, "cookies": {"a": 1}}, "its cookie number 1 has"),
        ({"token": JWT, "cookies": {"a": "1", "": "2"}}, "its cookie number 2 has"),
        ({"token": JWT, "cookies": {"a": "\ud800"}}, "its cookie number 1 has"),
        ({"token": JWT, "cookies": {"n" * 129: "1"}}, "its cookie number 1 has"),
        ({"token": JWT, "cookies": {"a": "v" * 8_193}}, "its cookie number 1 has"),
        ({"token": JWT, "cookies": {str(i): "1" for i in range(51)}}, "more than 50 cookies"),
        ({"token": JWT, "cookies": {str(i): "v" * 8_000 for i in range(3)}}, "longer than 16384 characters together"),
        ({"token": JWT, "headers": []}, "its headers is not an object"),
        ({"token": JWT, "headers": {"bx-ua": 1}}, "its header number 1 is"),
        ({"token": JWT, "headers": {"bx-v": "1", "BX-V": "1"}}, "its header number 2 is"),
        ({"token": JWT, "headers": {"bx-ua": "v" * 8_193}}, "its header number 1 is"),
        ({"token": JWT, "headers": {f"sec-ch-ua-{i}": "1" for i in range(33)}}, "more than 32 headers"),
    ],
)
def test_fields_of_a_wrong_shape_are_refused(fields, words, compressed):
    assert words in refusal(compressed(json.dumps(fields)))


@pytest.mark.parametrize("byte", range(256))
def test_a_cookie_carries_cookie_octets_and_nothing_else(byte, compressed):
    character = chr(byte)
    values = [character, f"a{character}b", f"{character}b", f"a{character}"]
    for value in values:
        packed = compressed(json.dumps({"token": JWT, "cookies": {"c": value}}))
        if character in COOKIE_OCTETS:
            assert read_bearer(packed) == WebSession(token=JWT, cookies=(("c", value),))
        else:
            assert "its cookie number 1 has" in refusal(packed)
    named = compressed(json.dumps({"token": JWT, "cookies": {f"n{character}n": "v"}}))
    if character in NAME_OCTETS:
        assert read_bearer(named) == WebSession(token=JWT, cookies=((f"n{character}n", "v"),))
    else:
        assert "its cookie number 1 has" in refusal(named)


@pytest.mark.parametrize("byte", range(256))
def test_a_header_carries_printable_ascii_and_nothing_else(byte):
    value = f"a{chr(byte)}b"
    text = json.dumps({"token": JWT, "headers": {"bx-ua": value}})
    if 0x20 <= byte <= 0x7E:
        assert read_session(text) == WebSession(token=JWT, headers=(("bx-ua", value),))
    else:
        with pytest.raises(TokenMalformed, match="its header number 1 is"):
            read_session(text)


@pytest.mark.parametrize("value", [" ", " a", "a "])
def test_a_header_value_has_no_space_at_either_end(value):
    with pytest.raises(TokenMalformed, match="its header number 1 is"):
        read_session(json.dumps({"token": JWT, "headers": {"bx-ua": value}}))


@pytest.mark.parametrize("byte", range(256))
def test_a_byte_in_the_pipe_cookie_cannot_start_another_header(byte, compressed):
    packed = compressed(f"{JWT}|a{chr(byte)}b")
    if chr(byte) in COOKIE_OCTETS:
        assert read_bearer(packed) == WebSession(token=JWT, cookies=(("ssxmod_itna", f"a{chr(byte)}b"),))
    else:
        assert "its cookie number 1 has" in refusal(packed)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("eyJhbGciOiJIUzI1NiJ9", "exactly three parts"),
        ("eyJhbGciOiJIUzI1NiJ9.e30", "exactly three parts"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.c2ln.c2ln", "exactly three parts"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.", "not canonical base64url"),
        ("eyJhbGciOiJIUzI1NiJ9..c2ln", "not canonical base64url"),
        ("eyJhbGciOiJIUzI1NiJ9.e30=.c2ln", "not canonical base64url"),
        ("eyJhbGciOiJIUzI1NiJ9.e31.c2ln", "not canonical base64url"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.c2l+", "not canonical base64url"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.c2ln\n", "not canonical base64url"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.a", "not canonical base64url"),
        ("eyJhbGciOiJIUzI1NiJ9.W10.c2ln", "does not hold a JSON object"),
        ("eyJhbGciOiJIUzI1NiJ9.bm8.c2ln", "does not hold a JSON object"),
    ],
)
def test_a_jwt_has_three_parts_and_an_object_of_claims(token, words):
    assert words in refusal(token)


@pytest.mark.parametrize(
    "session",
    [
        WebSession(token=JWT, cookies=(("a", "1"), ("a", "2"))),
        WebSession(token=JWT, headers=(("host", "elsewhere"),)),
        WebSession(token=JWT, headers=(("Bx-Ua", "1"),)),
        WebSession(token=JWT, cookies=(("a", "\r\n"),)),
        WebSession(),
        WebSession(cookies=(("token", JWT),)),
        WebSession(token=JWT, refresh_token="é"),
    ],
)
def test_a_session_that_would_not_read_back_as_itself_is_not_packed(session):
    with pytest.raises(TokenMalformed):
        pack(session)


def test_a_session_that_stays_too_large_when_compressed_is_not_packed(make_jwt):
    noise = "".join(zlib.crc32(str(i).encode()).to_bytes(4, "big").hex() for i in range(4_000))
    session = WebSession(token=JWT, cookies=tuple((f"c{i}", noise[i * 7_900 : (i + 1) * 7_900]) for i in range(2)))
    huge = WebSession(token=JWT, refresh_token=noise[-8_000:], cookies=session.cookies, user_agent=noise[:8_000])
    with pytest.raises(TokenMalformed, match="longer than 14336 characters"):
        pack(huge)


def test_the_prefixes_are_those_of_every_jwt_and_every_gzip():
    assert re.match("eyJ", base64_of(b'{"'.ljust(3, b"a")))
    assert base64_of(b"\x1f\x8b\x08") == "H4sI"
