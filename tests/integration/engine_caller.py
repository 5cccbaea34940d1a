"""A client of the simulated engines, and short forms of what it hears."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from qwen_grpc.simulator import Simulator, running

ENGINES = ("vllm", "sglang", "ollama", "llamacpp", "generic")
NOW = 1_770_343_445
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}
THOUGHTS = "The person wants to hear the words again.\nAn echo is enough.\n"
# How each engine is told not to think.
QUIET: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("vllm", "sglang", "llamacpp", "generic"), {"chat_template_kwargs": {"enable_thinking": False}}),
    "ollama": {"reasoning_effort": "none"},
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


class EngineCaller:
    """A client of all engines of one simulator."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.http = http

    @property
    def memory(self) -> Any:
        return self.simulator.engine

    def behave(self, **values: Any) -> None:
        self.memory.behaviour.change(values)

    async def chat(self, engine: str, text: Any = "hi", **body: Any) -> httpx.Response:
        """A completion; `messages` in the body replace the text."""
        asked = {"messages": [{"role": "user", "content": text}], **body}
        return await self.http.post(f"/engine/{engine}/v1/chat/completions", json=asked)

    async def quiet(self, engine: str, text: Any = "hi", **body: Any) -> httpx.Response:
        """A completion without thinking."""
        return await self.chat(engine, text, **QUIET[engine], **body)

    async def message(self, engine: str, text: Any = "hi", **body: Any) -> dict[str, Any]:
        reply = (await self.chat(engine, text, **body)).json()
        message: dict[str, Any] = reply["choices"][0]["message"]
        return message

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/engine/{path}")

    async def post(self, path: str, **how: Any) -> httpx.Response:
        return await self.http.post(f"/engine/{path}", **how)

    @asynccontextmanager
    async def reading(self, engine: str, text: str) -> AsyncIterator[httpx.Response]:
        """A stream whose first bytes have arrived; leaving hangs up."""
        asked = {"messages": [{"role": "user", "content": text}], "stream": True}
        request = self.http.build_request("POST", f"/engine/{engine}/v1/chat/completions", json=asked)
        reply = await self.http.send(request, stream=True)
        try:
            await anext(reply.aiter_raw())
            yield reply
        finally:
            await reply.aclose()


@asynccontextmanager
async def engines(*, key: str = "", **options: Any) -> AsyncIterator[EngineCaller]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with running(**options) as simulator, httpx.AsyncClient(base_url=simulator.url, headers=headers) as http:
        yield EngineCaller(simulator, http)


def events(reply: httpx.Response) -> list[Any]:
    """The data of every event, as JSON where it is."""
    lines = [line.removeprefix("data: ") for line in reply.text.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def choices(reply: httpx.Response) -> list[dict[str, Any]]:
    """The choices of all chunks, one after the other."""
    chunks = [event for event in events(reply) if event != "[DONE]"]
    return [choice for chunk in chunks for choice in chunk.get("choices", ())]


def deltas(reply: httpx.Response) -> list[dict[str, Any]]:
    return [choice["delta"] for choice in choices(reply)]


def said(reply: httpx.Response, member: str = "content") -> str:
    """The text of a stream."""
    return "".join(delta.get(member) or "" for delta in deltas(reply))


def finish(reply: httpx.Response) -> list[str]:
    """The reasons that a stream gives for its end."""
    return [choice["finish_reason"] for choice in choices(reply) if choice["finish_reason"]]
