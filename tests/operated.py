"""A gateway of an operator: a configuration with credentials, aliases and gateway keys, and what lies behind it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from support import House, session, settings_for, shim_settings

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.configuration import Configuration, load_configuration
from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.gateway_keys import hash_of
from qwen_grpc.simulator import Simulator, running
from qwen_grpc.v1.admin_pb2 import GetPoolRequest, GetPoolResponse, Lane, LaneState
from qwen_grpc.v1.admin_pb2_grpc import AdminServiceStub

ENGINES = ("vllm", "sglang", "ollama", "llamacpp")
KEY_SECRET = "a-secret-for-the-hashes-of-keys-in-tests"
TEAM_A, TEAM_B = "qk-team-a-in-tests", "qk-team-b-in-tests"

Tables = Mapping[str, Mapping[str, Any]]
Secrets = Mapping[str, Sequence[str]]


@dataclass
class Operated(House):
    """Everything, open, with the door of the operator."""

    configuration: Configuration

    async def answer(self, key: str, content: Any, **more: Any) -> httpx.Response:
        """One whole REST completion by whoever holds the key."""
        said = {"model": "qwen-max", "messages": [{"role": "user", "content": content}], **more}
        return await self.http.post("/v1/chat/completions", json=said, headers=bearing(key))

    async def pool(self) -> Mapping[str, Lane]:
        """The operator's credentials by their labels, as `GetPool` shows them."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.gateway.server.admin_port}") as channel:
            stub: Any = AdminServiceStub(channel)
            answer: GetPoolResponse = await stub.GetPool(GetPoolRequest())
        return {lane.label: lane for lane in answer.lanes}

    async def states(self) -> Mapping[str, tuple[str, ...]]:
        """What is not healthy: label, and for each trouble its state, what it is about, and its reason."""
        return {
            label: tuple(
                " ".join(part for part in (state_of(one.state), one.model, one.usage, one.reason) if part)
                for one in lane.troubles
            )
            for label, lane in (await self.pool()).items()
            if lane.troubles
        }

    def pass_time(self, seconds: float) -> None:
        """All that is left alone until a time is so much nearer to it."""
        for entry in self.gateway.server._fleet.router.snapshot.entries:
            if entry.breaker.state != "closed":
                entry.breaker._until -= seconds
            for health in entry.health:
                for trouble in health.troubles.values():
                    trouble.until -= seconds


def state_of(state: LaneState) -> str:
    return LaneState.Name(state).removeprefix("LANE_STATE_").lower()


def bearing(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def official(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """DashScope."""
    return {"kind": "dashscope", "base_url": simulator.url, **more}


def web(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """chat.qwen.ai."""
    return {"kind": "chat_qwen_ai", "base_url": simulator.url, **more}


def engine(simulator: Simulator, word: str, **more: Any) -> dict[str, Any]:
    """One of the engines."""
    return {"kind": "openai_engine", "base_url": f"{simulator.url}/engine/{word}/v1", **more}


def configured(
    upstreams: Tables,
    secrets: Secrets,
    *,
    aliases: Mapping[str, Sequence[str]] | None = None,
    keys: Tables | None = None,
) -> Configuration:
    """A configuration as it is loaded from a file: the secrets come from the environment, the keys as hashes."""
    environment = {"QWEN_KEY_SECRET": KEY_SECRET}
    tables = {name: dict(table) for name, table in upstreams.items()}
    for name, values in secrets.items():
        variables = {f"{name.upper()}_{number}": value for number, value in enumerate(values, 1)}
        tables[name]["credentials"] = [{"env": variable} for variable in variables]
        environment |= variables
    hashes = {name: {"hash": _hash(key), **rights} for key, rights in (keys or {}).items() for name in [name_of(key)]}
    values = {"upstreams": tables, "aliases": aliases or {}, "keys": hashes}
    return load_configuration(None, values, environment)


def name_of(key: str) -> str:
    """How the configuration calls a gateway key of these tests."""
    return key.removeprefix("qk-")


def _hash(key: str) -> str:
    return hash_of(KEY_SECRET.encode(), key)


def sessions(count: int) -> list[str]:
    """Web sessions of different accounts, packed."""
    return [pack(account(number)) for number in range(1, count + 1)]


def account(number: int) -> WebSession:
    """The web session of one account, with a cookie that tells it from others."""
    user = f"00000000-0000-4000-8000-0000000{number:05d}"
    return session(user, ttl_s=3600, cookies=(("account", f"cookie-of-{number}"),))


@asynccontextmanager
async def operated(configure: Any, **changes: Any) -> AsyncIterator[Operated]:
    """A gateway with the configuration that `configure` makes for the simulator. `changes` are settings."""
    async with running() as simulator:
        configuration: Configuration = configure(simulator)
        settings = settings_for(simulator, admin_port=0, **changes)
        async with open_gateway(settings, shim_settings(), configuration) as gateway:
            assert gateway.rest is not None
            async with (
                grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest.port}", timeout=30) as http,
            ):
                yield Operated(simulator, gateway, channel, http, configuration)
