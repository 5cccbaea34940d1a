"""Stands before the simulator, and holds one request: before it gets there, or its answer on the way back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

HOP_BY_HOP = {"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"}


class Gate:
    """Passes everything on, and holds the n-th request of one path for ever."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.url = ""
        self.held = asyncio.Event()
        self._path, self._number, self._answered, self._seen = "", 0, False, 0

    def hold(self, path: str, number: int = 1, *, answered: bool) -> None:
        """Holds the n-th request whose path begins so; `answered`: after the upstream has dealt with it."""
        self._path, self._number, self._answered, self._seen = path, number, answered, 0
        self.held.clear()

    def open(self) -> None:
        """Holds nothing from now on."""
        self._path = ""

    async def serve(self, request: web.BaseRequest) -> web.Response:
        mine = bool(self._path) and request.path.startswith(self._path)
        self._seen += mine
        holding = mine and self._seen == self._number
        if holding and not self._answered:
            await self._hold()
        answer = await self._pass_on(request)
        if holding:
            await self._hold()
        return answer

    async def _hold(self) -> None:
        self.held.set()
        await asyncio.Event().wait()

    async def _pass_on(self, request: web.BaseRequest) -> web.Response:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        body = await request.read()
        url = self.upstream + request.path_qs
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(request.method, url, headers=headers, data=body or None) as reply,
        ):
            kept = [(name, value) for name, value in reply.headers.items() if name.lower() not in HOP_BY_HOP]
            return web.Response(status=reply.status, headers=kept, body=await reply.read())


@asynccontextmanager
async def gated(upstream: str) -> AsyncIterator[Gate]:
    """An open gate before an upstream."""
    gate = Gate(upstream)
    # A caller that was killed leaves nobody to hold a request for.
    runner = web.ServerRunner(web.Server(gate.serve, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gate.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield gate
    finally:
        await runner.cleanup()
