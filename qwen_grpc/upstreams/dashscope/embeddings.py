"""Embeddings of DashScope, by its compatible API."""

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.dashscope.refusals import refusal
from qwen_grpc.upstreams.openai_wire.embeddings import Embedder
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse

# Texts in one call of `text-embedding-v4` and `-v3`, as documented in 2026.
AT_ONCE = 10


class Embeddings:
    """Makes vectors of texts."""

    def __init__(self, origin: DashScopeOrigin) -> None:
        self._origin = origin
        self._embedder = Embedder(origin, f"{origin.place.compatible}/embeddings", refusal, at_once=AT_ONCE)

    async def embed(
        self, request: CreateEmbeddingsRequest, model: ResolvedModel, credentials: Credentials
    ) -> CreateEmbeddingsResponse:
        """One vector for each text; see `Upstream.embed`."""
        return await self._embedder.embed(request, model.id, self._origin.headers(credentials))
