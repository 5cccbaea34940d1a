"""A gateway in front of the simulated DashScope, and how it is asked."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from both_doors import COMPLETIONS, Doors, open_doors, question, request_of
from support import bearer, records

from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey
from qwen_grpc.simulator import Arrived, Simulator, running
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.dashscope import DashScope
from qwen_grpc.v1.chat_pb2 import StreamChatResponse

KEY = ApiKey("sk-somebody-s-own")
CHAT = "/compatible-mode/v1/chat/completions"
MODELS = "/compatible-mode/v1/models"
TEXT = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@dataclass
class DashScopeHouse:
    """Both doors, and what lies behind them."""

    simulator: Simulator
    upstream: DashScope
    doors: Doors

    def behave(self, **values: Any) -> None:
        self.simulator.dashscope.behaviour.change(values)

    def arrived(self, path: str = CHAT) -> list[Arrived]:
        """The requests of one path, oldest first."""
        return [one for one in self.simulator.requests if one.path == path]

    def sent(self, path: str = CHAT) -> dict[str, Any]:
        """The body of the last request of a path."""
        body: dict[str, Any] = self.arrived(path)[-1].json
        return body

    async def reply(self, content: Any, *, key: ApiKey = KEY, **body: Any) -> httpx.Response:
        """A whole REST answer."""
        asked = asking(content, **body)
        return await self.doors.http.post(COMPLETIONS, json=asked, headers=bearer(key))

    async def message(self, content: Any, **body: Any) -> dict[str, Any]:
        """The message of a whole REST answer."""
        reply = await self.reply(content, **body)
        assert reply.status_code == 200, reply.text
        message: dict[str, Any] = reply.json()["choices"][0]["message"]
        return message

    async def chunks(self, content: Any, **body: Any) -> list[Any]:
        """The records of a streamed REST answer."""
        asked = asking(content, stream=True, **body)
        reply = await self.doors.http.post(COMPLETIONS, json=asked, headers=bearer(KEY))
        return records(reply.text)

    async def stream(self, content: Any, **body: Any) -> StreamChatResponse:
        """All messages of a gRPC answer as one."""
        whole = StreamChatResponse()
        metadata = tuple(bearer(KEY).items())
        async for message in self.doors.chat.StreamChat(request_of(asking(content, **body)), metadata=metadata):
            whole.MergeFrom(message)
        return whole


def asking(content: Any, **body: Any) -> dict[str, Any]:
    """A request to a model of DashScope that does not think unless told; `messages` replace the content."""
    return {**question(content), "model": "qwen-plus", **body}


@asynccontextmanager
async def open_dashscope(
    config: Mapping[str, Any] | None = None, *, clocks: Clocks | None = None, **behaviour: Any
) -> AsyncIterator[DashScopeHouse]:
    """The gateway with these settings of its upstream, and switches of the simulator."""
    async with running() as simulator:
        simulator.dashscope.behaviour.change(behaviour)
        told = {"kind": "dashscope", "base_url": simulator.url, **(config or {})}
        upstream = DashScope("official", UpstreamConfig.model_validate(told), clocks=clocks)
        async with open_doors(upstream) as doors:
            yield DashScopeHouse(simulator, upstream, doors)
