"""POST /v1/embeddings."""

import struct
from collections.abc import Sequence

from sanic import HTTPResponse

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.openai_json.kinds import base64_text
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from rest_shim.errors import bad_request
from rest_shim.exchange import Exchange, Json

_FORMATS = ("float", "base64")


async def create_embeddings(exchange: Exchange) -> HTTPResponse:
    """One vector for each text, as a list of numbers or as base64: the official clients ask for the latter."""
    body = dict(exchange.body)
    wanted = _format(body)
    REQUESTS.check(CreateEmbeddingsRequest, body)
    message = REQUESTS.read(CreateEmbeddingsRequest, body)
    write = _written_packed if wanted == "base64" else RESPONSES.write
    return await exchange.reply(exchange.stubs.embeddings.CreateEmbeddings, message, write)


def _written_packed(made: CreateEmbeddingsResponse) -> Json:
    written = RESPONSES.write(made)
    for item, embedding in zip(written["data"], made.embeddings, strict=True):
        item["embedding"] = packed(embedding.values)
    return written


def _format(body: Json) -> str:
    """Takes `encoding_format` out of the body: how vectors are written is the shim's own business."""
    wanted = body.pop("encoding_format", None)
    if wanted not in (None, *_FORMATS):
        text = "Invalid value for 'encoding_format': expected one of 'float', 'base64'."
        raise bad_request("encoding_format", text, "invalid_value")
    return wanted or "float"


def packed(values: Sequence[float]) -> str:
    """Base64 of the numbers as little-endian floats of 32 bits."""
    return base64_text(struct.pack(f"<{len(values)}f", *values))
