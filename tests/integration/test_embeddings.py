"""Embeddings at both doors, in front of an upstream that makes them and of one that does not."""

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from both_doors import Doors, GrpcFailure, grpc_failure, http_failure, metadata, open_doors
from support import House, bearer
from vectors_upstream import EMBEDDER, TALKER, THIRD, Vectors

from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from qwen_grpc.v1.embeddings_pb2_grpc import EmbeddingsServiceStub

URL = "/v1/embeddings"


@pytest.fixture
def upstream() -> Vectors:
    return Vectors()


@pytest_asyncio.fixture
async def doors(upstream: Vectors) -> AsyncIterator[Doors]:
    async with open_doors(upstream) as opened:
        yield opened


async def post(doors: Any, **body: Any) -> httpx.Response:
    reply: httpx.Response = await doors.http.post(URL, json=body, headers=bearer())
    return reply


async def call(doors: Any, **fields: Any) -> CreateEmbeddingsResponse:
    stub: Any = EmbeddingsServiceStub(doors.channel)
    answer: CreateEmbeddingsResponse = await stub.CreateEmbeddings(
        CreateEmbeddingsRequest(**fields), metadata=metadata(), timeout=20
    )
    return answer


async def grpc_refusal(doors: Any, **fields: Any) -> GrpcFailure:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(doors, **fields)
    return grpc_failure(caught.value)


def as_floats(values: list[float]) -> list[float]:
    """The numbers as 32 bits hold them."""
    return list(struct.unpack(f"{len(values)}f", struct.pack(f"{len(values)}f", *values)))


@pytest.mark.asyncio
async def test_a_list_of_texts_becomes_a_list_of_vectors_in_order(doors: Doors) -> None:
    reply = await post(doors, model=EMBEDDER, input=["one", "three"])
    assert reply.json() == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": as_floats([3, THIRD, THIRD, THIRD])},
            {"object": "embedding", "index": 1, "embedding": as_floats([5, THIRD, THIRD, THIRD])},
        ],
        "model": EMBEDDER,
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }


@pytest.mark.asyncio
async def test_one_text_may_stand_alone(doors: Doors, upstream: Vectors) -> None:
    reply = await post(doors, model=EMBEDDER, input="one", dimensions=2, user="somebody")
    assert [item["embedding"] for item in reply.json()["data"]] == [as_floats([3, THIRD])]
    (asked,) = upstream.asked
    assert (list(asked.input), asked.dimensions, asked.user) == (["one"], 2, "somebody")


@pytest.mark.asyncio
async def test_base64_holds_little_endian_floats(doors: Doors, upstream: Vectors) -> None:
    reply = await post(doors, model=EMBEDDER, input=["one"], encoding_format="base64")
    (item,) = reply.json()["data"]
    assert struct.unpack("<4f", base64.b64decode(item["embedding"])) == tuple(as_floats([3, THIRD, THIRD, THIRD]))
    assert "encoding_format" not in upstream.asked[0].extra_json


@pytest.mark.asyncio
async def test_null_means_numbers_and_unknown_members_go_along(doors: Doors, upstream: Vectors) -> None:
    reply = await post(doors, model=EMBEDDER, input=["one"], encoding_format=None, text_type="query")
    assert reply.json()["data"][0]["embedding"][0] == 3
    assert upstream.asked[0].extra_json == '{"text_type":"query"}'


@pytest.mark.asyncio
async def test_the_grpc_door_gives_the_same_vectors(doors: Doors) -> None:
    answer = await call(doors, model=EMBEDDER, input=["one", "three"], dimensions=2)
    vectors = [list(embedding.values) for embedding in answer.embeddings]
    assert vectors == [as_floats([3, THIRD]), as_floats([5, THIRD])]
    assert (answer.model, answer.usage.prompt_tokens) == (EMBEDDER, 8)


@pytest.mark.asyncio
async def test_as_many_texts_as_the_contract_allows_become_vectors(doors: Doors) -> None:
    reply = await post(doors, model=EMBEDDER, input=["a text"] * 2048, dimensions=1024, encoding_format="base64")
    assert [item["index"] for item in reply.json()["data"]] == list(range(2048))


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"input": "a"}, "model", "missing_required_parameter"),
    ({"model": EMBEDDER}, "input", "missing_required_parameter"),
    ({"model": EMBEDDER, "input": []}, "input", "empty_array"),
    ({"model": EMBEDDER, "input": ""}, "input", "missing_required_parameter"),
    ({"model": EMBEDDER, "input": ["a", ""]}, "input[1]", "invalid_parameter"),
    ({"model": EMBEDDER, "input": ["a", 5]}, "input[1]", "invalid_type"),
    ({"model": EMBEDDER, "input": {"text": "a"}}, "input", "invalid_type"),
    ({"model": EMBEDDER, "input": ["a"] * 2049}, "input", "invalid_parameter"),
    ({"model": EMBEDDER, "input": "a", "dimensions": 0}, "dimensions", "invalid_parameter"),
    ({"model": EMBEDDER, "input": "a", "dimensions": "8"}, "dimensions", "invalid_type"),
    ({"model": EMBEDDER, "input": "a", "encoding_format": "int8"}, "encoding_format", "invalid_value"),
    ({"model": EMBEDDER, "input": "a", "encoding_format": ["float"]}, "encoding_format", "invalid_value"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("body", "param", "code"), REFUSED)
async def test_a_bad_request_is_refused_with_its_path(
    doors: Doors, upstream: Vectors, body: dict[str, Any], param: str, code: str
) -> None:
    failure = http_failure(await post(doors, **body))
    assert (failure.status, failure.param, failure.code) == (400, param, code)
    assert upstream.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
async def test_lists_of_tokens_are_refused_with_the_reason(doors: Doors, tokens: list[Any]) -> None:
    failure = http_failure(await post(doors, model=EMBEDDER, input=tokens))
    why = "Invalid type for 'input': lists of tokens are not taken, as they depend on a vocabulary. Send the texts."
    assert (failure.status, failure.code, failure.message) == (400, "invalid_type", why)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": ["a"]}, "model"),
        ({"model": EMBEDDER}, "input"),
        ({"model": EMBEDDER, "input": ["a", "b", ""]}, "input[2]"),
        ({"model": EMBEDDER, "input": ["a"], "dimensions": -1}, "dimensions"),
    ],
)
async def test_the_grpc_door_checks_for_itself(doors: Doors, fields: dict[str, Any], field: str) -> None:
    failure = await grpc_refusal(doors, **fields)
    wanted = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER", field)
    assert (failure.code, failure.reason, failure.field) == wanted


@pytest.mark.asyncio
async def test_a_model_that_only_talks_is_not_found_among_those_that_embed(doors: Doors, upstream: Vectors) -> None:
    over_http = http_failure(await post(doors, model=TALKER, input="a"))
    over_grpc = await grpc_refusal(doors, model=TALKER, input=["a"])
    assert (over_http.status, over_http.code, over_http.should_retry) == (404, "model_not_found", "false")
    assert (over_grpc.code, over_grpc.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    assert upstream.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ["qwen-max", EMBEDDER])
async def test_chat_qwen_ai_has_no_model_for_it(house: House, model: str) -> None:
    failure = http_failure(await post(house, model=model, input="a"))
    assert (failure.status, failure.code) == (404, "model_not_found")


@pytest.mark.asyncio
async def test_a_call_without_credential_is_refused(doors: Doors) -> None:
    reply = await doors.http.post(URL, json={"model": EMBEDDER, "input": "a"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
