"""An own engine with OpenAI's API as an upstream: vLLM, SGLang, Ollama, llama.cpp and others."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from fnmatch import fnmatchcase
from typing import ClassVar, Self

from qwen_grpc.answering import Messages, answering
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.hops import Hops
from qwen_grpc.upstreams.base import (
    NO_ATTACHMENTS,
    NO_KEY,
    Account,
    Attachment,
    Download,
    ModelList,
    Picture,
    Scene,
    Upstream,
    VideoTask,
)
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.fetcher import Fetcher
from qwen_grpc.upstreams.model_cache import LineUp, ModelCache
from qwen_grpc.upstreams.openai_engine.chat import Turns
from qwen_grpc.upstreams.openai_engine.detect import Detected
from qwen_grpc.upstreams.openai_engine.media import Inlining
from qwen_grpc.upstreams.openai_engine.models import decode_models, find
from qwen_grpc.upstreams.openai_engine.pictures import AT_ONCE, Pictures
from qwen_grpc.upstreams.openai_engine.server import MODELS, EngineServer
from qwen_grpc.upstreams.openai_engine.vectors import embed
from qwen_grpc.upstreams.openai_engine.videos import VIDEOS, Videos
from qwen_grpc.upstreams.results import Results, allow
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from qwen_grpc.v1.models_pb2 import Model

MODELS_S = 300.0
MAX_LISTS = 100


class OpenAiEngine(Upstream):
    """Serves what the engine at the operator's `base_url` serves.

    Keys go to that server and to no other. Without `fetcher` neither we nor
    the engine fetch from addresses that callers name. Lists are kept for
    `models_s` seconds, for each key its own.
    """

    stores_files: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913  # what an operator sets, and what a test does
        self,
        name: str,
        config: UpstreamConfig,
        *,
        fetcher: Fetcher | None = None,
        clocks: Clocks | None = None,
        models_s: float = MODELS_S,
        hops: Hops | None = None,
    ) -> None:
        self.name = name
        self._config = config
        self._models_s = models_s
        self._server = server = EngineServer(name, config.base_url, clocks, hops)
        self._dialect = Detected(server, config.dialect)
        self._lists: OrderedDict[str, ModelCache] = OrderedDict()
        self._inlining = Inlining(fetcher)
        self._turns = Turns(server)
        self._pictures = Pictures(server, self._inlining)
        self._videos = Videos(server, self._inlining)
        self._results = Results(server, lambda url: allow(url, name, server.base_url, ()))

    @property
    def connections(self) -> int:
        return self._server.connections

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._dialect.close()
        await asyncio.gather(*(known.close() for known in self._lists.values()))
        await self._server.__aexit__(*exc)

    def accepts(self, credentials: Credentials) -> bool:
        key = credentials.value if isinstance(credentials, ApiKey) else ""
        return bool(key) and any(fnmatchcase(key, pattern) for pattern in self._config.caller_keys)

    async def list_models(self, credentials: Credentials | None, *, force: bool = False) -> ModelList:
        return await self._list_of(credentials or NO_KEY).get(force=force)

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        return find(name, await self.list_models(credentials))

    @answering
    async def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        credentials: Credentials,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> AsyncIterator[Messages]:
        dialect = await self._dialect.get(credentials)
        ready = await self._inlining.ready(request, dialect, attachments)
        async with aclosing(self._turns.run(ready, model, dialect, credentials)) as messages:
            yield messages

    def images_at_once(self, model: ResolvedModel) -> int:
        return AT_ONCE

    async def make_images(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> Sequence[Picture]:
        return await self._pictures.make(scene, model, credentials)

    async def embed(
        self, request: CreateEmbeddingsRequest, model: ResolvedModel, credentials: Credentials
    ) -> CreateEmbeddingsResponse:
        return await embed(self._server, request, model, credentials)

    async def create_video(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> str:
        return await self._videos.create(scene, model, credentials)

    async def get_video(self, task_id: str, credentials: Credentials) -> VideoTask:
        return await self._videos.get(task_id, credentials)

    async def cancel_video(self, task_id: str, credentials: Credentials) -> None:
        await self._videos.remove(task_id, credentials)

    def download(
        self, url: str, *, offset: int = 0, limit: int = 0, credentials: Credentials = NO_KEY
    ) -> AbstractAsyncContextManager[Download]:
        headers = self._server.authorized(credentials) if url.startswith(self._server.base_url + VIDEOS) else {}
        return self._results.download(url, offset=offset, limit=limit, headers=headers)

    async def check(self, credentials: Credentials) -> Account:
        await self._fetch_models(credentials)
        return Account(self._account_id(credentials), None)

    def _account_id(self, credentials: Credentials) -> str:
        """The same for a key after every restart, and of no use to find the key."""
        key = credentials.value if isinstance(credentials, ApiKey) else ""
        return hashlib.sha256(f"{self._server.base_url}\0{key}".encode()).hexdigest()[:32]

    def _list_of(self, credentials: Credentials) -> ModelCache:
        known = self._lists.get(credentials.fingerprint)
        if known is None:
            line_up = LineUp({}, list)
            known = ModelCache(lambda: self._fetch_models(credentials), line_up, ttl_s=self._models_s)
            self._lists[credentials.fingerprint] = known
            if len(self._lists) > MAX_LISTS:
                self._lists.popitem(last=False)
        self._lists.move_to_end(credentials.fingerprint)
        return known

    async def _fetch_models(self, credentials: Credentials) -> Sequence[Model]:
        listed = await self._server.document("GET", MODELS, credentials)
        return decode_models(self._server.place, listed, self._dialect.known)
