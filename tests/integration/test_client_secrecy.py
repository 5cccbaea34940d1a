"""The client shows no secret, whatever goes wrong."""

import asyncio
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.client import Call, Qwen, QwenError, connect
from qwen_grpc.client.line import checked
from qwen_grpc.typed.qwen.v1 import ListModelsRequest

# Nobody listens there.
NOWHERE = "127.0.0.1:1"
secrets = st.text(alphabet=st.characters(codec="utf-8"), min_size=12, max_size=40).filter(str.strip)
printable = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)


async def shown(credential: str, other: str) -> list[str]:
    """All that can be seen of a connection and of how a call on it fails."""
    try:
        async with connect(NOWHERE, credential) as qwen:
            call = qwen.call(credential=other)
            return [*looks(qwen), *looks(call), await failed(qwen, {}), await failed(call, {"authorization": other})]
    except ValueError as error:
        return [printed(error)]


def looks(shown: Qwen | Call) -> list[str]:
    return [repr(shown), str(shown), repr(shown._line), f"{shown.metadata}"]


async def failed(methods: Qwen | Call, metadata: dict[str, str]) -> str:
    try:
        await methods.list_models(ListModelsRequest(), metadata=metadata)
    except (QwenError, ValueError) as error:
        return printed(error)
    raise AssertionError("somebody answered")


def printed(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


@given(secrets, secrets)
def test_no_credential_is_seen_in_what_can_be_printed(credential: str, other: str) -> None:
    seen = "\n".join(asyncio.run(shown(credential, other)))
    assert [secret for secret in (credential, other) if secret in seen or repr(secret) in seen] == []


@given(printable, printable)
def test_no_credential_that_can_be_sent_is_seen_either(credential: str, other: str) -> None:
    texts = asyncio.run(shown(credential, other))
    assert len(texts) > 1, "the call was not made"
    assert [secret for secret in (credential, other) if secret in "\n".join(texts)] == []


@given(secrets)
def test_headers_are_taken_when_they_can_be_sent_and_named_when_not(value: str) -> None:
    if value.isascii() and value.isprintable():
        assert checked({"x-note": value}) == {"x-note": value}
    else:
        with pytest.raises(ValueError, match="^x-note: expected printable ASCII characters without line ends$"):
            checked({"x-note": value})
