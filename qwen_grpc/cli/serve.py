"""`qwen-grpc serve`."""

from pathlib import Path
from typing import Annotated

import typer

from qwen_grpc.cli.gateway import run_gateway
from qwen_grpc.cli.reload import watch
from qwen_grpc.cli.running import fail, run
from qwen_grpc.cli.source import Source
from qwen_grpc.cli.watching import ignore_hangups
from qwen_grpc.cli.workers import supervise
from qwen_grpc.settings import BadSettings

Config = Annotated[Path | None, typer.Option("--config", help="TOML file of settings, upstreams, aliases, keys, TLS.")]


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
    flags, shim_flags = {"grpc_host": grpc_host, "grpc_port": grpc_port}, {"host": host, "port": port}
    source = Source(config, flags, shim_flags, rest=not no_rest)
    if config is not None:
        ignore_hangups()
    try:
        loaded = source.load()
    except BadSettings as error:
        fail(str(error))
    if workers > 1:
        supervise(loaded, source, workers)
    else:
        run(run_gateway(loaded, source))
