"""The fixtures of all tests, the demo's parts put together: simulator → server → REST door → clients."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import grpc
import httpx

from qwen_grpc.cli.gateway import Gateway, open_gateway
from qwen_grpc.credentials import ApiKey, Credentials, WebSession, pack
from qwen_grpc.settings import Settings
from qwen_grpc.simulator import Behaviour, Simulator, make_refresh_token, make_token, running
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub
from qwen_grpc.v1.models_pb2_grpc import ModelsServiceStub
from qwen_grpc.v1.tokens_pb2_grpc import TokensServiceStub
from rest_shim.settings import ShimSettings

# One file for each server; the folder goes away with the process.
LEDGERS = TemporaryDirectory(prefix="qwen-grpc-ledgers-")

USER = "00000000-0000-4000-8000-000000000001"


def session(user: str = USER, *, ttl_s: float = 900, refresh: bool = True, **more: Any) -> WebSession:
    """A web session that the simulator takes."""
    return WebSession(token=make_token(user, ttl_s), refresh_token=_refresh_token(user) if refresh else "", **more)


@cache
def _refresh_token(user: str) -> str:
    """One for the whole run: it is what a caller is known by."""
    return make_refresh_token(user)


def bearer(credential: Credentials | None = None) -> dict[str, str]:
    """The header of a credential."""
    text = credential.value if isinstance(credential, ApiKey) else pack(credential or session())
    return {"authorization": f"Bearer {text}"}


def settings_for(simulator: Simulator, **changes: Any) -> Settings:
    """Settings that know nothing of the machine's environment."""
    fixed = {"grpc_port": 0, "qwen_base_url": simulator.url, "qwen_auth_url": simulator.url, "qwen_drain": 0.2}
    # How busy the machine is shall decide nothing here.
    fixed |= {"max_lag": 0.0}
    fixed |= {"qwen_upload_url": simulator.url, "dashscope_base_url": simulator.url}
    fixed |= {"qwen_ledger": f"{LEDGERS.name}/{uuid4().hex}.sqlite3"}
    return Settings.model_construct(**{**Settings.model_construct().model_dump(), **fixed, **changes})


def shim_settings(**changes: Any) -> ShimSettings:
    """The shim's, likewise."""
    return ShimSettings.model_construct(**{**ShimSettings.model_construct().model_dump(), "port": 0, **changes})


@dataclass
class House:
    """Everything, open."""

    simulator: Simulator
    gateway: Gateway
    channel: grpc.aio.Channel
    http: httpx.AsyncClient

    @property
    def rest(self) -> str:
        assert self.gateway.rest is not None
        return f"http://127.0.0.1:{self.gateway.rest.port}"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.gateway.grpc_port}"

    @property
    def chat(self) -> Any:
        return ChatServiceStub(self.channel)

    @property
    def models(self) -> Any:
        return ModelsServiceStub(self.channel)

    @property
    def tokens(self) -> Any:
        return TokensServiceStub(self.channel)

    async def complete(self, content: str, *, credential: WebSession | None = None, **more: Any) -> httpx.Response:
        """One whole REST completion."""
        return await self.http.post("/v1/chat/completions", json=body(content, **more), headers=bearer(credential))

    async def stream(self, content: str, *, credential: WebSession | None = None, **more: Any) -> list[Any]:
        """One streamed REST completion: the JSON of each record, the text of what is no JSON."""
        request = body(content, stream=True, **more)
        reply = await self.http.post("/v1/chat/completions", json=request, headers=bearer(credential))
        return records(reply.text)


def body(content: str, **more: Any) -> dict[str, Any]:
    """An OpenAI request with one user message."""
    return {"model": "qwen-max", "messages": [{"role": "user", "content": content}], **more}


def records(text: str) -> list[Any]:
    """The `data` of SSE text."""
    lines = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    return [json.loads(line) if line.startswith("{") else line for line in lines]


@asynccontextmanager
async def open_house(
    behaviour: Behaviour | None = None, *, shim: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[House]:
    """Simulator, gateway with both doors, a gRPC channel and an HTTP client. `changes` are settings."""
    async with running(behaviour=behaviour) as simulator:
        settings = settings_for(simulator, **changes)
        async with open_gateway(settings, shim_settings(**(shim or {}))) as gateway:
            assert gateway.rest is not None
            async with (
                grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest.port}", timeout=30) as http,
            ):
                yield House(simulator, gateway, channel, http)
