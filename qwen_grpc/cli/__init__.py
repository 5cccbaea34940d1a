"""The commands of `qwen-grpc`: the one place where the gRPC and the REST world meet."""

import typer

from qwen_grpc.cli.conform import conform, conform_upstream
from qwen_grpc.cli.demo import demo
from qwen_grpc.cli.doctor import doctor
from qwen_grpc.cli.keys import app as keys
from qwen_grpc.cli.pool import pool
from qwen_grpc.cli.serve import serve
from qwen_grpc.cli.simulate import simulate
from qwen_grpc.cli.token import app as token

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A gateway to Qwen: streaming gRPC, with OpenAI-compatible REST in front.",
)
app.command()(serve)
app.command()(simulate)
app.command()(demo)
app.command()(doctor)
app.command()(pool)
app.command()(conform)
app.command()(conform_upstream)
app.add_typer(token, name="token", help="Credentials: inspect, pack, import.")
app.add_typer(keys, name="keys", help="Gateway keys: add, list, revoke.")
