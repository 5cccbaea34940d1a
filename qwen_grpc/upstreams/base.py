"""What every upstream offers to the services."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Self

from qwen_grpc.answering import Messages
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import QwenError, Unsupported
from qwen_grpc.upstreams.kinds import IMAGE, MAX_FILES
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest
from qwen_grpc.v1.chats_pb2 import Chat
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from qwen_grpc.v1.models_pb2 import Model
from qwen_grpc.v1.videos_pb2 import VideoState

# Stands for a credential where an upstream needs none, such as an engine on the same machine.
NO_KEY = ApiKey("")


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models of an upstream, as it listed them at `fetched_at` (epoch seconds).

    `offered` are all names that callers may use: the models, the families and
    the variants of both.
    """

    models: Sequence[Model]
    offered: Sequence[Model]
    fetched_at: float
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a credential belongs to, by the upstream's word."""

    id: str
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a request names. `kind` is image, audio, video or document.

    It lies at the upstream, at `url`; of an upstream that takes media inside
    of requests, `url` is what the request shall say: an address or a data URL.
    """

    id: str
    kind: str
    url: str
    filename: str
    mime_type: str
    size_bytes: int


NO_ATTACHMENTS: Mapping[str, Attachment] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way to the upstream. `size_bytes` is exact."""

    kind: str
    filename: str
    mime_type: str
    size_bytes: int
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture or a clip shall show.

    Words, a size or ratio as the caller wrote it, and pictures to begin from.
    `count` is the number of pictures, `seconds` the length of a clip; `extra`
    are the members of the JSON request that the contract has no field for.
    """

    prompt: str
    size: str = ""
    images: Sequence[Attachment] = ()
    count: int = 1
    seconds: float | None = None
    seed: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was made: where it lies, or its content. `revised_prompt` is the prompt as it was rewritten."""

    url: str = ""
    data: bytes = b""
    revised_prompt: str = ""


@dataclass(frozen=True, slots=True)
class VideoTask:
    """How far the upstream is with a clip.

    `state` is RUNNING, SUCCEEDED (with `url`), FAILED (with `error`) or CANCELLED.
    `expires_at` is when the URL ends, in epoch seconds, if it is known.
    """

    state: VideoState
    url: str = ""
    expires_at: float | None = None
    error: QwenError | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """Content on its way from the upstream. `size_bytes` is that of the whole, if known."""

    mime_type: str
    size_bytes: int | None
    etag: str
    chunks: AsyncIterator[bytes]


class Upstream:
    """A Qwen API that we call. An async context manager: open it, use it, leave it.

    `name` is the operator's name for it. A method that an upstream cannot
    serve raises `Unsupported`.
    """

    name: str
    stores_files: ClassVar[bool] = True
    """Whether media are uploaded first; otherwise they travel inside of the request."""

    @property
    def realm(self) -> str:
        """Whose accounts these are; what belongs to an account is remembered under it."""
        return self.name

    @property
    def connections(self) -> int:
        """How many connections to the API's own servers are open now."""
        return 0

    async def __aenter__(self) -> Self:
        """Opens connections and starts background work."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Ends background work and closes connections."""

    def accepts(self, credentials: Credentials) -> bool:
        """Whether this kind of credential belongs to this upstream."""
        raise NotImplementedError

    async def list_models(self, credentials: Credentials | None, *, force: bool = False) -> ModelList:
        """The models, from a cache unless `force`."""
        raise Unsupported(f"{self.name} lists no models")

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        """Understands a caller's model name."""
        raise Unsupported(f"{self.name} lists no models")

    def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        credentials: Credentials,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> Messages:
        """One turn, as a stream of deltas.

        The first message carries `start` and comes only after the upstream
        accepted the request. Each further message carries what one read of
        the socket brought. The stream ends normally only after a finish
        reason; leaving it early stops the work upstream. `attachments` are what
        `Media.file_id` in the messages names.
        """
        raise Unsupported(f"{self.name} has no chat")

    def images_at_once(self, model: ResolvedModel) -> int:
        """How many pictures one call of `make_images` may ask for."""
        return 1

    def images_to_edit(self, model: ResolvedModel) -> int:
        """How many pictures `scene.images` may have at most."""
        return MAX_FILES[IMAGE]

    async def make_images(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> Sequence[Picture]:
        """Makes `scene.count` pictures, or edits `scene.images`. Fewer than asked for is an error."""
        raise Unsupported(f"{self.name} makes no images")

    async def embed(
        self, request: CreateEmbeddingsRequest, model: ResolvedModel, credentials: Credentials
    ) -> CreateEmbeddingsResponse:
        """One vector for each text of the request, in order."""
        raise Unsupported(f"{self.name} makes no embeddings")

    async def create_video(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> str:
        """Hands in one clip; returns the upstream's task id. Never called twice for one job.

        Raises `JobUnknownOutcome` when the upstream may have taken it; after any other error it has not.
        """
        raise Unsupported(f"{self.name} makes no videos")

    async def get_video(self, task_id: str, credentials: Credentials) -> VideoTask:
        """Asks once how far a clip is. Raises `NotFound` when the upstream no longer knows it."""
        raise Unsupported(f"{self.name} makes no videos")

    async def cancel_video(self, task_id: str, credentials: Credentials) -> None:
        """Stops a clip. Raises `Unsupported` when the upstream cannot, or cannot any longer."""
        raise Unsupported(f"{self.name} cannot stop a clip once it has it; the job goes on")

    async def upload(self, upload: Upload, credentials: Credentials) -> Attachment:
        """Stores a file at the upstream, ready for use in a message."""
        raise Unsupported(f"{self.name} stores no files")

    def download(
        self, url: str, *, offset: int = 0, limit: int = 0, credentials: Credentials = NO_KEY
    ) -> AbstractAsyncContextManager[Download]:
        """Opens a result for reading, from the upstream's own hosts only.

        The credential is sent only where results cannot be had without it.
        `offset` and `limit` are bytes, and a limit of 0 means to the end. Raises
        `JobExpired` when the content is gone, `InvalidParameter` for an offset behind its end.
        """
        raise Unsupported(f"{self.name} has no results to download")

    async def list_chats(self, page: int, credentials: Credentials) -> Sequence[Chat]:
        """One page of the person's stored chats, from page 1 on, newest first; empty behind the last."""
        raise Unsupported(f"{self.name} stores no chats")

    async def get_chat(self, chat_id: str, credentials: Credentials) -> Chat:
        """A stored chat with its messages."""
        raise Unsupported(f"{self.name} stores no chats")

    async def delete_chat(self, chat_id: str, credentials: Credentials) -> None:
        """Deletes a stored chat. Raises `NotFound`."""
        raise Unsupported(f"{self.name} stores no chats")

    async def delete_all_chats(self, credentials: Credentials) -> None:
        """Deletes every stored chat of the account."""
        raise Unsupported(f"{self.name} stores no chats")

    async def check(self, credentials: Credentials) -> Account:
        """Asks the upstream whether it takes the credential."""
        raise Unsupported(f"{self.name} cannot check a credential")

    async def refresh(self, credentials: Credentials) -> Credentials:
        """Gets a fresh credential for the same account."""
        raise Unsupported(f"{self.name} has no credentials that can be refreshed")
