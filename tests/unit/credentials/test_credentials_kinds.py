import base64
import copy
import json
import pickle
import traceback

import pytest

from qwen_grpc.credentials import ApiKey, WebSession, describe, pack, read_bearer
from qwen_grpc.errors import TokenMalformed

CANARY = "CANARY-5f1d"


def canary_session(make_jwt) -> WebSession:
    return WebSession(
        token=make_jwt(id="0a1b2c3d-0000-4000-8000-000000000001", secret=CANARY, exp=1_900_000_000),
        refresh_token=f"refresh-{CANARY}",
        cookies=(("cna", f"cookie-{CANARY}"),),
        user_agent=f"agent-{CANARY}",
        headers=(("bx-ua", f"header-{CANARY}"),),
    )


def test_a_session_names_its_account_and_fingerprint_only(make_jwt):
    session = canary_session(make_jwt)

    assert repr(session) == f"WebSession(account=0a1b2c3d, fingerprint={session.fingerprint[:12]})"


def test_a_session_without_an_account_shows_a_dash():
    session = WebSession(refresh_token="durable")

    assert repr(session) == f"WebSession(account=-, fingerprint={session.fingerprint[:12]})"


def test_a_key_names_its_fingerprint_only():
    key = ApiKey(f"sk-{CANARY}")

    assert repr(key) == f"ApiKey(fingerprint={key.fingerprint[:12]})"


def test_no_way_of_printing_shows_the_secret(make_jwt):
    session, key = canary_session(make_jwt), ApiKey(f"sk-{CANARY}")
    shown = [f"{secret} {secret!r} {secret!s} {[secret]} {secret.fingerprint}" for secret in (session, key)]
    shown += [str(describe(session, 0.0)), str(describe(key, 0.0))]

    assert [text for text in shown if CANARY in text or session.token in text] == []


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_neither_pickled_nor_copied(make_jwt, duplicate):
    for secret in (canary_session(make_jwt), ApiKey(f"sk-{CANARY}")):
        with pytest.raises(TypeError, match=r"^(WebSession|ApiKey) is a secret and is neither pickled nor copied$"):
            duplicate(secret)


def test_a_secret_is_frozen_hashable_and_compared_by_value(make_jwt):
    session = canary_session(make_jwt)

    assert {session, canary_session(make_jwt), ApiKey("12345678"), ApiKey("12345678")} == {session, ApiKey("12345678")}
    with pytest.raises(AttributeError):
        session.token = "other"
    assert not hasattr(session, "__dict__")


@pytest.mark.parametrize(
    "value",
    [
        f"eyJ{CANARY}",
        f"eyJ.{CANARY}.{CANARY}",
        f"H4sI{CANARY}",
        f"{CANARY} {CANARY}",
        {"token": CANARY},
        {"token": {CANARY: CANARY}},
        {"refresh_token": f"{CANARY};"},
        {"refresh_token": "r", "cookies": {f"{CANARY};": CANARY}},
        {"refresh_token": "r", "cookies": {CANARY: f"{CANARY}\r\n"}},
        {"refresh_token": "r", "headers": {"bx-ua": f"{CANARY}\r\n"}},
        {"refresh_token": "r", "user_agent": f"{CANARY}\r\n"},
        f'{{"token": "{CANARY}"',
        f"{CANARY}|{CANARY}",
        CANARY.encode() + b"\xff",
    ],
)
def test_a_refusal_never_holds_a_part_of_the_credential(value, compressed):
    text = json.dumps(value) if isinstance(value, dict) else value
    bearer = compressed(text) if not isinstance(value, str) or value[0] == "{" or "|" in value else value
    with pytest.raises(TokenMalformed) as caught:
        read_bearer(bearer)

    error = caught.value
    everything = [str(error), repr(error), str(error.args), str(error.facts), error.field]
    everything += traceback.format_exception(error)
    assert [text for text in everything if CANARY in text or bearer in text] == []
    # JSONDecodeError and UnicodeDecodeError keep the whole input: neither may hang on ours.
    assert (error.__cause__, error.__context__) == (None, None)


def test_claims_are_read_from_the_token(make_jwt):
    session = WebSession(token=make_jwt(id="account-1", exp=1_790_357_125))

    assert (session.account_id, session.expires_at) == ("account-1", 1_790_357_125.0)


@pytest.mark.parametrize("claimed", [None, 7, "", "a b", "é", "x\n", "x" * 129, ["x"], "\ud800"])
def test_an_account_id_that_is_not_short_and_printable_is_none(make_jwt, claimed):
    assert WebSession(token=make_jwt(id=claimed)).account_id == ""


@pytest.mark.parametrize("claimed", [None, "1790357125", True, -1, 0, 10**12, 1e400, [1]])
def test_an_expiry_that_is_no_moment_is_none(make_jwt, claimed):
    assert WebSession(token=make_jwt(exp=claimed).replace("Infinity", "1")).expires_at is None


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "....", "é.é.é"])
def test_a_token_without_claims_states_nothing(token):
    session = WebSession(token=token)

    assert (session.account_id, session.expires_at) == ("", None)


def test_a_fingerprint_follows_what_lasts(make_jwt):
    first, second = make_jwt(exp=1), make_jwt(exp=2)

    assert (
        WebSession(token=first, refresh_token="r").fingerprint
        == WebSession(token=second, refresh_token="r").fingerprint
    )
    assert WebSession(token=first).fingerprint != WebSession(token=second).fingerprint
    assert WebSession(token=first).fingerprint != ApiKey(first).fingerprint
    assert len(bytes.fromhex(ApiKey(first).fingerprint)) == 32


def test_credentials_that_begin_alike_have_fingerprints_that_do_not(make_jwt):
    packed = [pack(WebSession(token=make_jwt(id=f"account-{number}"))) for number in range(50)]

    assert {text[:12] for text in packed} == {packed[0][:12]}
    assert len({read_bearer(text).fingerprint[:12] for text in packed}) == 50


def test_a_renewed_session_replaces_the_token_and_its_exported_cookie(make_jwt):
    old, new = make_jwt(exp=1), make_jwt(exp=2)
    session = WebSession(old, "r1", (("cna", "1"), ("token", old), ("refresh_token", "r1")), "agent", (("bx-v", "2"),))

    assert session.with_token(new) == WebSession(
        new, "r1", (("cna", "1"), ("token", new), ("refresh_token", "r1")), "agent", (("bx-v", "2"),)
    )
    assert session.with_token(new, "r2") == WebSession(
        new, "r2", (("cna", "1"), ("token", new), ("refresh_token", "r2")), "agent", (("bx-v", "2"),)
    )


def test_a_renewed_session_gains_no_cookie_that_was_not_exported(make_jwt):
    new = make_jwt(exp=2)

    assert WebSession(refresh_token="r1").with_token(new, "r2") == WebSession(token=new, refresh_token="r2")


@pytest.mark.parametrize(("token", "refresh_token"), [("no jwt", ""), ("", ""), (None, "a;b"), (None, "a\r\n")])
def test_a_renewal_that_could_not_be_sent_is_refused(make_jwt, token, refresh_token):
    good = make_jwt(exp=2)
    with pytest.raises(TokenMalformed):
        WebSession(token=good).with_token(good if token is None else token, refresh_token)


def test_the_canary_is_found_where_it_is(make_jwt):
    assert CANARY in base64.urlsafe_b64decode(make_jwt(secret=CANARY).split(".")[1] + "==").decode()
