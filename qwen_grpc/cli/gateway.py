"""The gateway: gRPC server and REST door in one process, over the in-process channel."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from qwen_grpc.cli.running import Stop, say, settle_memory
from qwen_grpc.logs import configure
from qwen_grpc.server import LAST_WORDS_S, Server, serving
from qwen_grpc.settings import BadSettings, Settings
from rest_shim.app import build
from rest_shim.door import Door, bound_socket, listening
from rest_shim.settings import ShimSettings


@dataclass
class Gateway:
    """An open gateway. `rest` is None when only gRPC is served."""

    server: Server
    settings: Settings
    grpc_port: int
    rest: Door | None

    async def drain(self) -> None:
        """Ends both doors together: nothing new, running calls get their time, then a proper end."""
        grace_s = self.settings.qwen_drain
        ends = [self.server.drain(grace_s)]
        if self.rest is not None:
            ends.append(self.rest.finish(grace_s + LAST_WORDS_S))
        await asyncio.gather(*ends)


@asynccontextmanager
async def open_gateway(
    settings: Settings, shim: ShimSettings | None, *, reuse_port: bool = False
) -> AsyncIterator[Gateway]:
    """Both doors, listening. Raises `BadSettings` when a port cannot be had."""
    async with serving(settings, reuse_port=reuse_port) as server:
        grpc_port = await server.listen()
        if shim is None:
            yield Gateway(server, settings, grpc_port, None)
            return
        sock = _socket(shim, reuse_port=reuse_port)
        async with listening(build(shim, server.channel), sock) as door:
            yield Gateway(server, settings, grpc_port, door)


def _socket(shim: ShimSettings, *, reuse_port: bool) -> socket.socket:
    try:
        return bound_socket(shim.host, shim.port, reuse_port=reuse_port)
    except OSError as error:
        raise BadSettings(f"PORT: cannot listen on {shim.host}:{shim.port}: {error.strerror}") from error


async def run_gateway(settings: Settings, shim: ShimSettings | None, *, reuse_port: bool = False) -> None:
    """Serves until a signal, then drains."""
    configure(settings.log_level, settings.log_format)
    # Before anybody is told that we are ready, and may send a signal.
    stop = Stop()
    async with open_gateway(settings, shim, reuse_port=reuse_port) as opened:
        for line in _ready_lines(opened, shim):
            say(line)
        settle_memory()
        await stop.asked()
        say("draining")
        await stop.unless_urged(opened.drain())


def _ready_lines(opened: Gateway, shim: ShimSettings | None) -> list[str]:
    """What listens where."""
    lines, hosts = [f"gRPC listens on {opened.settings.grpc_host}:{opened.grpc_port}"], [opened.settings.grpc_host]
    if shim is not None and opened.rest is not None:
        lines.append(f"REST listens on http://{shim.host}:{opened.rest.port}")
        hosts.append(shim.host)
    if any(host not in ("127.0.0.1", "localhost", "::1") for host in hosts):
        lines.append("warning: a port is open beyond this machine and speaks without TLS; put a TLS proxy before it")
    return lines
