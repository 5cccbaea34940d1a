"""The values that the configuration points to: read once, when it is loaded."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from qwen_grpc.configuration.checks import Problem
from qwen_grpc.configuration.tables import KEY_SECRET, Configuration, Kind, SecretRef, Secrets
from qwen_grpc.credentials import ApiKey, Credentials, WebSession, read_bearer
from qwen_grpc.errors import QwenError
from qwen_grpc.gateway_keys import SECRET_BYTES, KeyRing

WEAKEST = 16
MAX_BYTES = 65_536
# Rights of the group and of everybody.
OTHERS = stat.S_IRWXG | stat.S_IRWXO
SESSION = "expected a web session (eyJ… or H4sI…), as this upstream takes it"
API_KEY = "expected an API key, as this upstream takes it, and no web session"
WANTED: Mapping[Kind, tuple[type[Credentials], str]] = {
    "chat_qwen_ai": (WebSession, SESSION),
    "dashscope": (ApiKey, API_KEY),
    "openai_engine": (ApiKey, API_KEY),
}

Environment = Mapping[str, str]


class Unusable(Exception):
    """A secret, or a file, that cannot be used. The message says why, and nothing of its content."""


def with_secrets(configuration: Configuration, environment: Environment, found: list[Problem]) -> Configuration:
    """The configuration with its secrets. Puts those that cannot be used among the problems."""
    secrets: Secrets = {
        name: tuple(_credentials(name, configuration, environment, found)) for name in configuration.upstreams
    }
    return configuration.holding(secrets, _ring(configuration, environment, found))


def _credentials(
    name: str, configuration: Configuration, environment: Environment, found: list[Problem]
) -> Iterator[tuple[str, Credentials]]:
    upstream, known = configuration.upstreams[name], dict[str, int]()
    for number, ref in enumerate(upstream.credentials):
        where = ("upstreams", name, "credentials", number)
        try:
            credentials = _read_credentials(upstream.kind, ref, environment)
        except Unusable as error:
            found.append((where, str(error)))
            continue
        first = known.setdefault(credentials.fingerprint, number)
        if first != number:
            found.append((where, f"the same secret as credentials.{first}"))
        yield f"{name}/{number + 1}", credentials


def _read_credentials(kind: Kind, ref: SecretRef, environment: Environment) -> Credentials:
    value, (wanted, text) = read_secret(ref, environment, WEAKEST), WANTED[kind]
    try:
        credentials = read_bearer(value)
    except QwenError as error:
        raise Unusable(error.message) from None
    if not isinstance(credentials, wanted):
        raise Unusable(text)
    return credentials


def _ring(configuration: Configuration, environment: Environment, found: list[Problem]) -> KeyRing | None:
    if not configuration.keys and "key_secret" not in configuration.model_fields_set:
        return None
    try:
        secret = key_secret(configuration, environment)
    except Unusable as error:
        given = "key_secret" in configuration.model_fields_set
        found.append((("key_secret",), str(error) if given else f"missing, and {KEY_SECRET.env} is no help: {error}"))
        return None
    return KeyRing(secret, {name: key.hash for name, key in configuration.keys.items()})


def key_secret(configuration: Configuration, environment: Environment) -> bytes:
    """What the hashes of gateway keys are made with. Raises `Unusable`."""
    return read_secret(configuration.key_secret, environment, SECRET_BYTES).encode()


def read_secret(ref: SecretRef, environment: Environment, at_least: int) -> str:
    """A secret without the spaces and line ends around it. Raises `Unusable`, also for a short one."""
    if ref.env:
        value = environment.get(ref.env, "").strip()
        if not value:
            raise Unusable("this variable of the environment is not set, or empty")
    else:
        value = private_file(ref.file).decode("utf-8", "replace").strip()
    if len(value) < at_least:
        raise Unusable(f"this secret is weak: expected at least {at_least} characters")
    return value


def private_file(path: str) -> bytes:
    """The content of a file that only its owner has rights to. Raises `Unusable`."""
    try:
        # Without the flag, opening a pipe would wait for somebody to write.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            _check_private(os.fstat(number))
            return os.read(number, MAX_BYTES)
        finally:
            os.close(number)
    except OSError as error:
        raise Unusable(f"this file cannot be read: {error.strerror}") from None


def _check_private(state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise Unusable("expected a file, not a folder or device")
    if state.st_mode & OTHERS:
        raise Unusable(f"others may read this file (mode {state.st_mode & 0o777:o}); `chmod 600` it")


def refs_of(configuration: Configuration) -> Sequence[SecretRef]:
    """All places of secrets."""
    return [*chain.from_iterable(one.credentials for one in configuration.upstreams.values()), configuration.key_secret]
