"""Who calls, by a call's metadata."""

from types import SimpleNamespace
from typing import Any

import pytest

from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import TokenMalformed, TokenMissing
from qwen_grpc.routing.router import Router
from qwen_grpc.routing.snapshot import Snapshot
from qwen_grpc.services.caller import caller, credentials_of


def context(*metadata: tuple[str, str | bytes]) -> Any:
    return SimpleNamespace(invocation_metadata=lambda: metadata or None)


def router() -> Router:
    return Router(Snapshot(()))


KEY = ApiKey("sk-0123456789abcdef0123456789abcdef")


@pytest.mark.parametrize(
    "metadata",
    [
        [("authorization", f"Bearer {KEY.value}")],
        [("authorization", f"bearer   {KEY.value} ")],
        [("authorization", KEY.value)],
        [("x-api-key", KEY.value)],
        [("authorization", ""), ("x-api-key", KEY.value)],
    ],
)
def test_a_credential_comes_in_the_forms_of_clients(metadata: list[tuple[str, str]]) -> None:
    found: Credentials | None = credentials_of(context(*metadata), router())
    assert found == KEY


@pytest.mark.parametrize(
    "metadata",
    [[], [("x-request-id", "1")], [("authorization", "")], [("authorization", "Bearer ")], [("authorization", b"x")]],
)
def test_a_call_without_credential(metadata: list[tuple[str, str | bytes]]) -> None:
    assert credentials_of(context(*metadata), router()) is None
    with pytest.raises(TokenMissing, match="^no credential came with the call; send 'authorization: Bearer"):
        caller(context(*metadata), router()).required()


def test_a_credential_that_does_not_decode_is_not_shown() -> None:
    with pytest.raises(TokenMalformed) as failure:
        credentials_of(context(("authorization", "Bearer eyJSECRET")), router())
    assert "SECRET" not in failure.value.message
