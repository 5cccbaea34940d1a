"""The command `rest-shim`: the REST door alone, over a real channel."""

import asyncio
import signal
import sys
from typing import Annotated

import grpc
import typer
import uvloop
from pydantic import ValidationError

from rest_shim.app import build
from rest_shim.door import bound_socket, listening
from rest_shim.settings import ShimSettings
from rest_shim.stubs import CHANNEL_OPTIONS

DRAIN_S = 30.0


def main() -> None:
    """Runs the command line."""
    typer.run(shim)


def shim(
    target: Annotated[str | None, typer.Option(help="gRPC target: HOST:PORT, dns:///…, unix:… (SHIM_TARGET).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind to (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one (PORT).")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS to the target, checked by the system's roots.")] = False,
) -> None:
    """Serve OpenAI-compatible REST in front of a qwen-grpc server."""
    flags = {"shim_target": target, "host": host, "port": port}
    try:
        settings = ShimSettings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        _fail("\n".join(f"{'_'.join(map(str, part['loc'])).upper()}: {part['msg']}" for part in error.errors()))
    if not settings.shim_target:
        _fail("--target is missing: name the gRPC server, such as --target 127.0.0.1:50051")
    uvloop.run(_serve(settings, tls=tls))


async def _serve(settings: ShimSettings, *, tls: bool) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        sock = bound_socket(settings.host, settings.port, reuse_port=False)
    except OSError as error:
        _fail(f"PORT: cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    async with (
        open_channel(settings.shim_target, tls=tls) as channel,
        listening(build(settings, channel), sock) as door,
    ):
        print(f"REST listens on http://{settings.host}:{door.port}", file=sys.stderr, flush=True)
        await stopped.wait()
        await door.finish(DRAIN_S)


def open_channel(target: str, *, tls: bool = False) -> grpc.aio.Channel:
    """A channel to the gRPC server; close it, or use it as an async context manager."""
    options = list(CHANNEL_OPTIONS.items())
    if tls:
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=options)
    return grpc.aio.insecure_channel(target, options=options)


def _fail(message: str) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
