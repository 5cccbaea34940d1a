"""An engine of a few fixed answers, by path, which remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.upstreams.openai_engine import OpenAiEngine

STREAM = {"content-type": "text/event-stream"}


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Paths:
    """Answers by path: a status and a body, which is JSON unless it is bytes. `held`, while not set, holds them all."""

    answers: dict[str, tuple[int, Any]]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    held: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.asked]

    def last(self, path: str) -> Asked:
        return next(one for one in reversed(self.asked) if one.path == path)

    async def serve(self, request: web.BaseRequest) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, request.path, headers, await request.read()))
        self.arrived.set()
        if self.held is not None:
            await self.held.wait()
        status, body = self.answers.get(request.path, (404, {"detail": "Not Found"}))
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, headers=STREAM if body.startswith(b"data:") else {})
        return web.json_response(body, status=status)


@asynccontextmanager
async def engine_of(answers: Mapping[str, tuple[int, Any]]) -> AsyncIterator[Paths]:
    """A server with these answers."""
    paths = Paths(dict(answers))
    runner = web.ServerRunner(web.Server(paths.serve, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    paths.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield paths
    finally:
        await runner.cleanup()


def upstream(url: str, *, more: Mapping[str, Any] | None = None, **config: Any) -> OpenAiEngine:
    """The adapter before an engine; `config` are members of its table in the configuration."""
    table = {"kind": "openai_engine", "base_url": url, "caller_keys": ["*"], **config}
    return OpenAiEngine("gpu", UpstreamConfig.model_validate(table), **(more or {}))


def listing(*ids: str, owner: str = "somebody") -> tuple[int, Any]:
    """A list of models."""
    return 200, {"object": "list", "data": [{"id": id_, "object": "model", "owned_by": owner} for id_ in ids]}


def chunks(
    *deltas: Mapping[str, Any], finish: str = "stop", usage: Mapping[str, int] | None = None
) -> tuple[int, bytes]:
    """A stream of these deltas."""
    said: Sequence[Mapping[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    ended = {"index": 0, "delta": {}, "finish_reason": finish}
    records = [json.dumps({"id": "c", "created": 1, "model": "m", "choices": [choice]}) for choice in (*said, ended)]
    if usage is not None:
        records.append(json.dumps({"id": "c", "created": 1, "model": "m", "choices": [], "usage": usage}))
    return 200, b"".join(b"data: %s\n\n" % record.encode() for record in (*records, "[DONE]"))
