"""A gateway as nobody should write it: it means well, and every row of the fault matrix fails on it.

It repeats what failed, skips what it does not understand, and ends every
answer as if it were complete.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

KEY = "careless"
ATTEMPTS = 5
# As if each write waited for an acknowledgement.
HELD_BACK_S = 0.06


@dataclass
class Careless:
    """The gateway. `pedantic` is whether an answer without `[DONE]` is a failure to it."""

    upstream: str
    client: aiohttp.ClientSession
    pedantic: bool = False
    working: set[asyncio.Task[web.StreamResponse]] = field(default_factory=set)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return web.Response(status=403, text="Forbidden")
        # What is no JSON is a failure of its own.
        body = json.loads(await request.text())
        # A client that leaves does not stop it.
        work = asyncio.create_task(self.stream(request, body) if body.get("stream") else self.whole(body))
        self.working.add(work)
        return await asyncio.shield(work)

    async def whole(self, body: dict[str, Any]) -> web.StreamResponse:
        text, status = "", 200
        for _ in range(ATTEMPTS):
            with suppress(aiohttp.ClientError):
                async with self.client.post(f"{self.upstream}/v1/chat/completions", json=body) as reply:
                    status, text = reply.status, text_of(await reply.read(), "message")
                if status == 200:
                    break
        if status != 200:
            return web.Response(status=500, text="Something went wrong.")
        message = {"role": "assistant", "content": tidied(text)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"object": "chat.completion", "choices": [choice], "usage": {"total_tokens": 0}})

    async def stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        for _ in range(ATTEMPTS):
            with suppress(aiohttp.ClientError):
                async with self.client.post(f"{self.upstream}/v1/chat/completions", json=body) as reply:
                    if reply.status == 200:
                        response = response or await opened(request)
                        done = await self.relay(reply, response)
                        return await self.end(response, done=done)
        return response or web.Response(status=500, text="Something went wrong.")

    async def end(self, response: web.StreamResponse, *, done: bool) -> web.StreamResponse:
        error = {"error": {"message": "no [DONE]", "type": "server_error", "code": None}}
        for record in (error if self.pedantic and not done else chunk("", "stop"), "[DONE]"):
            await send(response, record)
        return response

    async def relay(self, reply: aiohttp.ClientResponse, response: web.StreamResponse) -> bool:
        done = False
        rest = ""
        async for data in reply.content.iter_any():
            *lines, rest = f"{rest}{data.decode('utf-8', 'replace')} ".splitlines()
            rest = rest.removesuffix(" ")
            for line in lines:
                done = done or line.endswith("[DONE]")
                if text := tidied(text_of(line.removeprefix("data: ").encode(), "delta")):
                    await asyncio.sleep(HELD_BACK_S)
                    await send(response, chunk(text))
        return done

    async def picture(self, request: web.Request) -> web.Response:
        async with self.client.post(f"{self.upstream}/v1/images/generations", data=await request.read()) as reply:
            return web.json_response(await reply.json())


def text_of(data: bytes, member: str) -> str:
    try:
        return str(json.loads(data)["choices"][0][member]["content"] or "")
    except (ValueError, LookupError):
        return ""


def tidied(text: str) -> str:
    return "".join(text.split())


def chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice]}


async def opened(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    return response


async def send(response: web.StreamResponse, record: object) -> None:
    data = record if isinstance(record, str) else json.dumps(record)
    with suppress(ConnectionError):
        await response.write(f"data: {data}\n\n".encode())


@asynccontextmanager
async def careless(upstream: str, *, pedantic: bool = False) -> AsyncIterator[str]:
    """The address of such a gateway before an upstream."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
        gateway = Careless(upstream, client, pedantic)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", gateway.complete)
        app.router.add_post("/v1/images/generations", gateway.picture)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            for work in gateway.working:
                work.cancel()
            await asyncio.gather(*gateway.working, return_exceptions=True)
            await runner.cleanup()
