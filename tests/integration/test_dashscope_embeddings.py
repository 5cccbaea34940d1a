"""Embeddings of DashScope: what its limits and refusals become."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support import session

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import CredentialExpired, InvalidParameter, ModelNotFound, QwenError, TokenMalformed
from qwen_grpc.simulator import Simulator, running
from qwen_grpc.upstreams.dashscope.embeddings import AT_ONCE, Embeddings
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from qwen_grpc.v1.models_pb2 import Model

KEY = ApiKey("sk-one")


@asynccontextmanager
async def embeddings() -> AsyncIterator[tuple[Simulator, Embeddings]]:
    async with running() as simulator:
        config = UpstreamConfig.model_validate({"kind": "dashscope", "base_url": simulator.url})
        async with DashScopeOrigin(config) as origin:
            yield simulator, Embeddings(origin)


def asking(*texts: str, **fields: Any) -> CreateEmbeddingsRequest:
    return CreateEmbeddingsRequest(model="text-embedding-v4", input=texts, **fields)


async def embed(
    maker: Embeddings, request: CreateEmbeddingsRequest, *, model: str = "text-embedding-v4", key: Any = KEY
) -> CreateEmbeddingsResponse:
    return await maker.embed(request, ResolvedModel(model, Model(id=model), Mode.CHAT), key)


@pytest.mark.asyncio
@pytest.mark.parametrize("count", [1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE])
async def test_each_text_gets_a_vector_however_many_there_are(count: int) -> None:
    async with embeddings() as (simulator, maker):
        made = await embed(maker, asking(*map(str, range(count)), dimensions=2048))
        calls = len(simulator.requests)
    assert [len(embedding.values) for embedding in made.embeddings] == [2048] * count
    assert calls == -(-count // AT_ONCE)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"request": asking("a", dimensions=65)}, InvalidParameter),
        ({"request": asking("a"), "model": "text-embedding-v9"}, ModelNotFound),
        ({"request": asking("a"), "key": ApiKey("")}, CredentialExpired),
    ],
)
async def test_a_refusal_becomes_an_error_of_ours(given: Any, error: type[QwenError]) -> None:
    async with embeddings() as (_, maker):
        with pytest.raises(error):
            await embed(maker, **given)


@pytest.mark.asyncio
async def test_a_web_session_is_not_sent_there() -> None:
    async with embeddings() as (simulator, maker):
        with pytest.raises(TokenMalformed):
            await embed(maker, asking("a"), key=session())
        assert simulator.requests == []
