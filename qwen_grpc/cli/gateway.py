"""The gateway: gRPC server and REST door in one process, over the in-process channel."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from qwen_grpc.cli.descriptors import make_room
from qwen_grpc.cli.running import say, settle_memory
from qwen_grpc.cli.source import Loaded, Source
from qwen_grpc.cli.watching import watching
from qwen_grpc.configuration import Configuration, TlsConfig
from qwen_grpc.logs import configure
from qwen_grpc.server import LAST_WORDS_S, LOOPBACK, Server, serving
from qwen_grpc.settings import BadSettings, Settings
from qwen_grpc.tls import BadCertificates, GrpcTls, read_certificates
from rest_shim.app import build
from rest_shim.door import Door, bound_socket, listening
from rest_shim.settings import ShimSettings
from rest_shim.stopping import Pause, Stop
from rest_shim.tls import DoorTls, server_context


class Tls:
    """The certificates of both doors."""

    def __init__(self, config: TlsConfig) -> None:
        with _told():
            self.grpc = GrpcTls(read_certificates(*_files(config)))
            self.rest = DoorTls(*_files(config))
        self._asks_clients = bool(config.client_ca)

    def read(self, config: TlsConfig | None) -> Callable[[], None]:
        """Reads the files anew; calling what this returns puts them into force. Raises `BadSettings`.

        Nothing is read that needs a restart: other ports, or to ask clients
        for certificates or not.
        """
        if config is None or bool(config.client_ca) != self._asks_clients:
            return lambda: None
        with _told():
            certificates, context = read_certificates(*_files(config)), server_context(*_files(config))

        def use() -> None:
            self.grpc.use(certificates)
            self.rest.use(context)

        return use


def _files(config: TlsConfig) -> tuple[str, str, str]:
    return config.certificate, config.key, config.client_ca


@contextmanager
def _told() -> Iterator[None]:
    """Files were checked before; that they changed since is told as any other bad value."""
    try:
        yield
    except (BadCertificates, OSError) as error:
        raise BadSettings(f"tls: {error}") from None


@dataclass
class Gateway:
    """An open gateway. `rest` is None when only gRPC is served, `tls` when both doors speak in clear."""

    server: Server
    settings: Settings
    grpc_port: int
    rest: Door | None
    tls: Tls | None

    async def swap(self, configuration: Configuration) -> None:
        """New calls follow this configuration, new connections its certificates; what runs goes on as it began.

        Raises `BadSettings`, or what opening an upstream raises, and then
        nothing has changed.
        """
        use = self.tls.read(configuration.tls) if self.tls is not None else None
        await self.server.swap(configuration)
        if use is not None:
            use()

    async def drain(self, pause: Pause) -> None:
        """Ends both doors together: not ready; nothing new; running calls get their time, then a proper end."""
        await self.server.leave()
        if self.rest is not None:
            self.rest.leave()
        hurried = await pause(self.settings.qwen_drain_delay)
        grace_s = 0.0 if hurried else self.settings.qwen_drain
        ends = [self.server.drain(grace_s)]
        if self.rest is not None:
            # By then the calls behind it have had their end.
            ends.append(self.rest.finish(grace_s + LAST_WORDS_S))
        await asyncio.gather(*ends)

    async def hurry(self) -> None:
        """Gives what still runs its proper end now, in the middle of a drain."""
        self.server.hurry()
        if self.rest is not None:
            await self.rest.hurry(LAST_WORDS_S)


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    shim: ShimSettings | None,
    configuration: Configuration | None = None,
    *,
    reuse_port: bool = False,
) -> AsyncIterator[Gateway]:
    """Both doors, listening. Raises `BadSettings` when a port cannot be had."""
    tls = Tls(configuration.tls) if configuration is not None and configuration.tls is not None else None
    async with serving(settings, configuration, reuse_port=reuse_port) as server:
        grpc_port = await server.listen(tls.grpc.credentials if tls else None)
        if shim is None:
            yield Gateway(server, settings, grpc_port, None, tls)
            return
        sock = _socket(shim, reuse_port=reuse_port)
        async with listening(
            build(shim, server.channel, server.pressure), sock, tls.rest.context if tls else None
        ) as door:
            yield Gateway(server, settings, grpc_port, door, tls)


def _socket(shim: ShimSettings, *, reuse_port: bool) -> socket.socket:
    try:
        return bound_socket(shim.host, shim.port, reuse_port=reuse_port)
    except OSError as error:
        raise BadSettings(f"PORT: cannot listen on {shim.host}:{shim.port}: {error.strerror}") from error


async def run_gateway(loaded: Loaded, source: Source, *, reuse_port: bool = False) -> None:
    """Serves until a signal, then drains."""
    settings, shim = loaded.settings, loaded.shim
    configure(settings.log_level, settings.log_format)
    connections = shim.max_connections if shim is not None else 0
    warnings = filter(None, [make_room(settings.qwen_max_calls + connections)])
    # Before anybody is told that we are ready, and may send a signal.
    stop = Stop()
    async with (
        open_gateway(settings, shim, loaded.configuration, reuse_port=reuse_port) as opened,
        watching(source, loaded, lambda fresh: opened.swap(fresh.configuration), told=opened.server.reloaded),
    ):
        for line in (*_ready_lines(opened, shim), *warnings):
            say(line)
        settle_memory()
        await stop.asked()
        say("draining")
        await stop.unless_urged(opened.drain(stop.pause), opened.hurry)


def _ready_lines(opened: Gateway, shim: ShimSettings | None) -> list[str]:
    """What listens where."""
    grpc, rest = ("gRPC listens with TLS on", "https") if opened.tls else ("gRPC listens on", "http")
    lines, hosts = [f"{grpc} {opened.settings.grpc_host}:{opened.grpc_port}"], [opened.settings.grpc_host]
    if shim is not None and opened.rest is not None:
        lines.append(f"REST listens on {rest}://{shim.host}:{opened.rest.port}")
        hosts.append(shim.host)
    if opened.server.metrics_port is not None:
        lines.append(f"metrics are at http://{LOOPBACK}:{opened.server.metrics_port}/metrics")
    if opened.tls is None and any(host not in ("127.0.0.1", "localhost", "::1") for host in hosts):
        lines.append(
            "warning: a port is open beyond this machine and speaks without TLS; "
            "give the configuration a [tls] table, or put a TLS proxy before it"
        )
    return lines
