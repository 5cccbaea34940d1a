"""Bearers that keep coming are read once."""

import pytest

from qwen_grpc.credentials.reading import KEPT_S, MAX_KNOWN, Bearers
from qwen_grpc.errors import TokenMalformed


def test_the_same_bearer_is_read_once_while_it_keeps_coming(make_jwt):
    now, value = [0.0], make_jwt(id="0a1b2c3d-0000-4000-8000-000000000001", exp=1_900_000_000)
    bearers = Bearers(lambda: now[0])
    first = bearers.read(value)
    now[0] = KEPT_S
    assert bearers.read(value) is first
    now[0] = 2 * KEPT_S + 1
    again = bearers.read(value)
    assert again == first
    assert again is not first


def test_the_bearers_that_came_longest_ago_are_forgotten_first():
    now = [0.0]
    bearers = Bearers(lambda: now[0])
    first = bearers.read("sk-first")
    second = bearers.read("sk-second")
    for number in range(MAX_KNOWN - 2):
        bearers.read(f"sk-{number}")
    assert bearers.read("sk-first") is first

    bearers.read("sk-one-too-many")
    assert bearers.read("sk-first") is first
    assert bearers.read("sk-second") is not second


def test_what_is_no_credential_is_refused_each_time_and_not_remembered():
    bearers = Bearers()
    for _ in range(2):
        with pytest.raises(TokenMalformed):
            bearers.read("no key")
    assert not bearers._known
