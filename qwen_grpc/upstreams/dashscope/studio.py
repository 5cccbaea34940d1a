"""All of DashScope's media in one place: what an adapter opens beside its chat."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Self

from qwen_grpc.calls import notice
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.upstreams.base import Download
from qwen_grpc.upstreams.dashscope.files import Documents
from qwen_grpc.upstreams.dashscope.hosts import allow, secured
from qwen_grpc.upstreams.dashscope.images import Images
from qwen_grpc.upstreams.dashscope.media import MediaInput
from qwen_grpc.upstreams.dashscope.native import Native
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.dashscope.tasks import Pace, Tasks
from qwen_grpc.upstreams.dashscope.temporary import TemporaryStore
from qwen_grpc.upstreams.dashscope.videos import Videos
from qwen_grpc.upstreams.results import Results

# Until an answer: large files have to arrive first, and some pictures are made while the caller waits.
# The service itself was seen to allow 180 to 600 seconds.
PATIENCE_S = 600.0


class Studio:
    """Pictures, clips, files and their results; an async context manager.

    `origin` is the adapter's connection, which the adapter opens and closes.
    `tell` lets the caller know what of a request was not sent.
    """

    def __init__(
        self,
        origin: DashScopeOrigin,
        config: UpstreamConfig,
        *,
        pace: Pace | None = None,
        tell: Callable[[str], None] = notice,
    ) -> None:
        patient = self._patient = DashScopeOrigin(
            config, origin.clocks.changed(headers=PATIENCE_S, first_event=PATIENCE_S)
        )
        self._tasks = Tasks(Native(origin), pace)
        self.store = TemporaryStore(Native(origin), patient)
        self.media = MediaInput(self.store)
        self.images = Images(Native(patient), self._tasks, self.media, tell)
        self.videos = Videos(origin, self._tasks, self.media, tell)
        self.documents = Documents(patient)
        self._results = Results(origin, lambda url: allow(url, origin.name, origin.base_url))

    @property
    def connections(self) -> int:
        """How many connections of its own are open now: those that may wait for long."""
        return self._patient.connections

    async def __aenter__(self) -> Self:
        await self._patient.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._tasks.close()
        await self._patient.__aexit__(*exc)

    def download(self, url: str, *, offset: int = 0, limit: int = 0) -> AbstractAsyncContextManager[Download]:
        """Opens a result for reading; see `Upstream.download`."""
        return self._results.download(secured(url), offset=offset, limit=limit)
