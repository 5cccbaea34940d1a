"""Embeddings through foreign clients: the official openai package, and betterproto2 over grpclib."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from both_doors import Doors, open_doors
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from support import session
from typed_calls import failure
from vectors_upstream import EMBEDDER, TALKER, THIRD, Vectors

from qwen_grpc.client import RequestRefused, connect
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import pack
from qwen_grpc.simulator import running
from qwen_grpc.simulator.dashscope.embeddings import vector
from qwen_grpc.typed.qwen.v1 import CreateEmbeddingsRequest
from qwen_grpc.upstreams.dashscope.adapter import DashScope

WANTED = [[3.0, THIRD], [5.0, THIRD]]


@pytest_asyncio.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_doors(Vectors()) as opened:
        yield opened


@pytest_asyncio.fixture
async def client(doors: Doors) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{doors.http.base_url}/v1", api_key=pack(session())) as opened:
        yield opened


@pytest.mark.asyncio
@pytest.mark.parametrize("format_", [{}, {"encoding_format": "float"}])
async def test_the_openai_package_gets_vectors(client: AsyncOpenAI, format_: Any) -> None:
    # Without a format it asks for base64 and decodes it.
    made = await client.embeddings.create(model=EMBEDDER, input=["one", "three"], dimensions=2, **format_)
    assert [item.embedding for item in made.data] == [pytest.approx(vector, rel=1e-7) for vector in WANTED]
    assert [item.index for item in made.data] == [0, 1]
    assert made.usage.to_dict() == {"prompt_tokens": 8, "total_tokens": 8}
    assert (made.model, made.object, made.data[0].object) == (EMBEDDER, "list", "embedding")


@pytest.mark.asyncio
async def test_the_openai_package_gets_the_text_when_it_asks_for_base64(client: AsyncOpenAI) -> None:
    made = await client.embeddings.create(model=EMBEDDER, input="one", dimensions=2, encoding_format="base64")
    assert made.data[0].embedding == "AABAQKuqqj4="  # type: ignore[comparison-overlap]


@pytest.mark.asyncio
async def test_the_openai_package_is_told_what_is_wrong(client: AsyncOpenAI) -> None:
    with pytest.raises(BadRequestError) as tokens:
        await client.embeddings.create(model=EMBEDDER, input=[1, 2, 3])
    with pytest.raises(NotFoundError) as talker:
        await client.embeddings.create(model=TALKER, input="one")
    assert (tokens.value.param, talker.value.code) == ("input", "model_not_found")


@pytest.mark.asyncio
async def test_the_typed_client_gets_vectors(doors: Doors) -> None:
    async with connect(f"127.0.0.1:{doors.grpc_port}", pack(session())) as qwen:
        request = CreateEmbeddingsRequest(model=EMBEDDER, input=["one", "three"], dimensions=2)
        made = await qwen.create_embeddings(request)
        talker = await failure(qwen.create_embeddings(CreateEmbeddingsRequest(model=TALKER, input=["a"])))
    assert [embedding.values for embedding in made.embeddings] == [pytest.approx(vector, rel=1e-7) for vector in WANTED]
    assert (type(talker), talker.reason) == (RequestRefused, "MODEL_NOT_FOUND")


@pytest.mark.asyncio
async def test_the_openai_package_gets_vectors_of_dashscope() -> None:
    texts = [f"text {number}" for number in range(25)]
    async with running() as simulator:
        config = UpstreamConfig.model_validate({"kind": "dashscope", "base_url": simulator.url})
        async with (
            open_doors(DashScope("official", config)) as doors,
            AsyncOpenAI(base_url=f"{doors.http.base_url}/v1", api_key="sk-simulated") as client,
        ):
            made = await client.embeddings.create(model=EMBEDDER, input=texts, dimensions=64)
            with pytest.raises(NotFoundError) as talker:
                await client.embeddings.create(model="qwen-plus", input="one")
    assert [len(item.embedding) for item in made.data] == [64] * 25
    assert [item.embedding for item in made.data][24] == pytest.approx(vector(texts[24], 64), rel=1e-6, abs=1e-9)
    assert talker.value.code == "model_not_found"
