"""`qwen-grpc doctor`."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from qwen_grpc.cli.source import Source
from qwen_grpc.credentials import WebSession, describe, read_bearer
from qwen_grpc.errors import QwenError
from qwen_grpc.settings import BadSettings, Settings
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Site
from rest_shim.door import bound_socket

CREDENTIAL_VARIABLE = "QWEN_TOKEN"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do when it is not good."""

    good: bool
    what: str
    advice: str = ""


def doctor(config: Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")] = None) -> None:
    """Check settings, ports, upstream and credential ($QWEN_TOKEN), and say what to do."""
    findings = asyncio.run(_examine(config))
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.good else 'FAIL'}  {finding.what}")
        if finding.advice:
            typer.echo(f"      {finding.advice}")
    raise SystemExit(0 if all(finding.good for finding in findings) else 1)


async def _examine(config: Path | None) -> list[Finding]:
    try:
        loaded = Source(config).load()
    except BadSettings as error:
        return [Finding(good=False, what="settings", advice=str(error))]
    settings, shim = loaded.settings, loaded.shim
    assert shim is not None
    ports = [_port("PORT", shim.host, shim.port), _port("GRPC_PORT", settings.grpc_host, settings.grpc_port)]
    asked = [finding async for finding in _ask(settings)]
    return [Finding(good=True, what="settings are valid"), *ports, *asked]


def _port(name: str, host: str, port: int) -> Finding:
    try:
        bound_socket(host, port, reuse_port=False).close()
    except OSError as error:
        advice = f"stop what uses it, or set {name} to another port ({error.strerror})"
        return Finding(good=False, what=f"{name} {host}:{port} cannot be had", advice=advice)
    return Finding(good=True, what=f"{name} {host}:{port} is free")


async def _ask(settings: Settings) -> AsyncIterator[Finding]:
    site = Site(settings.qwen_base_url, settings.qwen_auth_url)
    async with ChatQwenAi(site) as web:
        found = await web.list_models(None)
        if found.stale:
            advice = (
                "check the network, a proxy in between, and QWEN_BASE_URL; the built-in model list is used until then"
            )
            yield Finding(good=False, what=f"{settings.qwen_base_url} gives no model list", advice=advice)
        else:
            yield Finding(good=True, what=f"{settings.qwen_base_url} lists {len(found.models)} models")
        yield await _credential(web)


async def _credential(web: ChatQwenAi) -> Finding:
    token = os.environ.get(CREDENTIAL_VARIABLE, "")
    if not token:
        return Finding(good=True, what=f"no credential to check: {CREDENTIAL_VARIABLE} is not set")
    try:
        credentials = read_bearer(token)
        account = await web.check(credentials)
    except QwenError as error:
        return Finding(good=False, what=f"the credential in {CREDENTIAL_VARIABLE}", advice=error.message)
    facts = "; ".join(f"{name}: {value}" for name, value in describe(credentials, time.time()))
    kind = "web session" if isinstance(credentials, WebSession) else "key"
    return Finding(good=True, what=f"the {kind} of account {account.id[:8]} is accepted ({facts})")
