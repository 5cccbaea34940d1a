"""Which engine answers, told by its own endpoints."""

import asyncio
from typing import Any

from qwen_grpc.configuration import Dialect as Name
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import (
    AccessDenied,
    CredentialExpired,
    QwenError,
    UpstreamConnect,
    UpstreamHeadersTimeout,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamTtfbTimeout,
    UpstreamUnavailable,
)
from qwen_grpc.upstreams.openai_engine.dialects import DIALECTS, GENERIC, Dialect, Probe, named_by
from qwen_grpc.upstreams.openai_engine.server import MODELS, EngineServer

DETECT_S = 5.0
# After these nothing is known of the engine: it is not up yet, or cannot be reached.
_UNKNOWN_YET = (UpstreamConnect, UpstreamTls, UpstreamUnavailable, UpstreamTruncated, UpstreamHeadersTimeout)


class Detected:
    """The dialect of an engine: the configured one, or what the engine itself says, asked once when it is needed.

    A failure is told to all who wait, and the next call asks again.
    """

    def __init__(self, server: EngineServer, configured: Name, *, within_s: float = DETECT_S) -> None:
        self._server = server
        self._within_s = within_s
        self._known = DIALECTS.get(configured)  # nothing for `auto`
        self._asking: asyncio.Task[Dialect] | None = None

    @property
    def known(self) -> Dialect | None:
        """The dialect, if it is known without asking."""
        return self._known

    async def get(self, credentials: Credentials) -> Dialect:
        """The dialect. Raises why the engine cannot be asked."""
        if self._known is not None:
            return self._known
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(credentials))
            self._asking.add_done_callback(_retrieved)
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Waits for no answer any longer."""
        if self._asking:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self, credentials: Credentials) -> Dialect:
        try:
            async with asyncio.timeout(self._within_s):
                self._known = DIALECTS[await detect(self._server, credentials)]
            return self._known
        except TimeoutError:
            text = f"{self._server.place} did not tell within {self._within_s:g} s which engine it is: set dialect"
            raise UpstreamTtfbTimeout(f"{text} in the configuration, or try again") from None
        finally:
            self._asking = None


async def detect(server: EngineServer, credentials: Credentials) -> Name:
    """The engine's dialect by the owner that its model list names, or else by what lies beside the API."""
    listed = await _answer(
        server, server.base_url + MODELS, credentials, (*_UNKNOWN_YET, CredentialExpired, AccessDenied)
    )
    owners = {entry.get("owned_by") for entry in listed.get("data", ()) if isinstance(entry, dict)}
    if owner := named_by(owners):
        return owner
    for name, dialect in DIALECTS.items():
        if dialect.probe and await _has(server, dialect.probe, credentials):
            return name
    return GENERIC


async def _has(server: EngineServer, probe: Probe, credentials: Credentials) -> bool:
    return probe.member in await _answer(server, server.root + probe.path, credentials, _UNKNOWN_YET)


async def _answer(
    server: EngineServer, url: str, credentials: Credentials, passed: tuple[type[QwenError], ...]
) -> dict[str, Any]:
    """The JSON object at an address; empty if there is none. The errors `passed` mean that nobody can tell."""
    try:
        value = await server.document("GET", url, credentials)
    except passed:
        raise
    except QwenError:
        return {}
    return value if isinstance(value, dict) else {}


def _retrieved(task: asyncio.Task[Dialect]) -> None:
    # Whoever waited may have left; the failure has been told to the others.
    if not task.cancelled():
        task.exception()
