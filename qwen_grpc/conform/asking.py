"""The client: asks a gateway, and the upstream about it, and never fails for what either answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import httpx
import msgspec

from qwen_grpc.conform.markers import Marker
from qwen_grpc.conform.records import Record, Until
from qwen_grpc.conform.upstream import CONTROL, TOOL
from qwen_grpc.conform.views import View

Way: TypeAlias = Literal["stream", "whole"]
CHAT, IMAGES = "chat/completions", "images/generations"
GRACE_S = 5.0


class NoUpstream(Exception):
    """The fault upstream cannot be asked."""


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway: the address of its API, and what it wants to hear."""

    url: str
    model: str
    image_model: str
    key: str = field(default="", repr=False)

    @property
    def api(self) -> str:
        """The address that paths are added to."""
        return f"{self.url.rstrip('/').removesuffix('/v1')}/v1/"

    def question(self, marker: Marker, way: Way, **more: Any) -> dict[str, Any]:
        """A chat request that carries a marker."""
        said = {"role": "user", "content": f"Please count to three. {marker}"}
        return {"model": self.model, "messages": [said], "stream": way == "stream", **more}


class Client:
    """Asks the gateway over connections that are kept from question to question."""

    def __init__(self, http: httpx.AsyncClient, target: Target, limit_s: float) -> None:
        self.target = target
        self._http = http
        self._limit_s = limit_s

    async def ask(
        self,
        marker: Marker,
        body: Mapping[str, Any] | bytes,
        *,
        path: str = CHAT,
        headers: Mapping[str, str | None] | None = None,
        until: Callable[[View], bool] = lambda _: False,
    ) -> View:
        """Posts, and reads to the end, or until enough has come. A header that is None is left out."""
        view = View()
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        request = self._http.build_request("POST", path, content=content, headers=self._headers(marker, headers))
        try:
            async with asyncio.timeout(self._limit_s + marker.seconds):
                await self._read(request, view, until)
        except TimeoutError:
            view.ended("late")
        except httpx.ConnectError:
            view.ended("unreachable")
        except (httpx.TransportError, httpx.StreamError, httpx.InvalidURL):
            view.ended("broken")
        return view

    async def _read(self, request: httpx.Request, view: View, until: Callable[[View], bool]) -> None:
        response = await self._http.send(request, stream=True)
        try:
            view.opened(response.status_code, {name.lower(): value for name, value in response.headers.items()})
            async for data in response.aiter_raw():
                view.heard(data)
                if until(view):
                    view.ended("left")
                    return
            view.ended()
        finally:
            await response.aclose()

    def _headers(self, marker: Marker, more: Mapping[str, str | None] | None) -> dict[str, str]:
        headers: dict[str, str | None] = {"content-type": "application/json", "accept-encoding": "identity"}
        headers["x-request-id"] = request_id(marker)
        if self.target.key:
            headers["authorization"] = f"Bearer {self.target.key}"
        return {name: value for name, value in (headers | dict(more or {})).items() if value is not None}


def request_id(marker: Marker) -> str:
    """The id that the request with a marker brings."""
    return f"conform-{marker.nonce}"


@asynccontextmanager
async def client(target: Target, limit_s: float) -> AsyncIterator[Client]:
    """A client with connections of its own; each answer has so many seconds, and those that its marker asks for."""
    async with httpx.AsyncClient(base_url=target.api, timeout=None, trust_env=False) as http:
        yield Client(http, target, limit_s)


class Witness:
    """Asks the fault upstream what arrived there."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def records(self, marker: Marker, until: Until = "arrived", within: float = 0.0) -> list[Record]:
        """What arrived with a marker, as soon as it has come so far, or as it is after `within` seconds."""
        params = {"until": until, "within": str(within)}
        return msgspec.json.decode(await self._get(marker.nonce, params), type=list[Record])

    async def check(self) -> None:
        """Raises `NoUpstream` when something else is there."""
        try:
            told = msgspec.json.decode(await self._get("", {}), type=dict[str, Any])
        except msgspec.DecodeError:
            told = {}
        if told.get("tool") != TOOL:
            raise NoUpstream(f"{self._http.base_url} is not a fault upstream")

    async def _get(self, path: str, params: Mapping[str, str]) -> bytes:
        try:
            return (await self._http.get(path, params=dict(params))).content
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NoUpstream(f"the fault upstream at {self._http.base_url} does not answer") from error


@asynccontextmanager
async def witness(upstream_url: str) -> AsyncIterator[Witness]:
    """Whom to ask about an upstream that runs at this address."""
    base = f"{upstream_url.rstrip('/').removesuffix('/v1')}{CONTROL}"
    async with httpx.AsyncClient(base_url=base, timeout=httpx.Timeout(GRACE_S, read=90.0), trust_env=False) as http:
        yield Witness(http)
