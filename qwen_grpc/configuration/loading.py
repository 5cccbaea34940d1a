"""From the content of a file to a configuration that can be used."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qwen_grpc.configuration.checks import Problem, nearest, problems, shown
from qwen_grpc.configuration.secrets import Environment, Unusable, private_file, refs_of, with_secrets
from qwen_grpc.configuration.tables import Configuration, KeyConfig, Part, SecretRef, TlsConfig, UpstreamConfig
from qwen_grpc.settings import BadSettings
from qwen_grpc.tls import BadCertificates, read_certificates

TABLES = frozenset(Configuration.model_fields)
# What was expected, by pydantic's name of the mistake.
EXPECTED = {
    "missing": "missing",
    "model_type": "expected a table",
    "dict_type": "expected a table",
    "tuple_type": "expected a list",
    "string_type": "expected a text",
    "string_too_short": "expected a text that is not empty",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
}
# The keys that a table may have, by where it stands.
SHAPES: Mapping[str, type[Part]] = {
    "upstreams": UpstreamConfig,
    "keys": KeyConfig,
    "tls": TlsConfig,
    "key_secret": SecretRef,
}


def load_configuration(
    path: Path | None, values: Mapping[str, Any], environment: Environment = os.environ
) -> Configuration:
    """The configuration among the values of a file, with its secrets and the paths of its files made absolute.

    Raises `BadSettings` with a line for each problem; no line holds a secret.
    """
    configuration, names, found = _read(path, values)
    found += problems(configuration, names)
    configuration = with_secrets(configuration, environment, found)
    found += _tls(configuration.tls)
    _refuse(path, found)
    return configuration


def check_tables(path: Path, values: Mapping[str, Any]) -> Configuration:
    """The configuration without its secrets, for those who only look at it. Raises `BadSettings`."""
    configuration, names, found = _read(path, values)
    _refuse(path, [*found, *problems(configuration, names)])
    return configuration


def files_of(configuration: Configuration) -> list[Path]:
    """The files that a loaded configuration was read from, but for the one that holds it."""
    names = [ref.file for ref in refs_of(configuration)]
    if configuration.tls is not None:
        names += [configuration.tls.certificate, configuration.tls.key, configuration.tls.client_ca]
    return [Path(name) for name in names if name]


def _refuse(path: Path | None, found: Sequence[Problem]) -> None:
    lines = dict.fromkeys(f"{path}: {_key(where)}: {text}" for where, text in found)
    if lines:
        raise BadSettings("\n".join(lines))


def _key(where: Iterable[str | int]) -> str:
    return ".".join(map(shown, where))


def _read(path: Path | None, values: Mapping[str, Any]) -> tuple[Configuration, list[str], list[Problem]]:
    """What could be read, the names of all upstreams, and what is wrong with the others."""
    tables = {name: value for name, value in values.items() if name in TABLES}
    context = {"folder": path.absolute().parent if path else None}
    try:
        configuration, found = Configuration.model_validate(tables, context=context), list[Problem]()
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        found = [_problem(mistake) for mistake in mistakes]
        readable = _without(tables, [mistake["loc"][:2] for mistake in mistakes])
        configuration = Configuration.model_validate(readable, context=context)
    named = tables.get("upstreams")
    return configuration, list(named if isinstance(named, dict) else configuration.upstreams), found


def _problem(mistake: Any) -> Problem:
    where, kind = mistake["loc"], mistake["type"]
    if kind == "extra_forbidden":
        return where, f"there is no such key; {nearest(shown(where[-1]), _keys_at(where))}"
    said = mistake["msg"].removeprefix("Value error, ").replace("Input should be ", "expected ")
    return where, EXPECTED.get(kind, said)


def _keys_at(where: Sequence[str | int]) -> list[str]:
    shape = SecretRef if "credentials" in where[:-1] else SHAPES[str(where[0])]
    return list(shape.model_fields)


def _without(tables: Mapping[str, Any], places: Iterable[Sequence[str | int]]) -> dict[str, Any]:
    """The tables without what stands at some places, which are one or two keys deep."""
    left = {name: dict(value) if isinstance(value, dict) else value for name, value in tables.items()}
    for table, *entry in places:
        if entry and table in ("upstreams", "aliases", "keys"):
            left[str(table)].pop(entry[0], None)
        else:
            left.pop(str(table), None)
    return left


def _tls(config: TlsConfig | None) -> list[Problem]:
    if config is None:
        return []
    try:
        private_file(config.key)
        read_certificates(config.certificate, config.key, config.client_ca)
    except Unusable as error:
        return [(("tls", "key"), str(error))]
    except BadCertificates as error:
        return [(("tls", error.about), str(error))]
    return []
