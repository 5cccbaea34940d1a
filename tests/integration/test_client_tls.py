"""The typed client over TLS, with and without a certificate of its own."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from authority import Authority
from support import session, settings_for, shim_settings
from tls_clients import client_context, tls_table
from typed_calls import all_of, asking, failure

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.client import GatewayFailed, connect, text_of
from qwen_grpc.configuration import load_configuration
from qwen_grpc.credentials import pack
from qwen_grpc.settings import read_file
from qwen_grpc.simulator import running

HELLO = asking("Hello")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def open_tls(folder: Path, table: str) -> AsyncIterator[str]:
    """The target of a gateway with this table."""
    path = folder / "qwen-grpc.toml"
    path.write_text(table, encoding="utf-8")
    async with (
        running() as simulator,
        open_gateway(settings_for(simulator), shim_settings(), load_configuration(path, read_file(path))) as gateway,
    ):
        yield f"localhost:{gateway.grpc_port}"


async def answer(target: str, tls: bool | ssl.SSLContext) -> str:
    async with connect(target, pack(session()), tls=tls) as qwen:
        return "".join(map(text_of, await all_of(qwen.stream_chat(HELLO))))


async def refusal(target: str, tls: bool | ssl.SSLContext) -> str:
    error = await failure(answer(target, tls))
    assert isinstance(error, GatewayFailed)
    return error.reason


@pytest.mark.asyncio
async def test_the_client_speaks_tls_with_a_gateway_that_it_can_trust(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with open_tls(tmp_path, tls_table(authority.issue("server"))) as target:
        assert await answer(target, client_context(authority)) == "You said: Hello"
        # Nobody whom the system trusts has signed it.
        assert await refusal(target, True) == "UNAVAILABLE"
        assert await refusal(target, client_context(stranger)) == "UNAVAILABLE"
        assert await refusal(target, False) == "UNAVAILABLE"


@pytest.mark.asyncio
async def test_the_client_shows_a_certificate_where_one_is_asked_for(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    async with open_tls(tmp_path, tls_table(authority.issue("server"), authority.certificate)) as target:
        assert await answer(target, client_context(authority, authority.issue("client"))) == "You said: Hello"
        assert await refusal(target, client_context(authority)) == "UNAVAILABLE"
        assert await refusal(target, client_context(authority, stranger.issue("client"))) == "UNAVAILABLE"
