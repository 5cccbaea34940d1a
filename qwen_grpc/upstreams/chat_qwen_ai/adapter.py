"""chat.qwen.ai as an upstream."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeVar

from qwen_grpc.answering import Messages
from qwen_grpc.catalog import Mode, ResolvedModel, resolve
from qwen_grpc.credentials import Credentials, WebSession
from qwen_grpc.emulation.form import wants_form
from qwen_grpc.emulation.shaped import shaped
from qwen_grpc.emulation.stops import until_stop
from qwen_grpc.errors import CredentialExpired, TokenMalformed, Unsupported
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
from qwen_grpc.upstreams.chat_qwen_ai.chats import Chats
from qwen_grpc.upstreams.chat_qwen_ai.conversations import Conversations
from qwen_grpc.upstreams.chat_qwen_ai.hosts import allow
from qwen_grpc.upstreams.chat_qwen_ai.models import FAMILIES, builtin_models, decode_models
from qwen_grpc.upstreams.chat_qwen_ai.object_store import ObjectStore
from qwen_grpc.upstreams.chat_qwen_ai.pictures import MODES, Pictures
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE, expired
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.site import Site
from qwen_grpc.upstreams.chat_qwen_ai.tidying import Tidying
from qwen_grpc.upstreams.chat_qwen_ai.tool_turns import ToolTurns, has_tools
from qwen_grpc.upstreams.chat_qwen_ai.turns import Means, Turns
from qwen_grpc.upstreams.chat_qwen_ai.uploads import Uploads
from qwen_grpc.upstreams.chat_qwen_ai.videos import Videos
from qwen_grpc.upstreams.model_cache import LineUp, ModelCache
from qwen_grpc.upstreams.results import Results
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest
from qwen_grpc.v1.chats_pb2 import Chat
from qwen_grpc.v1.models_pb2 import Model

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept, and for how many seconds. `chats`: never remove a chat upstream."""

    models_s: float = 3600.0
    idle_chats_s: float = 600.0
    chats: bool = False


class ChatQwenAi(Upstream):
    """Serves a person's own web session. Conversations go on in the chats that they began in."""

    def __init__(
        self,
        site: Site,
        keeping: Keeping | None = None,
        store: ObjectStore | None = None,
        *,
        name: str = SITE,
        now: Callable[[], float] = time.time,
    ) -> None:
        keeping = keeping or Keeping()
        self.name = name
        self._site = site
        self._keeping = keeping
        self._models = ModelCache(self._fetch_models, LineUp(FAMILIES, builtin_models), ttl_s=keeping.models_s, now=now)
        self._sessions = Sessions(site.renew, now=now)
        self._tidying = Tidying(site, self._sessions, keep_chats=keeping.chats)
        self._conversations = Conversations(self._tidying.remove, idle_s=keeping.idle_chats_s)
        self._store = store or ObjectStore()
        self._uploads = Uploads(site, self._sessions, self._store)
        self._chats = Chats(site, self._sessions)
        means = Means(site, self._sessions, self._conversations, self._tidying, self._uploads)
        self._turns = Turns(means, now=now)
        self._tool_turns = ToolTurns(means, now=now)
        self._videos = Videos(site, self._sessions, self._tidying, now=now)
        self._results = Results(site, lambda url: allow(url, site.base_url))
        self._pictures = Pictures(site, self._sessions, self._tidying, now=now)

    @property
    def realm(self) -> str:
        return SITE

    @property
    def connections(self) -> int:
        return self._site.connections

    async def __aenter__(self) -> Self:
        await self._site.__aenter__()
        await self._store.__aenter__()
        self._sweeper = asyncio.create_task(self._sweep_forever())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._sweeper.cancel()
        self._conversations.sweep(all_of_them=True)
        await self._tidying.close()
        await self._sessions.close()
        await self._models.close()
        await self._store.__aexit__(*exc)
        await self._site.__aexit__(*exc)

    def accepts(self, credentials: Credentials) -> bool:
        return isinstance(credentials, WebSession)

    async def list_models(self, credentials: Credentials | None, *, force: bool = False) -> ModelList:
        return await self._models.get(force=force)

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        return resolve(name, (await self._models.get()).models, FAMILIES)

    def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        credentials: Credentials,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> Messages:
        if request.n > 1:
            raise Unsupported("n > 1: one answer at a time is served; send the request again for another", field="n")
        if model.mode in MODES:
            return self._pictures.chat(request, model, _web(credentials), attachments)
        turn = partial(self._turn, model=model, session=_web(credentials), attachments=attachments)
        if wants_form(request) and model.mode is not Mode.DEEP_RESEARCH:
            return shaped(request, turn)
        return turn(request)

    def _turn(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        session: WebSession,
        attachments: Mapping[str, Attachment],
    ) -> Messages:
        turns = self._tool_turns if has_tools(request, model) else self._turns
        answer = turns.run(request, model, session, attachments)
        return until_stop(answer, request.stop) if request.stop else answer

    async def make_images(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> Sequence[Picture]:
        return [Picture(await self._pictures.make(scene, model, _web(credentials)))]

    async def create_video(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> str:
        return await self._videos.create(scene, model, _web(credentials))

    async def get_video(self, task_id: str, credentials: Credentials) -> VideoTask:
        return await self._videos.get(task_id, _web(credentials))

    def download(
        self, url: str, *, offset: int = 0, limit: int = 0, credentials: Credentials = NO_KEY
    ) -> AbstractAsyncContextManager[Download]:
        return self._results.download(url, offset=offset, limit=limit)

    async def upload(self, upload: Upload, credentials: Credentials) -> Attachment:
        return await self._uploads.upload(upload, _web(credentials))

    async def list_chats(self, page: int, credentials: Credentials) -> Sequence[Chat]:
        return await self._chats.page(page, _web(credentials))

    async def get_chat(self, chat_id: str, credentials: Credentials) -> Chat:
        return await self._chats.get(chat_id, _web(credentials))

    async def delete_chat(self, chat_id: str, credentials: Credentials) -> None:
        await self._chats.delete(chat_id, _web(credentials))

    async def delete_all_chats(self, credentials: Credentials) -> None:
        await self._chats.delete_all(_web(credentials))

    async def check(self, credentials: Credentials) -> Account:
        session = await self._sessions.fresh(_web(credentials))
        found = await self._sessions.once_more(session, self._who)
        account = found.get("id") if isinstance(found, dict) else None
        if not isinstance(account, str) or not account:
            raise expired()
        return Account(account, session.expires_at)

    async def _who(self, session: WebSession) -> Any:
        return await self._site.call("GET", "/api/v1/auths/", session)

    async def refresh(self, credentials: Credentials) -> Credentials:
        session = _web(credentials)
        if not session.refresh_token:
            raise CredentialExpired(
                "this credential holds no refresh token, so it cannot be renewed: export the session anew, "
                "with the cookie refresh_token (docs/credentials.md)"
            )
        return await self._sessions.renewed(session)

    async def _fetch_models(self) -> Sequence[Model]:
        return decode_models(await self._site.document("GET", "/api/models"))

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(min(30.0, max(0.1, self._keeping.idle_chats_s / 4)))
            self._conversations.sweep()


def _web(credentials: Credentials) -> WebSession:
    if not isinstance(credentials, WebSession):
        raise TokenMalformed(f"{SITE} takes a web session, not an API key (docs/credentials.md)")
    return credentials
