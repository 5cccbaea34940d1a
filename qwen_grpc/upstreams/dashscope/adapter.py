"""DashScope as an upstream."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Self

from qwen_grpc.addresses import DASHSCOPE_KEY
from qwen_grpc.answering import Messages
from qwen_grpc.calls import notice
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import TokenMalformed
from qwen_grpc.upstreams.base import (
    NO_ATTACHMENTS,
    NO_KEY,
    Account,
    Attachment,
    Download,
    ModelList,
    Picture,
    Scene,
    Upload,
    Upstream,
    VideoTask,
)
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.dashscope.attached import Inlining
from qwen_grpc.upstreams.dashscope.chat import Chat
from qwen_grpc.upstreams.dashscope.embeddings import Embeddings
from qwen_grpc.upstreams.dashscope.listing import Listings
from qwen_grpc.upstreams.dashscope.origin import DASHSCOPE, DashScopeOrigin
from qwen_grpc.upstreams.dashscope.studio import Studio
from qwen_grpc.upstreams.dashscope.tasks import Pace
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse

ACCOUNT_CHARACTERS = 32


class DashScope(Upstream):
    """Serves whoever has a key of Alibaba Cloud's Model Studio, at the host of that key's region and plan.

    Media travel inside of requests; documents are stored. `tell` lets the
    caller know how a request was changed to be served.
    """

    stores_files: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        config: UpstreamConfig,
        *,
        clocks: Clocks | None = None,
        pace: Pace | None = None,
        tell: Callable[[str], None] = notice,
    ) -> None:
        self.name = name
        self._origin = DashScopeOrigin(config, clocks)
        self._listings = Listings(self._origin)
        self._studio = Studio(self._origin, config, pace=pace, tell=tell)
        self._chat = Chat(self._origin, Inlining(self._studio.media), config.forced_tools, tell)
        self._embeddings = Embeddings(self._origin)

    @property
    def connections(self) -> int:
        return self._origin.connections + self._studio.connections

    async def __aenter__(self) -> Self:
        await self._origin.__aenter__()
        await self._studio.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._listings.close()
        await self._studio.__aexit__(*exc)
        await self._origin.__aexit__(*exc)

    def accepts(self, credentials: Credentials) -> bool:
        return isinstance(credentials, ApiKey) and credentials.value.startswith(DASHSCOPE_KEY)

    async def list_models(self, credentials: Credentials | None, *, force: bool = False) -> ModelList:
        return await self._listings.get(_key(credentials) if credentials else None, force=force)

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        return await self._listings.resolve(name, _key(credentials) if credentials else None)

    def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        credentials: Credentials,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> Messages:
        return self._chat.run(request, model, _key(credentials), attachments)

    def images_at_once(self, model: ResolvedModel) -> int:
        return self._studio.images.at_once(model)

    async def make_images(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> Sequence[Picture]:
        return await self._studio.images.make(scene, model, _key(credentials))

    async def embed(
        self, request: CreateEmbeddingsRequest, model: ResolvedModel, credentials: Credentials
    ) -> CreateEmbeddingsResponse:
        return await self._embeddings.embed(request, model, _key(credentials))

    async def create_video(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> str:
        return await self._studio.videos.create(scene, model, _key(credentials))

    async def get_video(self, task_id: str, credentials: Credentials) -> VideoTask:
        return await self._studio.videos.get(task_id, _key(credentials))

    async def cancel_video(self, task_id: str, credentials: Credentials) -> None:
        await self._studio.videos.cancel(task_id, _key(credentials))

    async def upload(self, upload: Upload, credentials: Credentials) -> Attachment:
        return await self._studio.documents.upload(upload, _key(credentials))

    def download(
        self, url: str, *, offset: int = 0, limit: int = 0, credentials: Credentials = NO_KEY
    ) -> AbstractAsyncContextManager[Download]:
        return self._studio.download(url, offset=offset, limit=limit)

    async def check(self, credentials: Credentials) -> Account:
        key = _key(credentials)
        await self._listings.asked(key)
        return Account(_account_of(key), expires_at=None)


def _account_of(key: ApiKey) -> str:
    """Stands for the account, which the service names nowhere: the same for the same key, and not the key itself."""
    return hashlib.sha256(f"{DASHSCOPE}\0{key.value}".encode()).hexdigest()[:ACCOUNT_CHARACTERS]


def _key(credentials: Credentials) -> ApiKey:
    if not isinstance(credentials, ApiKey):
        raise TokenMalformed(
            f"{DASHSCOPE} takes an API key ({DASHSCOPE_KEY}…), not a web session (docs/credentials.md)"
        )
    return credentials
