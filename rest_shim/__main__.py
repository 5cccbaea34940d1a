"""The command `rest-shim`: the REST door alone, over a real channel."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import grpc
import typer
import uvloop
from pydantic import ValidationError

from rest_shim.app import build
from rest_shim.door import Door, bound_socket, listening
from rest_shim.gate import Budget
from rest_shim.settings import StandaloneSettings
from rest_shim.stopping import Stop, ignore_from_now_on
from rest_shim.stubs import CHANNEL_OPTIONS
from rest_shim.tls import DoorTls, server_context


def main() -> None:
    """Runs the command line."""
    typer.run(shim)


def shim(
    target: Annotated[str | None, typer.Option(help="gRPC target: HOST:PORT, dns:///…, unix:… (SHIM_TARGET).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind to (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one (PORT).")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS to the target, as the next three do too.")] = False,
    ca: Annotated[
        str | None, typer.Option(help="PEM: who vouches for the target, if not the system (SHIM_CA).")
    ] = None,
    certificate: Annotated[str | None, typer.Option(help="PEM: shown to the target (SHIM_CERTIFICATE).")] = None,
    key: Annotated[str | None, typer.Option(help="PEM: key of that certificate (SHIM_KEY).")] = None,
) -> None:
    """Serve OpenAI-compatible REST in front of a qwen-grpc server.

    TLS of the REST port itself: DOOR_CERTIFICATE, DOOR_KEY, DOOR_CLIENT_CA.
    """
    flags = {"shim_target": target, "host": host, "port": port}
    flags |= {"shim_ca": ca, "shim_certificate": certificate, "shim_key": key}
    try:
        settings = StandaloneSettings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        _fail("\n".join(f"{'_'.join(map(str, part['loc'])).upper()}: {part['msg']}" for part in error.errors()))
    if not settings.shim_target:
        _fail("--target is missing: name the gRPC server, such as --target 127.0.0.1:50051")
    try:
        uvloop.run(_serve(settings, tls=tls))
    finally:
        ignore_from_now_on()


async def _serve(settings: StandaloneSettings, *, tls: bool) -> None:
    stop, loop = Stop(), asyncio.get_running_loop()
    door_tls = _door_tls(settings)
    if door_tls is not None:
        loop.add_signal_handler(signal.SIGHUP, _renew, door_tls, settings)
    try:
        sock = bound_socket(settings.host, settings.port, reuse_port=False)
    except OSError as error:
        _fail(f"PORT: cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    async with (
        open_channel(settings.shim_target, _channel_credentials(settings, tls=tls)) as channel,
        listening(
            build(settings, channel, Budget(settings.max_inflight_bytes)), sock, door_tls.context if door_tls else None
        ) as door,
    ):
        scheme = "https" if door_tls else "http"
        _say(f"REST listens on {scheme}://{settings.host}:{door.port}")
        await stop.asked()
        _say("draining")
        await stop.unless_urged(_drain(door, settings, stop), door.hurry)


async def _drain(door: Door, settings: StandaloneSettings, stop: Stop) -> None:
    door.leave()
    hurried = await stop.pause(settings.qwen_drain_delay)
    await door.finish(0.0 if hurried else settings.qwen_drain)


def _channel_credentials(settings: StandaloneSettings, *, tls: bool) -> grpc.ChannelCredentials | None:
    """TLS when anything asks for it."""
    names = ("shim_ca", "shim_key", "shim_certificate")
    ca, key, certificate = (_content(name, getattr(settings, name)) for name in names)
    if (key is None) != (certificate is None):
        _fail("SHIM_KEY: expected it together with SHIM_CERTIFICATE, or neither")
    return grpc.ssl_channel_credentials(ca, key, certificate) if tls or ca or certificate else None


def _content(name: str, path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        _fail(f"{name.upper()}: this file cannot be read: {error.strerror}")


def _door_tls(settings: StandaloneSettings) -> DoorTls | None:
    if not any(_door_files(settings)):
        return None
    if not settings.door_certificate or not settings.door_key:
        _fail("DOOR_CERTIFICATE and DOOR_KEY: expected both, or no DOOR_ setting at all")
    try:
        if Path(settings.door_key).stat().st_mode & 0o077:
            _fail("DOOR_KEY: others may read this file; `chmod 600` it")
        return DoorTls(*_door_files(settings))
    except OSError as error:
        _fail(f"DOOR_CERTIFICATE, DOOR_KEY, DOOR_CLIENT_CA: expected PEM files that fit together: {error.strerror}")


def _renew(door_tls: DoorTls, settings: StandaloneSettings) -> None:
    """At SIGHUP: new connections get what the files hold now. Files that cannot be used change nothing."""
    try:
        door_tls.use(server_context(*_door_files(settings)))
        _say("certificates renewed")
    except OSError as error:
        _say(f"DOOR_CERTIFICATE: the old one is kept: {error.strerror}")


def _door_files(settings: StandaloneSettings) -> tuple[str, str, str]:
    return settings.door_certificate, settings.door_key, settings.door_client_ca


def open_channel(target: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
    """A channel to the gRPC server; close it, or use it as an async context manager."""
    options = list(CHANNEL_OPTIONS.items())
    if credentials is not None:
        return grpc.aio.secure_channel(target, credentials, options=options)
    return grpc.aio.insecure_channel(target, options=options)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(message: str) -> NoReturn:
    _say(message)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
