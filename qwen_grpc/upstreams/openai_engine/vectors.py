"""Embeddings of engines."""

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import NotFound, Unsupported, UpstreamProtocol
from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.upstreams.openai_engine.server import EngineServer
from qwen_grpc.upstreams.openai_wire.members import NEVER_SENT
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse

EMBEDDINGS = "/embeddings"


async def embed(
    server: EngineServer, request: CreateEmbeddingsRequest, model: ResolvedModel, credentials: Credentials
) -> CreateEmbeddingsResponse:
    """See `Upstream.embed`."""
    try:
        answer = await server.document("POST", EMBEDDINGS, credentials, dump(encode(request, model.id)))
    except NotFound as error:
        raise Unsupported(f"{server.place} makes no embeddings: it has no {EMBEDDINGS}", field="model") from error
    if not isinstance(answer, dict):
        raise UpstreamProtocol(f"{server.place} answered with embeddings in an unknown form")
    return decode(server.place, answer, len(request.input))


def encode(request: CreateEmbeddingsRequest, model: str) -> JsonObject:
    """The body. Numbers are asked for; in what form a client gets them is not the engine's business."""
    body = {name: value for name, value in REQUESTS.write(request).items() if name not in NEVER_SENT}
    return body | {"model": model, "encoding_format": "float"}


def decode(place: str, answer: JsonObject, count: int) -> CreateEmbeddingsResponse:
    """The vectors in the order of the texts. Raises `UpstreamProtocol` unless there is one for each."""
    made = RESPONSES.read(CreateEmbeddingsResponse, answer)
    made.embeddings.sort(key=lambda one: one.index)
    if [one.index for one in made.embeddings] != list(range(count)) or not all(one.values for one in made.embeddings):
        raise UpstreamProtocol(f"{place} did not make one vector for each of the {count} texts")
    return made
