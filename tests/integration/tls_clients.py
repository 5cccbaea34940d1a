"""Clients of a gateway that speaks TLS: what each door shows them, or that it does not let them in."""

import asyncio
import ssl
from pathlib import Path

import grpc
from authority import Authority, Pair
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

REFUSED = "refused"
HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def client_context(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    """What a client trusts, and shows."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


async def rest(port: int, context: ssl.SSLContext, name: str = "localhost") -> str:
    """Whose certificate the REST door shows, when it answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    except (ssl.SSLError, ConnectionError):
        return REFUSED
    try:
        return subject(writer) if await answered(reader, writer) else REFUSED
    finally:
        writer.close()


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether a question is answered; with TLS 1.3 a client learns only now that its certificate will not do."""
    try:
        writer.write(HEALTH)
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except (ssl.SSLError, ConnectionError):
        return False


def subject(writer: asyncio.StreamWriter) -> str:
    """The name in the certificate of the other side."""
    names = writer.get_extra_info("peercert")["subject"]
    return str(dict(pair for (pair,) in names)["commonName"])


def secure_channel(port: int, authority: Authority, pair: Pair | None = None) -> grpc.aio.Channel:
    """A channel with a connection of its own."""
    shown = (pair.key.read_bytes(), pair.certificate.read_bytes()) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *shown)
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=[("grpc.use_local_subchannel_pool", 1)])


async def rpc(port: int, authority: Authority, pair: Pair | None = None) -> str:
    """Whose certificate the gRPC door shows, when it answers."""
    async with secure_channel(port, authority, pair) as channel:
        return await asked(channel)


async def asked(channel: grpc.aio.Channel) -> str:
    """Whether the server answers on a channel."""
    call = HealthStub(channel).Check(HealthCheckRequest(), timeout=10)
    code = await call.code()
    return {grpc.StatusCode.OK: "answered", grpc.StatusCode.UNAVAILABLE: REFUSED}.get(code, str(code))


def tls_table(pair: Pair, client_ca: Path | None = None) -> str:
    """The table of the configuration file."""
    asks = f'client_ca = "{client_ca}"\n' if client_ca else ""
    return f'[tls]\ncertificate = "{pair.certificate}"\nkey = "{pair.key}"\n{asks}'
