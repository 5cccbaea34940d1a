"""`qwen-grpc serve`."""

from pathlib import Path
from typing import Annotated

import typer

from qwen_grpc.cli.gateway import run_gateway
from qwen_grpc.cli.reload import watch
from qwen_grpc.cli.running import fail, run
from qwen_grpc.cli.workers import supervise
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
        run(run_gateway(settings, shim))
