"""Embeddings of engines."""

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import NotFound, Unsupported, UpstreamProtocol
from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.upstreams.openai_engine.server import EngineServer
from qwen_grpc.upstreams.openai_wire.embeddings import decode, encode
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse

EMBEDDINGS = "/embeddings"


async def embed(
    server: EngineServer, request: CreateEmbeddingsRequest, model: ResolvedModel, credentials: Credentials
) -> CreateEmbeddingsResponse:
    """See `Upstream.embed`."""
    body = encode(request, model.id, request.input)
    try:
        answer = await server.document("POST", EMBEDDINGS, credentials, dump(body))
    except NotFound as error:
        raise Unsupported(f"{server.place} makes no embeddings: it has no {EMBEDDINGS}", field="model") from error
    if not isinstance(answer, dict):
        raise UpstreamProtocol(f"{server.place} answered with embeddings in an unknown form")
    return decode(answer, len(request.input), server.place)
