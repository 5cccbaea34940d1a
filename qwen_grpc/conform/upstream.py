"""The upstream that fails as told: OpenAI's API on raw sockets, and beside it a record of what arrived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import msgspec

from qwen_grpc import __version__
from qwen_grpc.conform import answers
from qwen_grpc.conform.answers import Asked, Break, Pause, Step
from qwen_grpc.conform.markers import Marker, find
from qwen_grpc.conform.records import Book, Record
from qwen_grpc.conform.scripts import Script, picture, plain, unknown
from qwen_grpc.conform.wire import Gone, Request, Wire

# What nobody serves.
NO_MODEL = "conform-no-such-model"
# The second name tells a gateway that goes by names that this model makes pictures.
MODELS = ("conform", "conform-qwen-image")
TOOL = "qwen-grpc conform"
# Beside the API: what arrived.
CONTROL = "/conform/"
MAX_WAIT_S = 60.0
_NO_JSON = answers.error("The body is no JSON object.", "invalid_request_error", "invalid_json")


class FaultUpstream:
    """Answers each request as its marker says, and remembers it. Without a marker the answer is a good one."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.url = ""
        self.book = Book()
        self._scripts = scripts
        self._wires: set[Wire] = set()

    def connection(self) -> Wire:
        """A protocol for a connection that has come in."""
        return Wire(self._serve)

    async def stop(self) -> None:
        """Breaks every connection."""
        tasks = [wire.task for wire in self._wires if wire.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, wire: Wire) -> None:
        self._wires.add(wire)
        try:
            while True:
                await self._answer(wire, await wire.request())
        except Gone:
            pass
        finally:
            wire.close()
            self._wires.discard(wire)

    async def _answer(self, wire: Wire, request: Request) -> None:
        match request.method, request.path:
            case "GET", path if path.startswith(CONTROL):
                await wire.write(answers.whole(await self._told(request)))
            case "GET", "/v1/models":
                await wire.write(answers.whole(_models()))
            case "POST", "/v1/chat/completions":
                await self._play(wire, request, plain)
            case "POST", "/v1/images/generations":
                await self._play(wire, request, picture)
            case _:
                body = answers.error("There is no such endpoint.", "invalid_request_error", "not_found")
                await wire.write(answers.whole(body, status="404 Not Found"))

    async def _told(self, request: Request) -> bytes:
        """What arrived with a nonce; `until` and `within` say what to wait for, and how many seconds at most."""
        nonce = request.path.removeprefix(CONTROL)
        if not nonce:
            return answers.dump({"tool": TOOL, "version": __version__, "behaviours": sorted(self._scripts)})
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        within = min(float(query.get("within", 0)), MAX_WAIT_S)
        return answers.dump(await self.book.when(nonce, query.get("until", "arrived"), within))

    async def _play(self, wire: Wire, request: Request, otherwise: Script) -> None:
        body, marker = _object(request.body), find(request.body) or Marker("", "")
        if body is None:
            await wire.write(answers.whole(_NO_JSON, status="400 Bad Request"))
            return
        asked = self._asked(body, marker)
        record = self.book.arrived(marker.nonce, request.path, streamed=asked.streamed)
        try:
            for step in self._steps(asked, otherwise):
                await self._take(wire, record, step)
        except Gone:
            if record.outcome == "open":
                self.book.over(record, "left")
            raise
        self.book.over(record, "answered")

    def _steps(self, asked: Asked, otherwise: Script) -> Iterator[Step]:
        if asked.model == NO_MODEL:
            return unknown(asked)
        return self._scripts.get(asked.marker.name, otherwise)(asked)

    def _asked(self, body: Mapping[str, Any], marker: Marker) -> Asked:
        options = body.get("stream_options")
        return Asked(
            marker,
            str(body.get("model", "")),
            streamed=body.get("stream") is True,
            usage=isinstance(options, dict) and options.get("include_usage") is True,
            now=time.time(),
            attempt=len(self.book.of(marker.nonce)) + 1,
        )

    async def _take(self, wire: Wire, record: Record, step: Step) -> None:
        match step:
            case bytes():
                await wire.write(step)
                self.book.wrote(record)
            case Pause(seconds):
                await wire.pause(seconds)
            case Break():
                self.book.over(record, "broken")
                (wire.reset if step is Break.RESET else wire.close)()
                raise Gone


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _models() -> bytes:
    rows = [{"id": name, "object": "model", "created": answers.CREATED, "owned_by": "conform"} for name in MODELS]
    return answers.dump({"object": "list", "data": rows})


@asynccontextmanager
async def running(scripts: Mapping[str, Script], host: str, port: int) -> AsyncIterator[FaultUpstream]:
    """Serves on an address; port 0 takes a free one, `url` says which. Raises `OSError` when it cannot be had."""
    upstream = FaultUpstream(scripts)
    server = await asyncio.get_running_loop().create_server(upstream.connection, host, port)
    upstream.url = f"http://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.stop()
