"""`qwen-grpc serve`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from qwen_grpc.cli.gateway import Gateway, open_gateway
from qwen_grpc.cli.reload import watch
from qwen_grpc.cli.running import Stop, fail, run, say
from qwen_grpc.cli.workers import supervise
from qwen_grpc.logs import configure
from qwen_grpc.settings import BadSettings, Settings, load, read_file
from rest_shim.settings import ShimSettings

Config = Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")]


def serve(
    host: Annotated[str | None, typer.Option(help="Address of the REST door (HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the REST door (PORT).")] = None,
    grpc_host: Annotated[str | None, typer.Option(help="Address of the gRPC server (GRPC_HOST).")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of the gRPC server (GRPC_PORT).")] = None,
    no_rest: Annotated[bool, typer.Option("--no-rest", help="Serve gRPC only.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the ports.")] = 1,
    config: Config = None,
    reload: Annotated[bool, typer.Option("--reload", help="Start again when the source changes.")] = False,
) -> None:
    """Serve gRPC and OpenAI-compatible REST."""
    if reload:
        watch()
        return
    try:
        file = read_file(config, (Settings, ShimSettings))
        settings = load(Settings, file, grpc_host=grpc_host, grpc_port=grpc_port)
        shim = None if no_rest else load(ShimSettings, file, host=host, port=port)
    except BadSettings as error:
        fail(str(error))
    if workers > 1:
        supervise(settings, shim, workers)
    else:
        run(gateway(settings, shim))


async def gateway(settings: Settings, shim: ShimSettings | None, *, reuse_port: bool = False) -> None:
    """Serves until a signal, then drains."""
    configure(settings.log_level, settings.log_format)
    # Before anybody is told that we are ready, and may send a signal.
    stop = Stop()
    async with open_gateway(settings, shim, reuse_port=reuse_port) as opened:
        for line in ready_lines(opened, settings, shim):
            say(line)
        await stop.asked()
        say("draining")
        await stop.unless_urged(opened.drain())


def ready_lines(opened: Gateway, settings: Settings, shim: ShimSettings | None) -> list[str]:
    """What listens where."""
    lines = [f"gRPC listens on {settings.grpc_host}:{opened.grpc_port}"]
    if shim is not None and opened.rest is not None:
        lines.append(f"REST listens on http://{shim.host}:{opened.rest.port}")
    hosts: list[Any] = [settings.grpc_host] + ([shim.host] if shim else [])
    if any(host not in ("127.0.0.1", "localhost", "::1") for host in hosts):
        lines.append("warning: a port is open beyond this machine and speaks without TLS; put a TLS proxy before it")
    return lines
