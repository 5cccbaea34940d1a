"""Vectors from servers that speak OpenAI's dialect: the simulated DashScope, and servers that answer oddly."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from raw_server import Step, answer, raw_server

from qwen_grpc.errors import NotFound, QwenError, Unsupported, UpstreamProtocol, UpstreamTruncated
from qwen_grpc.simulator import Simulator, running
from qwen_grpc.upstreams.http import Origin, refused_status
from qwen_grpc.upstreams.openai_wire.embeddings import Embedder
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse

PATH = "/compatible-mode/v1/embeddings"
MODEL = "text-embedding-v4"
KEY = {"authorization": "Bearer sk-one"}


class Server(Origin):
    name = "the server"


@asynccontextmanager
async def embedder_of(url: str, at_once: int = 10) -> AsyncIterator[Embedder]:
    async with Server(url) as origin:

        def refused(response: Any, _: bytes) -> QwenError:
            return refused_status(origin.name, response)

        yield Embedder(origin, PATH, refused, at_once=at_once)


def asking(*texts: str, **fields: Any) -> CreateEmbeddingsRequest:
    return CreateEmbeddingsRequest(model="caller's name", input=texts, **fields)


def vectors(made: CreateEmbeddingsResponse) -> list[list[float]]:
    return [list(embedding.values) for embedding in made.embeddings]


def sent(simulator: Simulator) -> list[Any]:
    """The bodies of the calls for vectors, in order."""
    return [request.json for request in simulator.requests if request.path == PATH]


@pytest.mark.asyncio
async def test_a_text_gets_the_vector_that_the_server_makes_of_it() -> None:
    async with running() as simulator, embedder_of(simulator.url) as embedder:
        made = await embedder.embed(asking("one", "two", "one", dimensions=64), MODEL, KEY)
    first, second, third = vectors(made)
    assert (len(first), first == third, first == second) == (64, True, False)
    assert (made.model, [embedding.index for embedding in made.embeddings]) == (MODEL, [0, 1, 2])
    assert (made.usage.prompt_tokens, made.usage.total_tokens) == (3, 3)
    (body,) = sent(simulator)
    assert body == {"model": MODEL, "input": ["one", "two", "one"], "dimensions": 64, "encoding_format": "float"}


@pytest.mark.asyncio
async def test_what_names_another_server_or_key_is_not_sent() -> None:
    request = asking("one", extra_json='{"api_base": "http://example.org", "api_key": "k", "text_type": "query"}')
    async with running() as simulator, embedder_of(simulator.url) as embedder:
        await embedder.embed(request, MODEL, KEY)
    (body,) = sent(simulator)
    assert body == {"model": MODEL, "input": ["one"], "encoding_format": "float", "text_type": "query"}


@pytest.mark.asyncio
async def test_more_texts_than_a_call_may_have_are_sent_in_order_by_several() -> None:
    texts = [f"text {number}" for number in range(23)]
    async with running() as simulator, embedder_of(simulator.url) as embedder:
        made = await embedder.embed(asking(*texts, dimensions=64), MODEL, KEY)
        alone = await embedder.embed(asking(texts[17], dimensions=64), MODEL, KEY)
    assert [body["input"] for body in sent(simulator)] == [texts[:10], texts[10:20], texts[20:], [texts[17]]]
    assert [embedding.index for embedding in made.embeddings] == list(range(23))
    assert vectors(made)[17] == vectors(alone)[0]
    assert (made.usage.prompt_tokens, made.extra_json) == (23 * alone.usage.prompt_tokens, "")


ROW = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
OTHER = {"object": "embedding", "index": 1, "embedding": [1.0, 2.0]}


def answering(*data: Any, **more: Any) -> bytes:
    return answer(json.dumps({"object": "list", "data": list(data), "model": "m", **more}).encode())


async def made_by(*answers: bytes, request: CreateEmbeddingsRequest, at_once: int = 10) -> CreateEmbeddingsResponse:
    async with raw_server(*[[one] for one in answers]) as server, embedder_of(server.url, at_once) as embedder:
        return await embedder.embed(request, "m", {})


@pytest.mark.asyncio
async def test_vectors_out_of_order_are_put_in_order() -> None:
    made = await made_by(answering(OTHER, ROW), request=asking("a", "b"))
    assert vectors(made) == [[0.5, 0.25], [1.0, 2.0]]
    assert not made.HasField("usage")


@pytest.mark.asyncio
async def test_usage_is_told_only_if_every_call_told_its_own() -> None:
    told = {"usage": {"prompt_tokens": 3, "total_tokens": 4}}
    both = await made_by(answering(ROW, **told), answering(ROW, **told), request=asking("a", "b"), at_once=1)
    one = await made_by(answering(ROW, **told), answering(ROW), request=asking("a", "b"), at_once=1)
    assert (both.usage.prompt_tokens, both.usage.total_tokens, one.HasField("usage")) == (6, 8, False)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "content",
    [
        answering(ROW),
        answering(ROW, ROW),
        answering(ROW, OTHER, {**ROW, "index": 2}),
        answering(ROW, {**OTHER, "embedding": []}),
        answering(ROW, {**OTHER, "embedding": "AAAAPw=="}),
        answering(ROW, {**OTHER, "embedding": [1e300]}),
        answering(ROW, "nothing"),
        answer(b"[]"),
        answer(b'{"data": [NaN]}'),
        answer(b"<html>"),
        answer(b""),
    ],
)
async def test_anything_but_one_vector_for_each_text_is_an_error(content: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        await made_by(content, request=asking("a", "b"))


@pytest.mark.asyncio
async def test_dimensions_that_a_server_passed_over_are_not_passed_off() -> None:
    with pytest.raises(Unsupported, match="made vectors of 2 numbers") as caught:
        await made_by(answering(ROW), request=asking("a", dimensions=3))
    assert caught.value.field == "dimensions"
    assert vectors(await made_by(answering(ROW), request=asking("a", dimensions=2))) == [[0.5, 0.25]]


@pytest.mark.asyncio
async def test_a_body_that_breaks_off_is_an_error() -> None:
    async with raw_server([answering(ROW)[:-5], Step.CLOSE]) as server, embedder_of(server.url) as embedder:
        with pytest.raises(UpstreamTruncated):
            await embedder.embed(asking("a"), "m", {})


@pytest.mark.asyncio
async def test_a_refusal_in_the_middle_is_the_end_of_it() -> None:
    scripts = [[answering(ROW)], [answer(b"{}", status=b"404 Not Found")], [answering(ROW)]]
    async with raw_server(*scripts) as server, embedder_of(server.url, at_once=1) as embedder:
        with pytest.raises(NotFound):
            await embedder.embed(asking("a", "b", "c"), "m", {})
    assert len(server.requests) == 2
