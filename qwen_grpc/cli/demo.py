"""`qwen-grpc demo`."""

from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.cli.running import run, say
from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.logs import configure
from qwen_grpc.settings import Settings, load
from rest_shim.settings import ShimSettings
from rest_shim.stopping import Stop

PACE_S = 0.05
VIDEO_POLL_S = 1.0
_TRY = """
Try it, in another terminal (there is no account and no network behind it, only the simulator):

  1  REST, streamed
     curl -N {rest}/v1/chat/completions \\
       -H 'authorization: Bearer {token}' -H 'content-type: application/json' \\
       -d '{{"model":"qwen-max","stream":true,"messages":[{{"role":"user","content":"Hello from curl"}}]}}'

  2  the OpenAI SDK
     OPENAI_BASE_URL={rest}/v1 OPENAI_API_KEY={token} \\
       .venv/bin/python examples/openai_sdk.py

  3  gRPC
     .venv/bin/buf curl --http2-prior-knowledge --protocol grpc -H 'authorization: Bearer {token}' \\
       -d '{{"model":"qwen-max-thinking","messages":[{{"role":"ROLE_USER","content":"Hello from gRPC"}}]}}' \\
       http://{grpc}/qwen.v1.ChatService/StreamChat

Ctrl-C ends the demo.
"""


def demo(
    port: Annotated[int | None, typer.Option(help="Port of the REST door (PORT).")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of the gRPC server (GRPC_PORT).")] = None,
) -> None:
    """Run simulator and gateway together, and print three commands to try."""
    run(_demo(port, grpc_port))


async def _demo(port: int | None, grpc_port: int | None) -> None:
    # Here, so that a gateway in service does not carry the simulator.
    from qwen_grpc.simulator import Behaviour, running

    stop = Stop()
    with TemporaryDirectory(prefix="qwen-grpc-demo-") as folder:
        async with running(behaviour=Behaviour(pace_s=PACE_S)) as simulator:
            of_the_demo: dict[str, Any] = dict.fromkeys(
                ("qwen_base_url", "qwen_auth_url", "qwen_upload_url", "dashscope_base_url"), simulator.url
            )
            of_the_demo |= {"qwen_ledger": f"{folder}/ledger.sqlite3", "qwen_video_poll": VIDEO_POLL_S}
            settings = load(Settings, None, grpc_port=grpc_port, **of_the_demo)
            await _serve(settings, load(ShimSettings, None, port=port), stop)


async def _serve(settings: Settings, shim: ShimSettings, stop: Stop) -> None:
    configure(settings.log_level, settings.log_format)
    async with open_gateway(settings, shim) as gateway:
        assert gateway.rest is not None
        rest, grpc = f"http://{shim.host}:{gateway.rest.port}", f"{settings.grpc_host}:{gateway.grpc_port}"
        say(_TRY.format(rest=rest, grpc=grpc, token=demo_credential()))
        await stop.asked()
        await stop.unless_urged(gateway.drain(stop.pause), gateway.hurry)


def demo_credential() -> str:
    """A credential that only the simulator takes."""
    from qwen_grpc.simulator import make_refresh_token, make_token

    user = "00000000-0000-4000-8000-00000000de30"
    return pack(WebSession(token=make_token(user), refresh_token=make_refresh_token(user)))
