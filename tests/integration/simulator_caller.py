"""A signed-in client of a simulator, and short forms of what it hears."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from qwen_grpc.simulator import Behaviour, Simulator, make_token, running

MODEL = "qwen3.7-plus"


class Caller:
    """A signed-in client of one simulator."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.http = http

    async def new_chat(self) -> str:
        reply = await self.http.post("/api/v2/chats/new", json={"models": [MODEL], "chat_type": "t2t"})
        return reply.json()["data"]["id"]

    def asking(self, chat_id: str, text: Any, parent: str | None = None, **message: Any) -> httpx.Request:
        body = {"chat_id": chat_id, "parent_id": parent, "model": MODEL, "stream": True}
        body["messages"] = [{"content": text, **message}]
        return self.http.build_request("POST", f"/api/v2/chat/completions?chat_id={chat_id}", json=body)

    async def ask(self, text: Any, **message: Any) -> httpx.Response:
        return await self.http.send(self.asking(await self.new_chat(), text, **message))

    @asynccontextmanager
    async def reading(self, chat_id: str, text: str) -> AsyncIterator[httpx.Response]:
        """An answer whose first bytes have arrived; leaving hangs up."""
        reply = await self.http.send(self.asking(chat_id, text), stream=True)
        try:
            await anext(reply.aiter_raw())
            yield reply
        finally:
            await reply.aclose()

    async def stop(self, chat_id: str, response_id: str) -> dict[str, Any]:
        body = {"chat_id": chat_id, "response_id": response_id}
        reply = await self.http.post(f"/api/v2/chat/completions/stop?chat_id={chat_id}", json=body)
        return reply.json()["data"]

    async def get(self, path: str) -> Any:
        return (await self.http.get(path)).json()["data"]


@asynccontextmanager
async def calling(behaviour: Behaviour | None = None, **options: Any) -> AsyncIterator[Caller]:
    async with running(behaviour=behaviour, **options) as simulator:
        now: Callable[[], float] = options.get("now", time.time)
        headers = {"authorization": f"Bearer {make_token('user-1', now=now)}", "version": "0.3.12"}
        async with httpx.AsyncClient(base_url=simulator.url, headers=headers) as http:
            yield Caller(simulator, http)


async def until(condition: Callable[[], object], within: float = 5.0) -> None:
    """Wait for a state of the simulator that it announces to nobody."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def numbered() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"id-{next(numbers)}"


def data_lines(body: bytes) -> list[bytes]:
    return [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]


def outline(body: bytes) -> list[str]:
    """Every event in short: `created`, `phase:status:content`, else its raw text."""
    return [_short(line) for line in data_lines(body)]


def _short(line: bytes) -> str:
    try:
        event = json.loads(line)
        delta = event["choices"][0]["delta"] if "choices" in event else None
    except (ValueError, KeyError):
        return repr(line)
    if "response.created" in event:
        return "created"
    if delta is None:
        return line.decode()
    return f"{delta['phase']}:{delta['status']}:{delta['content']}" if "status" in delta else line.decode()


def answer_of(body: bytes) -> str:
    deltas = [json.loads(line)["choices"][0]["delta"] for line in data_lines(body) if b'"choices"' in line]
    return "".join(delta["content"] for delta in deltas if delta["phase"] == "answer")


def verdict(reply: httpx.Response) -> str:
    """The shortest unmistakable form of an answer."""
    if reply.headers["content-type"].startswith("text/event-stream"):
        return "stream"
    if reply.headers["content-type"].startswith("text/html"):
        return "html challenge"
    body = reply.json()
    if "ret" in body:
        return "json challenge"
    failure = body.get("data", body)
    return f"{failure['code']}: {failure['details']}" if "code" in failure else "success"
