"""TLS at both doors, with certificates that are replaced while connections are open."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from authority import Authority, Pair
from both_doors import COMPLETIONS, question, request_of
from support import bearer, records, settings_for, shim_settings
from tls_clients import HEALTH, REFUSED, asked, client_context, rest, rpc, secure_channel, tls_table

from qwen_grpc.cli.gateway import Gateway, open_gateway
from qwen_grpc.configuration import Configuration, load_configuration
from qwen_grpc.settings import BadSettings, read_file
from qwen_grpc.simulator import Behaviour, running
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

LONG = "[[sim:long:60]]"


@dataclass(frozen=True)
class Certificates:
    """Two authorities; each has signed a server's certificate and a client's."""

    first: Authority
    second: Authority
    servers: tuple[Pair, Pair]
    clients: tuple[Pair, Pair]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    first, second = Authority(folders[0], "first-authority"), Authority(folders[1], "second-authority")
    servers = (first.issue("server-1"), second.issue("server-2"))
    return Certificates(first, second, servers, (first.issue("client-1"), second.issue("client-2")))


def configured(folder: Path, table: str) -> Configuration:
    path = folder / "qwen-grpc.toml"
    path.write_text(table, encoding="utf-8")
    return load_configuration(path, read_file(path))


@asynccontextmanager
async def open_tls(folder: Path, table: str, **behaviour: Any) -> AsyncIterator[tuple[Gateway, int, int]]:
    """A gateway in front of the simulator, with the ports of gRPC and REST."""
    async with (
        running(behaviour=Behaviour(**behaviour)) as simulator,
        open_gateway(settings_for(simulator), shim_settings(), configured(folder, table)) as gateway,
    ):
        assert gateway.rest is not None
        yield gateway, gateway.grpc_port, gateway.rest.port


@pytest.mark.asyncio
async def test_both_doors_speak_tls_and_nothing_else(certificates: Certificates, tmp_path: Path) -> None:
    async with open_tls(tmp_path, tls_table(certificates.servers[0])) as (_, grpc_port, port):
        assert await rpc(grpc_port, certificates.first) == "answered"
        assert await rpc(grpc_port, certificates.second) == REFUSED
        assert await rest(port, client_context(certificates.first)) == "server-1"
        assert await rest(port, client_context(certificates.first), "127.0.0.1") == "server-1"
        assert await rest(port, client_context(certificates.second)) == REFUSED
        async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as plain:
            assert await asked(plain) == REFUSED
        async with httpx.AsyncClient() as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://127.0.0.1:{port}/health")


@pytest.mark.asyncio
async def test_a_chat_over_tls_streams_as_it_does_in_clear(certificates: Certificates, tmp_path: Path) -> None:
    async with open_tls(tmp_path, tls_table(certificates.servers[0])) as (_, grpc_port, port):
        async with httpx.AsyncClient(verify=client_context(certificates.first), timeout=20) as http:
            url, body = f"https://localhost:{port}{COMPLETIONS}", question(LONG, stream=True)
            reply = await http.post(url, json=body, headers=bearer())
        async with secure_channel(grpc_port, certificates.first) as channel:
            call = ChatServiceStub(channel).StreamChat(request_of(question(LONG)), metadata=tuple(bearer().items()))
            messages = [message async for message in call]
    assert records(reply.text)[-1] == "[DONE]"
    assert len(messages) > 1


@pytest.mark.asyncio
async def test_with_a_client_authority_nobody_gets_in_without_its_certificate(
    certificates: Certificates, tmp_path: Path
) -> None:
    table = tls_table(certificates.servers[0], certificates.second.certificate)
    foreign, known = certificates.clients
    async with open_tls(tmp_path, table) as (_, grpc_port, port):
        shown = (None, foreign, known)
        assert [await rpc(grpc_port, certificates.first, pair) for pair in shown] == [REFUSED, REFUSED, "answered"]
        contexts = [client_context(certificates.first, pair) for pair in shown]
        assert [await rest(port, context) for context in contexts] == [REFUSED, REFUSED, "server-1"]


@pytest.mark.asyncio
async def test_new_certificates_are_for_new_connections_and_old_ones_go_on(
    certificates: Certificates, tmp_path: Path
) -> None:
    async with open_tls(tmp_path, tls_table(certificates.servers[0]), pace_s=0.005) as (gateway, grpc_port, port):
        old = client_context(certificates.first)
        async with (
            secure_channel(grpc_port, certificates.first) as channel,
            httpx.AsyncClient(verify=old, timeout=20, base_url=f"https://localhost:{port}") as http,
        ):
            assert (await http.get("/health")).status_code == 200
            call = ChatServiceStub(channel).StreamChat(request_of(question(LONG)), metadata=tuple(bearer().items()))
            messages = aiter(call)
            await anext(messages)
            streamed = asyncio.create_task(http.post(COMPLETIONS, json=question(LONG, stream=True), headers=bearer()))
            await gateway.swap(configured(tmp_path, tls_table(certificates.servers[1])))

            assert await rpc(grpc_port, certificates.second) == "answered"
            assert await rpc(grpc_port, certificates.first) == REFUSED
            assert await rest(port, client_context(certificates.second)) == "server-2"
            assert await rest(port, old) == REFUSED
            assert [message async for message in messages] != []
            assert (await call.code(), records((await streamed).text)[-1]) == (grpc.StatusCode.OK, "[DONE]")
            # The same connections, for new calls.
            assert (await asked(channel), (await http.get("/health")).status_code) == ("answered", 200)


@pytest.mark.asyncio
async def test_an_authority_that_is_replaced_lets_nobody_in_any_more(
    certificates: Certificates, tmp_path: Path
) -> None:
    server, (first, second) = certificates.servers[0], certificates.clients
    async with open_tls(tmp_path, tls_table(server, certificates.first.certificate)) as (gateway, grpc_port, port):
        assert await rpc(grpc_port, certificates.first, first) == "answered"
        assert await rest(port, client_context(certificates.first, first)) == "server-1"

        await gateway.swap(configured(tmp_path, tls_table(server, certificates.second.certificate)))
        for pair, expected in ((first, REFUSED), (second, "answered")):
            assert await rpc(grpc_port, certificates.first, pair) == expected
        for pair, expected in ((first, REFUSED), (second, "server-1")):
            assert await rest(port, client_context(certificates.first, pair)) == expected


@pytest.mark.asyncio
async def test_a_session_of_before_does_not_get_around_the_new_authority(
    certificates: Certificates, tmp_path: Path
) -> None:
    server, client = certificates.servers[0], certificates.clients[0]
    context = client_context(certificates.first, client)
    old = client_context(certificates.first, certificates.clients[1])
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with open_tls(tmp_path, tls_table(server, certificates.first.certificate)) as (gateway, _, port):
        answer, session = await asyncio.to_thread(resumed, context, port, None)
        assert answer.startswith(b"HTTP/1.1 200")
        await gateway.swap(configured(tmp_path, tls_table(server, certificates.second.certificate)))
        assert (await asyncio.to_thread(resumed, context, port, session))[0] == b""
        # It would keep sessions on this side, and resume them without a look at the certificate.
        assert (await asyncio.to_thread(resumed, old, port, None))[0] == b""


def resumed(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None]:
    """What a connection that resumes a session gets for an answer, and its own session."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                tls.sendall(HEALTH)
                return tls.recv(100), tls.session
        except OSError:
            return b"", None


@pytest.mark.asyncio
async def test_without_a_client_authority_tls_1_2_will_do(certificates: Certificates, tmp_path: Path) -> None:
    context = client_context(certificates.first)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with open_tls(tmp_path, tls_table(certificates.servers[0])) as (_, _, port):
        assert await rest(port, context) == "server-1"


@pytest.mark.asyncio
async def test_certificates_that_do_not_fit_change_nothing(certificates: Certificates, tmp_path: Path) -> None:
    one, other = certificates.servers
    async with open_tls(tmp_path, tls_table(one)) as (gateway, grpc_port, port):
        fresh = configured(tmp_path, tls_table(other))
        assert fresh.tls is not None
        mixed = fresh.model_copy(update={"tls": fresh.tls.model_copy(update={"key": str(one.key)})})
        with pytest.raises(BadSettings, match=r"\Atls: this key does not belong to the certificate\Z"):
            await gateway.swap(mixed)
        assert await rpc(grpc_port, certificates.first) == "answered"
        assert await rest(port, client_context(certificates.first)) == "server-1"


@pytest.mark.asyncio
async def test_whether_clients_are_asked_does_not_change_without_a_restart(
    certificates: Certificates, tmp_path: Path
) -> None:
    one, other = certificates.servers
    async with open_tls(tmp_path, tls_table(one)) as (gateway, grpc_port, port):
        await gateway.swap(configured(tmp_path, tls_table(other, certificates.second.certificate)))
        assert await rpc(grpc_port, certificates.first) == "answered"
        await gateway.swap(configured(tmp_path, ""))
        assert await rest(port, client_context(certificates.first)) == "server-1"
