"""What every upstream offers to the services."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import Unsupported
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse
from qwen_grpc.v1.models_pb2 import Model


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


class Upstream:
    """A Qwen API that we call. An async context manager: open it, use it, leave it.

    A method that an upstream cannot serve raises `Unsupported`.
    """

    name: ClassVar[str]

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
        self, request: CompleteChatRequest, model: ResolvedModel, credentials: Credentials
    ) -> AsyncGenerator[StreamChatResponse, None]:
        """One turn, as a stream of deltas.

        The first message carries `start` and comes only after the upstream
        accepted the request. Each further message carries what one read of
        the socket brought. The stream ends normally only after a finish
        reason; leaving it early stops the work upstream.
        """
        raise Unsupported(f"{self.name} has no chat")

    async def check(self, credentials: Credentials) -> Account:
        """Asks the upstream whether it takes the credential."""
        raise Unsupported(f"{self.name} cannot check a credential")

    async def refresh(self, credentials: Credentials) -> Credentials:
        """Gets a fresh credential for the same account."""
        raise Unsupported(f"{self.name} has no credentials that can be refreshed")


class Upstreams:
    """The open upstreams of a server."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._upstreams = tuple(upstreams)

    def pick(self, credentials: Credentials | None) -> Upstream:
        """The upstream that a credential belongs to; without one, the first."""
        for upstream in self._upstreams:
            if credentials is None or upstream.accepts(credentials):
                return upstream
        names = ", ".join(upstream.name for upstream in self._upstreams)
        raise Unsupported(f"no upstream here takes an API key; this server speaks to: {names} (docs/credentials.md)")
