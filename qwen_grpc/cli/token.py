"""`qwen-grpc token`: look at a credential, pack one, or import one from the own browser."""

import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from qwen_grpc.credentials import (
    MAX_CHARACTERS,
    Credentials,
    WebSession,
    describe,
    from_export,
    pack,
    read_bearer,
    read_session,
)
from qwen_grpc.credentials.exports import MAX_BYTES
from qwen_grpc.errors import QwenError

# Typer's own tracebacks can show local variables, which here are secrets.
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Look at a credential, pack one, or import one from your own browser (docs/credentials.md).",
)

Source = Annotated[Path, typer.Argument(help="The file to read; '-' reads standard input.")]


@app.command()
def inspect(
    token: Annotated[
        str,
        typer.Argument(
            help="The credential; '-' or nothing reads standard input, which is better: "
            "other users of the machine can see arguments, and the shell remembers them."
        ),
    ] = "-",
) -> None:
    """Print what is safe to say about a credential: kind, account, expiry, names. Nothing is sent anywhere."""
    try:
        text = _read(Path("-"), 2 * MAX_CHARACTERS).decode("utf-8", "replace") if token == "-" else token
        credentials = read_bearer(text.strip().removeprefix("Bearer "))
    except QwenError as error:
        _refuse(error)
    _facts(credentials, err=False)


@app.command(name="pack")
def pack_session(source: Source = Path("-")) -> None:
    """Compress a JSON object with token, refresh_token, cookies, user_agent and headers into one credential."""
    try:
        packed = pack(read_session(_read(source, MAX_BYTES).decode("utf-8", "replace")))
    except QwenError as error:
        _refuse(error)
    typer.echo(packed)


@app.command(name="import")
def import_session(
    source: Source,
    user_agent: Annotated[str, typer.Option(help="The browser's User-Agent, for a cookie text.")] = "",
) -> None:
    """Make a credential of a HAR file, a copied cURL command or a cookie text of your own browser.

    The credential goes to standard output, the safe facts to standard error.
    """
    try:
        session: WebSession = from_export(_read(source, MAX_BYTES), user_agent)
        packed = pack(session)
    except QwenError as error:
        _refuse(error)
    _facts(session, err=True)
    typer.echo(packed)


def _read(source: Path, limit: int) -> bytes:
    """Return the content, cut one byte after the limit so that the reader can tell that it is too large."""
    if str(source) == "-":
        return sys.stdin.buffer.read(limit + 1)
    try:
        with source.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        typer.echo(f"cannot read {source}: {error.strerror}", err=True)
        raise typer.Exit(2) from None


def _facts(credentials: Credentials, *, err: bool) -> None:
    for label, text in describe(credentials, time.time()):
        typer.echo(f"{label + ':':<15}{text}", err=err)


def _refuse(error: QwenError) -> NoReturn:
    typer.echo(error.message, err=True)
    raise typer.Exit(2)
