"""`qwen-grpc keys`: make, list and revoke gateway keys, which stand for the operator's credentials."""

import os
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from qwen_grpc.cli.running import fail, say
from qwen_grpc.configuration import Configuration, check_tables
from qwen_grpc.configuration.checks import NAME, NAME_EXPECTED, nearest
from qwen_grpc.configuration.editing import (
    editing,
    replace_text,
    with_key,
    with_key_secret,
    without_key,
    write_secret,
)
from qwen_grpc.configuration.secrets import Unusable, key_secret
from qwen_grpc.configuration.tables import KEY_SECRET
from qwen_grpc.gateway_keys import SECRET_BYTES, hash_of, new_key
from qwen_grpc.settings import BadSettings, read_file

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Make, list and revoke gateway keys (docs/configuration.md).",
)

Name = Annotated[str, typer.Argument(help="What the key is called in the file and in logs, such as team-a.")]
Config = Annotated[Path, typer.Option("--config", help="The configuration file.")]
FILE = Path("qwen-grpc.toml")


@app.command()
def add(
    name: Name,
    config: Config = FILE,
    upstreams: Annotated[str, typer.Option(help="Names of the upstreams that it may use, with commas between.")] = "*",
    models: Annotated[str, typer.Option(help="Patterns of the models that it may use, with commas between.")] = "*",
) -> None:
    """Make a key, print it once on standard output, and put its hash into the configuration file."""
    entry = {"upstreams": _split(upstreams), "models": _split(models)}
    with _told(config), editing(config) as real:
        key = _added(real, config, name, entry)
    say(f"{config} has keys.{name} now, with the hash of the key; a running gateway takes it up by itself.")
    say("This is shown only now:")
    typer.echo(key)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


@contextmanager
def _told(config: Path) -> Iterator[None]:
    """Ends the command with what is wrong, without a traceback."""
    try:
        yield
    except BadSettings as error:
        fail(str(error))
    except OSError as error:
        fail(f"{config}: cannot be changed: {error.strerror}")


def _added(real: Path, config: Path, name: str, entry: dict[str, list[str]]) -> str:
    values, text = read_file(config), real.read_text(encoding="utf-8")
    before = check_tables(config, values)
    if not NAME.fullmatch(name):
        raise BadSettings(f"NAME: {NAME_EXPECTED}")
    if name in before.keys:
        raise BadSettings(f"{config}: keys.{name}: there is one of this name; revoke it first, or take another name")
    if not _is_known(before) and not before.keys:
        text = with_key_secret(text, _secret_file(config).name)
    key, unmade = new_key(), "hmac-sha256:" + "0" * 64
    check_tables(config, tomllib.loads(with_key(text, name, {"hash": unmade, **entry})))
    hashed = hash_of(_secret(config, before), key)
    replace_text(real, with_key(text, name, {"hash": hashed, **entry}))
    return key


def _is_known(configuration: Configuration) -> bool:
    return "key_secret" in configuration.model_fields_set or KEY_SECRET.env in os.environ


def _secret(config: Path, configuration: Configuration) -> bytes:
    """What the hash is made with: the secret that there is, else a new one in a file beside the configuration."""
    if not _is_known(configuration):
        if configuration.keys:
            raise BadSettings(f"{KEY_SECRET.env}: expected the secret that the other keys were made with")
        configuration = _with_new_secret(config, configuration)
    try:
        return key_secret(configuration, os.environ)
    except Unusable as error:
        raise BadSettings(f"{config}: key_secret: {error}") from None


def _with_new_secret(config: Path, configuration: Configuration) -> Configuration:
    file = _secret_file(config)
    try:
        write_secret(file, secrets.token_urlsafe(SECRET_BYTES), owner=config)
        say(f"{file.name} is new beside it: keep it secret and safe, for without it no key is known any more.")
    except FileExistsError:
        say(f"{file.name} was beside it already, and is used.")
    return configuration.model_copy(update={"key_secret": KEY_SECRET.model_copy(update={"env": "", "file": str(file)})})


def _secret_file(config: Path) -> Path:
    return config.absolute().with_suffix(".key-secret")


@app.command(name="list")
def list_keys(config: Config = FILE) -> None:
    """List the keys: name, upstreams, models, limits. Their hashes are not shown."""
    with _told(config):
        keys = check_tables(config, read_file(config)).keys
    rows = [("name", "upstreams", "models", "calls at once", "requests a minute")]
    for name, key in keys.items():
        minute = str(key.requests_per_minute or "no limit")
        rows.append((name, ", ".join(key.upstreams), ", ".join(key.models), str(key.max_calls), minute))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def revoke(name: Name, config: Config = FILE) -> None:
    """Take a key out of the configuration file."""
    with _told(config), editing(config) as real:
        keys = read_file(config).get("keys", {})
        if name not in keys:
            hint = nearest(name, keys) if keys else "there is none at all"
            raise BadSettings(f"{config}: keys.{name[:32]}: there is no such key; {hint}")
        replace_text(real, without_key(real.read_text(encoding="utf-8"), name))
    say(f"{config} has no keys.{name} any more.")
    _check_effect(config)


def _check_effect(config: Path) -> None:
    """A key that is revoked in a file that cannot be loaded is still good for a running gateway."""
    try:
        check_tables(config, read_file(config))
    except BadSettings as error:
        say("A running gateway keeps its old configuration, with the key, until these are mended:")
        say(str(error))
        raise typer.Exit(1) from None
    say("A running gateway takes that up by itself.")
