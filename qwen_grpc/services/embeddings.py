"""EmbeddingsService."""

from qwen_grpc.calls import Context, announce
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import InvalidParameter, ModelNotFound
from qwen_grpc.routing.journey import Wish
from qwen_grpc.routing.lanes import Stop, Use
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from qwen_grpc.v1.embeddings_pb2_grpc import EmbeddingsServiceServicer
from qwen_grpc.v1.models_pb2 import CAPABILITY_EMBEDDINGS

# What OpenAI's contract allows.
MAX_TEXTS = 2048


class EmbeddingsService(EmbeddingsServiceServicer):
    """Makes vectors of texts."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def CreateEmbeddings(self, request: CreateEmbeddingsRequest, context: Context) -> CreateEmbeddingsResponse:
        """One vector for each text, in order."""
        check_embeddings(request)

        async def embed(stop: Stop) -> CreateEmbeddingsResponse:
            return await stop.lane.upstream.embed(request, stop.model, stop.lane.credentials)

        journey = self._router.journey(caller(context, self._router), request.model, Wish(Use.EMBEDDING), _embedding)
        stop, made = await journey.run(embed)
        await announce(context, model=stop.model.id, upstream=stop.lane.upstream.name, attempts=journey.trail)
        return made


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


async def _embedding(upstream: Upstream, name: str, credentials: Credentials) -> ResolvedModel:
    """The model, if it makes embeddings: among those that do, another is none."""
    model = await upstream.resolve(name, credentials)
    if CAPABILITY_EMBEDDINGS not in model.base.capabilities:
        text = f"{model.asked[:80]!r} makes no embeddings; GET /v1/models (ListModels) tells which models do"
        raise ModelNotFound(text, field="model")
    return model
