"""A gateway before one of the simulated engines."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from both_doors import COMPLETIONS, Doors, open_doors, request_of
from engine_paths import upstream
from support import records

from qwen_grpc.simulator import Simulator, running
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

DIALECTS = ("vllm", "sglang", "ollama", "llamacpp", "generic")
MODELS = {"vllm": "Qwen/Qwen3-8B", "ollama": "qwen3:8b", "llamacpp": "Qwen3-8B-Q4_K_M.gguf"}
SEEING = {"ollama": "qwen3-vl:8b", "llamacpp": "Qwen3-VL-8B-Q4_K_M.gguf"}
KEY = "engine-key"
HEADERS = {"authorization": f"Bearer {KEY}"}
SAID = ("role", "content", "reasoning_content", "refusal", "tool_calls")
THOUGHTS = "The person wants to hear the words again.\nAn echo is enough.\n"


def model_of(dialect: str, *, sees: bool = False) -> str:
    if sees:
        return SEEING.get(dialect, "Qwen/Qwen3-VL-8B-Thinking")
    return MODELS.get(dialect, MODELS["vllm"])


@dataclass
class EngineHouse:
    """The simulator with its engines, and both doors of a gateway before one of them."""

    dialect: str
    simulator: Simulator
    doors: Doors

    def question(self, content: Any, **more: Any) -> dict[str, Any]:
        """Without a word about thinking, nothing is thought."""
        said = {"model": model_of(self.dialect), "messages": [{"role": "user", "content": content}]}
        return {**said, "enable_thinking": False, **more}

    async def whole(self, content: Any, **more: Any) -> dict[str, Any]:
        """The JSON of an answer."""
        reply = await self.doors.http.post(COMPLETIONS, json=self.question(content, **more), headers=HEADERS)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    async def message(self, content: Any, **more: Any) -> dict[str, Any]:
        """What an answer says, without members that are empty or known to one engine only."""
        message = (await self.whole(content, **more))["choices"][0]["message"]
        return {name: message[name] for name in SAID if message.get(name) not in (None, "")}

    async def chunks(self, content: Any, **more: Any) -> list[Any]:
        """The records of a stream."""
        body = self.question(content, stream=True, **more)
        reply = await self.doors.http.post(COMPLETIONS, json=body, headers=HEADERS)
        assert reply.status_code == 200, reply.text
        return records(reply.text)

    async def streamed(self, content: Any, **more: Any) -> list[Any]:
        """The messages of a gRPC stream."""
        request: CompleteChatRequest = request_of(self.question(content, **more))
        call = self.doors.chat.StreamChat(request, metadata=tuple(HEADERS.items()), timeout=20)
        return [message async for message in call]

    def sent(self) -> Mapping[str, Any]:
        """The last request for a completion, as it reached the engine."""
        asked = [one for one in self.simulator.requests if one.path.endswith("/chat/completions")]
        body: Mapping[str, Any] = json.loads(asked[-1].body)
        return body


@asynccontextmanager
async def open_engine(
    dialect: str, *, upstream_options: Mapping[str, Any] | None = None, **changes: Any
) -> AsyncIterator[EngineHouse]:
    """The engine of a dialect behind a gateway that has to find the dialect out.

    `changes` are settings of the gateway, and switches of the engine's behaviour.
    """
    settings = {name: changes.pop(name) for name in list(changes) if name.startswith("qwen_")}
    async with running() as simulator:
        simulator.engine.behaviour.change({"api_key": KEY, **changes})
        gpu = upstream(f"{simulator.url}/engine/{dialect}/v1", more=upstream_options)
        async with open_doors(gpu, **settings) as doors:
            yield EngineHouse(dialect, simulator, doors)
