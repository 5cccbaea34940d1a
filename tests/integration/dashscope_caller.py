"""A client of the simulated DashScope, and short forms of what it hears."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from qwen_grpc.simulator import Simulator, running

CHAT = "/compatible-mode/v1/chat/completions"
TEXT = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"
VIDEO = "/api/v1/services/aigc/video-generation/video-synthesis"
ASYNC = {"x-dashscope-async": "enable"}
SSE = {"x-dashscope-sse": "enable"}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


class DashScopeCaller:
    """A client with one key."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.http = http

    @property
    def memory(self) -> Any:
        return self.simulator.dashscope

    def behave(self, **values: Any) -> None:
        self.memory.behaviour.change(values)

    async def chat(self, text: Any = "hi", *, key: str = "", headers: dict[str, str] | None = None, **body: Any) -> Any:
        """A completion; `messages` in the body replace the text."""
        asked = {"model": "qwen-plus", "messages": [{"role": "user", "content": text}], **body}
        return await self.http.post(CHAT, json=asked, headers={**(headers or {}), **_bearer(key)})

    async def stream(self, text: Any = "hi", **body: Any) -> bytes:
        return bytes((await self.chat(text, stream=True, **body)).content)

    async def native(self, given: Any, *, path: str = TEXT, headers: dict[str, str] | None = None, **body: Any) -> Any:
        asked = {"model": "qwen-plus", "input": given, **body}
        return await self.http.post(path, json=asked, headers=headers or {})

    async def film(self, text: str = "the sea", *, key: str = "", **body: Any) -> str:
        """Submit a video; the id of its task."""
        asked = {"model": "wan2.7-t2v", "input": {"prompt": text}, **body}
        reply = await self.http.post(VIDEO, json=asked, headers={**ASYNC, **_bearer(key)})
        task_id: str = reply.json()["output"]["task_id"]
        return task_id

    async def task(self, task_id: str, key: str = "") -> dict[str, Any]:
        reply = await self.http.get(f"/api/v1/tasks/{task_id}", headers=_bearer(key))
        output: dict[str, Any] = reply.json()["output"]
        return output

    async def finish(self, task_id: str) -> dict[str, Any]:
        """The whole reply at the end of a task."""
        for _ in range(9):
            reply: dict[str, Any] = (await self.http.get(f"/api/v1/tasks/{task_id}")).json()
            if reply["output"]["task_status"] not in ("PENDING", "RUNNING"):
                return reply
        raise AssertionError("the task does not end")


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


@asynccontextmanager
async def dashscope(*, key: str = "sk-one", **options: Any) -> AsyncIterator[DashScopeCaller]:
    async with running(**options) as simulator, httpx.AsyncClient(headers=_bearer(key)) as http:
        http.base_url = simulator.url
        yield DashScopeCaller(simulator, http)


async def fetch(url: str, **options: Any) -> httpx.Response:
    """What a stranger gets."""
    async with httpx.AsyncClient() as stranger:
        return await stranger.get(url, **options)


def events(body: bytes) -> list[Any]:
    """The data of every event of a compatible stream, as JSON where it is."""
    lines = [line.removeprefix("data: ") for line in body.decode().split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def deltas(body: bytes) -> list[Any]:
    """Every chunk in short: its delta, with the reason of its end if it has one."""
    short = []
    for event in events(body):
        if event == "[DONE]" or not event.get("choices"):
            short.append(
                event if event == "[DONE]" else {key: event[key] for key in ("error", "usage") if event.get(key)}
            )
            continue
        [choice] = event["choices"]
        short.append((choice["delta"], choice["finish_reason"]) if choice["finish_reason"] else choice["delta"])
    return short


def said(body: bytes) -> str:
    """The answer of a compatible stream."""
    chunks = [event for event in events(body) if event != "[DONE]" and event.get("choices")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def frames(body: bytes) -> list[tuple[str, str, str, Any]]:
    """The frames of a native stream: id, event, status, data."""
    split = [frame.split("\n") for frame in body.decode().split("\n\n") if frame]
    return [(lines[0], lines[1], lines[2], json.loads(lines[3].removeprefix("data:"))) for lines in split]


def fault_of(reply: httpx.Response) -> tuple[int, str, str]:
    """Status, code and text of an error in either dialect."""
    body = reply.json()
    error = body.get("error", body)
    return reply.status_code, error["code"], error["message"]


def uuids() -> Callable[[], str]:
    """Ids of the form of UUIDs that count."""
    numbers = iter(range(1, 1_000_000))
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"
