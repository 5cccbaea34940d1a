"""Secrets to look for in all that a process says, and such a process."""

import asyncio
import base64
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from support import USER
from upstream_record import until

from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.simulator import Simulator, make_refresh_token, make_token

ROOT = Path(__file__).parents[2]
PROMPT = "canary-prompt-4711"
COOKIE = "canary-cookie-0815"
BX = "canary-bx-2342"


def me(ttl_s: float = 3600, serial: int = 1) -> WebSession:
    token = make_token(USER, ttl_s, serial=serial)
    return WebSession(token, make_refresh_token(USER, serial=serial), (("jar", COOKIE),), headers=(("bx-ua", BX),))


def canaries(*credentials: WebSession) -> dict[str, str]:
    """What must not be seen, by a name for the report: each secret, its base64, and pieces of the packed forms."""
    secrets = {"prompt": PROMPT, "cookie": COOKIE, "header": BX}
    for at, credential in enumerate(credentials):
        secrets[f"signature {at}"] = credential.token.rpartition(".")[2]
        secrets[f"signature of the refresh token {at}"] = credential.refresh_token.rpartition(".")[2]
    found = {f"{name}{kind}": text for name, secret in secrets.items() for kind, text in _forms(secret)}
    packed = [pack(credential) for credential in (*credentials, WebSession(token=make_token("x")))]
    common = len(os.path.commonprefix(packed))
    return found | {f"packed {at}": text[common : common + 16] for at, text in enumerate(packed[:-1])}


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    yield "", secret
    for shift in range(3):
        # Base64 of a secret somewhere inside of a longer text: what no neighbour has a part in.
        coded = base64.b64encode(b"-" * shift + secret.encode()).decode()
        yield f" as base64, shifted by {shift}", coded[-(-shift * 4 // 3) : len(coded) // 4 * 4 - 4]


def assert_secret(text: str, hidden: dict[str, str]) -> None:
    """Fails with the name of the secret, and the line that it was seen in."""
    seen = {name: line for name, secret in hidden.items() for line in text.splitlines() if secret in line}
    assert seen == {}


@asynccontextmanager
async def serving(
    simulator: Simulator, form: str, log: Path, *flags: str, **env: str
) -> AsyncIterator[tuple[str, str]]:
    """`qwen-grpc serve` as a process of its own that logs all it can; gives the gRPC target and the REST address."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "QWEN_BASE_URL": simulator.url,
        "QWEN_AUTH_URL": simulator.url,
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": form,
        "PORT": "0",
        "GRPC_PORT": "0",
        "QWEN_DRAIN": "0.2",
        **env,
    }
    arguments = (sys.executable, "-m", "qwen_grpc", "serve", *flags)
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *arguments, env=environment, cwd=log.parent, stdout=out, stderr=out
        )
    try:
        await until(lambda: "REST listens on" in log.read_text() or process.returncode is not None, within=20)
        found = re.search(r"gRPC listens on (\S+)\nREST listens on (\S+)\n", log.read_text())  # noqa: ASYNC240
        assert found is not None
        yield found[1], found[2]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def shown_of(reply: httpx.Response) -> str:
    """Headers and body of a reply, without what an answer that succeeded says."""
    said = reply.text if reply.status_code >= 400 else "\n".join(re.findall(r'\{"error":.*', reply.text))
    return f"{reply.headers}\n{said}"
