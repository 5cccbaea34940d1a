"""The media of the DashScope adapter against the simulator."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey
from qwen_grpc.simulator import Simulator, running
from qwen_grpc.upstreams.base import Attachment, Download, Picture, Scene
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.dashscope.studio import Studio
from qwen_grpc.upstreams.dashscope.tasks import Pace
from qwen_grpc.v1.models_pb2 import Model

KEY = ApiKey("sk-one")
# Polls move the simulator's tasks on, so nothing is won by waiting.
PACE = Pace(first_s=0.001, growth=1.5, longest_s=0.01, patience_s=20.0)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
# With base64 it is over the 10 MiB that a data URL may have.
LARGE_PNG = PNG + bytes(8 << 20)


def named(model: str) -> ResolvedModel:
    return ResolvedModel(model, Model(id=model), Mode.CHAT)


def inline(content: bytes = PNG, mime_type: str = "image/png") -> Attachment:
    """A picture as a data URL."""
    url = f"data:{mime_type};base64,{base64.b64encode(content).decode()}"
    return Attachment("", "image", url, "", mime_type, len(content))


def at(url: str) -> Attachment:
    """A picture at an address."""
    return Attachment("", "image", url, "", "", 0)


@dataclass
class Visit:
    """A studio that is open, and what it told its caller."""

    simulator: Simulator
    studio: Studio
    origin: DashScopeOrigin
    told: list[str] = field(default_factory=list)

    @property
    def memory(self) -> Any:
        return self.simulator.dashscope

    def behave(self, **values: Any) -> None:
        self.memory.behaviour.change(values)

    async def draw(self, model: str, prompt: str = "a fox", **scene: Any) -> Sequence[Picture]:
        return await self.studio.images.make(Scene(prompt, **scene), named(model), KEY)

    async def film(self, model: str = "wan2.7-t2v", prompt: str = "a fox", **scene: Any) -> str:
        return await self.studio.videos.create(Scene(prompt, **scene), named(model), KEY)

    async def content(self, url: str, **part: int) -> tuple[Download, bytes]:
        async with self.studio.download(url, **part) as download:
            return download, b"".join([chunk async for chunk in download.chunks])

    def asked(self, path: str) -> list[Any]:
        """The requests that came to a path, or to one below it."""
        return [request for request in self.simulator.requests if request.path.startswith(path)]


@asynccontextmanager
async def visiting(*, url: str = "", pace: Pace = PACE, **config: Any) -> AsyncIterator[Visit]:
    """A studio at the simulator; `url` puts something between them."""
    async with running() as simulator:
        told: list[str] = []
        async with studio_at(url or simulator.url, pace=pace, tell=told.append, **config) as (studio, origin):
            yield Visit(simulator, studio, origin, told)


@asynccontextmanager
async def studio_at(
    url: str, *, pace: Pace = PACE, tell: Any = None, clocks: Any = None, **config: Any
) -> AsyncIterator[tuple[Studio, DashScopeOrigin]]:
    table = UpstreamConfig.model_validate({"kind": "dashscope", "base_url": url, "wait_timeout": 0, **config})
    origin = DashScopeOrigin(table, clocks)
    async with origin, Studio(origin, table, pace=pace, tell=tell) as studio:
        yield studio, origin


@asynccontextmanager
async def losing_answers(url: str) -> AsyncIterator[str]:
    """A relay that hands requests on, and hangs up in place of the answer."""
    host, port = url.removeprefix("http://").split(":")

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        answers, requests = await asyncio.open_connection(host, int(port))
        requests.write(head + await reader.readexactly(length))
        await answers.readuntil(b"\r\n\r\n")
        requests.close()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
