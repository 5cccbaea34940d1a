"""`qwen-grpc conform` and `qwen-grpc conform-upstream`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import typer

from qwen_grpc.cli.running import run, say
from qwen_grpc.conform.advice import how_to_configure
from qwen_grpc.conform.asking import NoUpstream, Target
from qwen_grpc.conform.behaviours import SCRIPTS
from qwen_grpc.conform.matrix import TIMEOUT_S, NotReady, NotUsed, Plan, Result
from qwen_grpc.conform.matrix import run as play
from qwen_grpc.conform.report import document, lines_of, passed, summary
from qwen_grpc.conform.trials import SILENCE_S, Waits
from qwen_grpc.conform.upstream import MODELS, running
from qwen_grpc.settings import BadSettings
from rest_shim.stopping import Stop

MODEL, IMAGE_MODEL = MODELS
PORT = 9300
LISTEN = f"127.0.0.1:{PORT}"


def conform_upstream(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = PORT,
) -> None:
    """Run the upstream of `conform` alone, for a gateway that has to reach it when it starts."""
    run(_upstream(host, port))


async def _upstream(host: str, port: int) -> None:
    stop = Stop()
    async with _listening(f"{host}:{port}") as url:
        say(f"the fault upstream listens on {url}\n\n{how_to_configure(url, MODEL)}")
        await stop.asked()


def conform(
    url: Annotated[str, typer.Argument(help="Address of the gateway, such as http://127.0.0.1:8000.")],
    key: Annotated[str, typer.Option(help="API key of the gateway.", envvar="CONFORM_KEY")] = "",
    model: Annotated[str, typer.Option(help="Name by which the gateway serves the fault upstream.")] = MODEL,
    image_model: Annotated[str, typer.Option(help="The same for pictures.")] = IMAGE_MODEL,
    listen: Annotated[str, typer.Option(help="HOST:PORT of the fault upstream that is started here.")] = LISTEN,
    upstream: Annotated[str, typer.Option(help="Address of a `conform-upstream` that runs already.")] = "",
    only: Annotated[list[str] | None, typer.Option(help="Name of a row to play; may be repeated.")] = None,
    silence: Annotated[float, typer.Option(help="Seconds that a stream may be silent.")] = SILENCE_S,
    timeout: Annotated[float, typer.Option(help="Seconds for everything.")] = TIMEOUT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Play an upstream's faults to any OpenAI-compatible gateway, and tell what it makes of them."""
    if unknown := sorted({*(only or ())} - SCRIPTS.keys()):
        raise typer.BadParameter(f"there is no row {unknown[0]!r}; there are {', '.join(SCRIPTS)}")
    target, waits = Target(url, model, image_model, key), Waits(silence_s=silence)
    plan = Plan(target, upstream, frozenset(only or ()), waits, timeout_s=timeout)
    run(_conform(plan, listen, as_json=as_json))


async def _conform(plan: Plan, listen: str, *, as_json: bool) -> None:
    async with _upstream_for(plan, listen) as ready:
        try:
            results = [result async for result in _told(ready, as_json=as_json)]
        except NotUsed as error:
            raise BadSettings(f"{error}\n\n{how_to_configure(ready.upstream_url, plan.target.model)}") from error
        except (NotReady, NoUpstream) as error:
            raise BadSettings(str(error)) from error
    typer.echo(msgspec.json.encode(document(plan, results)) if as_json else f"\n{summary(results)}")
    raise SystemExit(0 if passed(results) else 1)


async def _told(plan: Plan, *, as_json: bool) -> AsyncIterator[Result]:
    """The results, told to people as they come."""
    async for result in play(plan):
        if not as_json:
            typer.echo("\n".join(lines_of(result)))
        yield result


@asynccontextmanager
async def _upstream_for(plan: Plan, listen: str) -> AsyncIterator[Plan]:
    """The plan with an upstream: the one that it names, or one that runs here meanwhile."""
    if plan.upstream_url:
        yield plan
        return
    async with _listening(listen) as url:
        yield Plan(plan.target, url, plan.names, plan.waits, plan.settle_s, plan.timeout_s)


@asynccontextmanager
async def _listening(listen: str) -> AsyncIterator[str]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise BadSettings(f"--listen={listen!r}: expected HOST:PORT, such as {LISTEN}")
    try:
        async with running(SCRIPTS, host, int(port)) as upstream:
            yield upstream.url
    except OSError as error:
        raise BadSettings(f"cannot listen on {listen}: {error.strerror}") from error
