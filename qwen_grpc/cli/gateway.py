"""The gateway: gRPC server and REST door in one process, over the in-process channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from qwen_grpc.server import LAST_WORDS_S, Server, serving
from qwen_grpc.settings import BadSettings, Settings
from rest_shim.app import build
from rest_shim.door import Door, listening
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
        async with _rest(shim, server, reuse_port=reuse_port) as door:
            yield Gateway(server, settings, grpc_port, door)


@asynccontextmanager
async def _rest(shim: ShimSettings, server: Server, *, reuse_port: bool) -> AsyncIterator[Door]:
    try:
        opened = listening(build(shim, server.channel), shim, reuse_port=reuse_port)
        door = await opened.__aenter__()
    except OSError as error:
        raise BadSettings(f"PORT: cannot listen on {shim.host}:{shim.port}: {error.strerror}") from error
    try:
        yield door
    finally:
        await opened.__aexit__(None, None, None)
