"""EmbeddingsService."""

from qwen_grpc.calls import Context, announce
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.errors import InvalidParameter, ModelNotFound
from qwen_grpc.services.caller import caller
from qwen_grpc.upstreams.base import Upstreams
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from qwen_grpc.v1.embeddings_pb2_grpc import EmbeddingsServiceServicer
from qwen_grpc.v1.models_pb2 import CAPABILITY_EMBEDDINGS

# What OpenAI's contract allows.
MAX_TEXTS = 2048


class EmbeddingsService(EmbeddingsServiceServicer):
    """Makes vectors of texts."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def CreateEmbeddings(self, request: CreateEmbeddingsRequest, context: Context) -> CreateEmbeddingsResponse:
        """One vector for each text, in order."""
        check_embeddings(request)
        credentials = caller(context)
        upstream = self._upstreams.pick(credentials)
        model = await upstream.resolve(request.model, credentials)
        check_embeds(model)
        await announce(context, model=model.id, upstream=upstream.name)
        return await upstream.embed(request, model, credentials)


def check_embeddings(request: CreateEmbeddingsRequest) -> None:
    """Raises `InvalidParameter` with the path of the first field that is wrong, as OpenAI's JSON names it."""
    if not request.model:
        raise InvalidParameter("model is missing: name one that makes embeddings", field="model")
    if not 1 <= len(request.input) <= MAX_TEXTS:
        text = f"input has {len(request.input)} texts: expected 1 to {MAX_TEXTS}"
        raise InvalidParameter(text, field="input")
    if "" in request.input:
        path = f"input[{list(request.input).index('')}]"
        raise InvalidParameter(f"{path} is empty: there is no vector of nothing", field=path)
    if request.HasField("dimensions") and request.dimensions < 1:
        text = f"dimensions is {request.dimensions}: expected at least 1, or nothing for the model's default"
        raise InvalidParameter(text, field="dimensions")


def check_embeds(model: ResolvedModel) -> None:
    """Raises `ModelNotFound` unless the model makes embeddings: among those that do, it is none."""
    if CAPABILITY_EMBEDDINGS not in model.base.capabilities:
        text = f"{model.asked[:80]!r} makes no embeddings; GET /v1/models (ListModels) tells which models do"
        raise ModelNotFound(text, field="model")
