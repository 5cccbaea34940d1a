"""`qwen-grpc simulate`."""

from typing import Annotated

import typer

from qwen_grpc.cli.running import run, say
from qwen_grpc.settings import BadSettings
from rest_shim.stopping import Stop


def simulate(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 9100,
    pace: Annotated[float, typer.Option(help="Seconds between two events of a stream.")] = 0.03,
) -> None:
    """Run a local imitation of chat.qwen.ai, DashScope and own engines, with faults on demand."""
    run(_simulate(host, port, pace))


async def _simulate(host: str, port: int, pace: float) -> None:
    # Here, so that a gateway in service does not carry the simulator.
    from qwen_grpc.simulator import Behaviour, running

    stop = Stop()
    try:
        async with running(host, port, Behaviour(pace_s=pace)) as simulator:
            say(f"simulator listens on {simulator.url}")
            await stop.asked()
    except OSError as error:
        raise BadSettings(f"--port: cannot listen on {host}:{port}: {error.strerror}") from error
