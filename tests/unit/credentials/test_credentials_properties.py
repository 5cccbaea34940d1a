import base64
import gzip
import json
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from qwen_grpc.credentials import ApiKey, WebSession, pack, read_bearer
from qwen_grpc.errors import TokenMalformed, TokenMissing

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6Im5ld2VyIn0.c2ln"

COOKIE_OCTETS = "!#$%&'()*+-./0123456789:<=>?@[]^_`{|}~" + string.ascii_letters
NAME_OCTETS = "!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits


steady = settings(deadline=None)  # a busy machine is not a failure


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


PIPE = base64_of(gzip.compress(f"{JWT}|cookie".encode(), mtime=0))

cookie_values = st.text(COOKIE_OCTETS, max_size=40)
header_names = st.sampled_from(
    ["accept-language", "sec-ch-ua", "sec-ch-ua-platform", "sec-fetch-site", "bx-ua", "bx-v", "version"]
)
header_values = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
sessions = st.builds(
    WebSession,
    token=st.sampled_from([JWT, "eyJhIjoxfQ.e30.c2ln"]),
    refresh_token=st.text(COOKIE_OCTETS, min_size=1, max_size=40),
    cookies=st.dictionaries(st.text(NAME_OCTETS, min_size=1, max_size=20), cookie_values, max_size=8).map(
        lambda pairs: tuple(pairs.items())
    ),
    user_agent=header_values,
    headers=st.dictionaries(header_names, header_values, max_size=6).map(lambda pairs: tuple(pairs.items())),
)


@steady
@given(sessions)
def test_every_session_survives_packing(session):
    packed = pack(session)

    assert read_bearer(packed) == session
    assert pack(read_bearer(packed)) == packed


def outcome(value: str) -> object:
    try:
        return read_bearer(value)
    except (TokenMalformed, TokenMissing) as error:
        return type(error)


@steady
@given(st.one_of(st.text(), st.text().map("eyJ".__add__), st.text().map("H4sI".__add__)))
@example("\ud800" * 9)
@example("eyJ\ud800.e30.c2ln")
@example("H4sI\udcff")
def test_any_text_is_a_credential_or_a_named_refusal(text):
    assert isinstance(outcome(text), WebSession | ApiKey | type)


@steady
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_compressed_bytes_are_a_session_or_a_named_refusal(raw):
    assert outcome(base64_of(gzip.compress(raw, mtime=0))) is TokenMalformed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([JWT, "web"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["token", "refresh_token", "cookies", "user_agent", "headers", "bx-ua", "a"]), inner
        )
    ),
    max_leaves=12,
)


@steady
@given(st.dictionaries(st.sampled_from(["token", "refresh_token", "cookies", "user_agent", "headers"]), json_values))
def test_any_object_is_a_session_that_packs_or_a_named_refusal(fields):
    found = outcome(base64_of(gzip.compress(json.dumps(fields).encode(), mtime=0)))

    assert found is TokenMalformed or read_bearer(pack(found)) == found


@steady
@given(st.data())
def test_no_two_spellings_of_a_credential_are_accepted(data):
    at = data.draw(st.integers(4, len(PIPE) - 1))
    spoiled = PIPE[:at] + data.draw(st.sampled_from(string.printable)) + PIPE[at + 1 :]
    found = outcome(spoiled)

    if isinstance(found, WebSession):
        assert base64_of(base64.b64decode(spoiled, validate=True)) == spoiled
