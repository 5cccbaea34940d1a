"""`qwen-grpc doctor`."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from qwen_grpc.assembly import builder
from qwen_grpc.cli.source import Loaded, Source
from qwen_grpc.cli.validity import NotValid, ends_at
from qwen_grpc.configuration import TlsConfig
from qwen_grpc.credentials import Credentials, WebSession, describe, read_bearer
from qwen_grpc.errors import QwenError, Unsupported
from qwen_grpc.logs import configure
from qwen_grpc.settings import BadSettings
from qwen_grpc.upstreams.base import Upstream
from rest_shim.door import bound_socket

CREDENTIAL_VARIABLE = "QWEN_TOKEN"
UNREACHABLE = "check the network, a proxy in between, and the address; what is known without it is used until then"
DAY_S = 86_400
# A certificate that ends sooner should have been renewed.
SOON_DAYS = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do when it is not good."""

    good: bool
    what: str
    advice: str = ""


def doctor(config: Annotated[Path | None, typer.Option("--config", help="TOML file of `serve`.")] = None) -> None:
    """Check settings, configuration, ports, certificates, upstreams and credentials, and say what to do."""
    configure("ERROR", "console")
    findings = asyncio.run(_examine(config))
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.good else 'FAIL'}  {finding.what}")
        for line in finding.advice.splitlines():
            typer.echo(f"      {line}")
    raise SystemExit(0 if all(finding.good for finding in findings) else 1)


async def _examine(config: Path | None) -> list[Finding]:
    try:
        loaded = Source(config).load()
    except BadSettings as error:
        return [Finding(good=False, what="settings", advice=str(error))]
    asked = [finding async for finding in _ask(loaded)]
    return [Finding(good=True, what="settings are valid"), *_ports(loaded), *_tls(loaded.configuration.tls), *asked]


def _ports(loaded: Loaded) -> Iterator[Finding]:
    if loaded.shim is not None:
        yield _port("PORT", loaded.shim.host, loaded.shim.port)
    yield _port("GRPC_PORT", loaded.settings.grpc_host, loaded.settings.grpc_port)


def _port(name: str, host: str, port: int) -> Finding:
    try:
        bound_socket(host, port, reuse_port=False).close()
    except OSError as error:
        advice = f"stop what uses it, or set {name} to another port ({error.strerror})"
        return Finding(good=False, what=f"{name} {host}:{port} cannot be had", advice=advice)
    return Finding(good=True, what=f"{name} {host}:{port} is free")


def _tls(config: TlsConfig | None) -> Iterator[Finding]:
    if config is None:
        return
    try:
        days = (ends_at(config.certificate, config.key) - time.time()) / DAY_S
    except NotValid as error:
        yield Finding(good=False, what=f"tls.certificate is not valid: {error}", advice="renew it, or mend the clock")
        return
    advice = "renew it; a running gateway takes the new one up by itself" if days < SOON_DAYS else ""
    yield Finding(good=not advice, what=f"tls.certificate is valid for {int(days)} days more", advice=advice)


async def _ask(loaded: Loaded) -> AsyncIterator[Finding]:
    build, configuration = builder(loaded.settings), loaded.configuration
    async with AsyncExitStack() as opened:
        upstreams = {
            name: await opened.enter_async_context(build(name, config))
            for name, config in configuration.upstreams.items()
        }
        for name, upstream in upstreams.items():
            secrets = configuration.secrets.get(name, ())
            yield await _reach(name, upstream, secrets)
            for label, credentials in secrets:
                yield await _check(f"credential {label}", upstream, credentials)
        yield await _own(upstreams)


async def _reach(name: str, upstream: Upstream, secrets: Sequence[tuple[str, Credentials]]) -> Finding:
    try:
        found = await upstream.list_models(secrets[0][1] if secrets else None)
    except QwenError as error:
        return Finding(good=False, what=f"upstream {name} gives no model list", advice=error.message)
    if found.stale:
        return Finding(good=False, what=f"upstream {name} gives no model list", advice=UNREACHABLE)
    return Finding(good=True, what=f"upstream {name} lists {len(found.models)} models")


async def _check(what: str, upstream: Upstream, credentials: Credentials) -> Finding:
    try:
        account = await upstream.check(credentials)
    except Unsupported as error:
        return Finding(good=True, what=f"{what} cannot be checked: {error.message}")
    except QwenError as error:
        return Finding(good=False, what=f"{what} is not accepted", advice=error.message)
    facts = "; ".join(f"{name}: {value}" for name, value in describe(credentials, time.time()))
    kind = "web session" if isinstance(credentials, WebSession) else "key"
    return Finding(good=True, what=f"{what} is accepted: the {kind} of account {account.id[:8]} ({facts})")


async def _own(upstreams: Mapping[str, Upstream]) -> Finding:
    """The credential in the environment, at the upstream that it belongs to."""
    token = os.environ.get(CREDENTIAL_VARIABLE, "")
    if not token:
        return Finding(good=True, what=f"no credential to check: {CREDENTIAL_VARIABLE} is not set")
    what = f"the credential in {CREDENTIAL_VARIABLE}"
    try:
        credentials = read_bearer(token)
    except QwenError as error:
        return Finding(good=False, what=f"{what} cannot be read", advice=error.message)
    upstream = next((one for one in upstreams.values() if one.accepts(credentials)), None)
    if upstream is None:
        return Finding(good=False, what=f"{what} belongs to none of the upstreams", advice="see docs/credentials.md")
    return await _check(what, upstream, credentials)
