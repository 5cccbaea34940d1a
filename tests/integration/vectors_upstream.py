"""An upstream that makes vectors of texts and nothing else."""

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import ModelNotFound
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.v1.common_pb2 import Usage
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse, Embedding
from qwen_grpc.v1.models_pb2 import CAPABILITY_CHAT, CAPABILITY_EMBEDDINGS, Model

EMBEDDER, TALKER = "text-embedding-v4", "qwen-plus"
CAPABILITIES = {EMBEDDER: CAPABILITY_EMBEDDINGS, TALKER: CAPABILITY_CHAT}
DIMENSIONS = 4
# A third takes all of the 32 bits.
THIRD = 1 / 3


class Vectors(Upstream):
    """The vector of a text begins with its length; the rest are thirds."""

    name = "vectors"

    def __init__(self) -> None:
        self.asked: list[CreateEmbeddingsRequest] = []

    def accepts(self, credentials: Credentials) -> bool:
        return True

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        if name not in CAPABILITIES:
            raise ModelNotFound(f"unknown model {name!r}")
        return ResolvedModel(name, Model(id=name, capabilities=[CAPABILITIES[name]]), Mode.CHAT)

    async def embed(
        self, request: CreateEmbeddingsRequest, model: ResolvedModel, credentials: Credentials
    ) -> CreateEmbeddingsResponse:
        self.asked.append(request)
        size = request.dimensions if request.HasField("dimensions") else DIMENSIONS
        made = [Embedding(index=at, values=[len(text), *[THIRD] * (size - 1)]) for at, text in enumerate(request.input)]
        tokens = sum(map(len, request.input))
        usage = Usage(prompt_tokens=tokens, total_tokens=tokens)
        return CreateEmbeddingsResponse(embeddings=made, model=model.id, usage=usage)
