"""Vectors of texts, as OpenAI's dialect asks for them."""

from collections.abc import Mapping, Sequence

from qwen_grpc.errors import Unsupported, UpstreamProtocol
from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES, InvalidBody
from qwen_grpc.openai_json.jsontext import JsonObject, dump, load_object
from qwen_grpc.upstreams.http import Origin
from qwen_grpc.upstreams.openai_wire.chunks import UNREADABLE
from qwen_grpc.upstreams.openai_wire.members import NEVER_SENT
from qwen_grpc.upstreams.openai_wire.turn import JSON, Refusal
from qwen_grpc.v1.common_pb2 import Usage
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse


class Embedder:
    """Makes vectors at one server. `at_once` is how many texts one call may have there."""

    def __init__(self, origin: Origin, path: str, refusal: Refusal, *, at_once: int) -> None:
        self._origin = origin
        self._path = path
        self._refusal = refusal
        self._at_once = at_once

    async def embed(
        self, request: CreateEmbeddingsRequest, model: str, headers: Mapping[str, str]
    ) -> CreateEmbeddingsResponse:
        """One vector for each text, by as many calls as that takes, one after the other.

        `model` is the id that the server knows, `headers` say who asks. The
        first refusal is the end of it, and what was made before is lost.
        """
        starts = range(0, len(request.input), self._at_once)
        batches = [request.input[start : start + self._at_once] for start in starts]
        made = joined([await self._made(request, model, headers, texts) for texts in batches])
        self._check_length(request, made, model)
        return made

    async def _made(
        self, request: CreateEmbeddingsRequest, model: str, headers: Mapping[str, str], texts: Sequence[str]
    ) -> CreateEmbeddingsResponse:
        body = dump(encode(request, model, texts))
        sent = self._origin.request("POST", self._path, {**JSON, **headers}, body)
        async with self._origin.exchange(sent) as response:
            content = await self._origin.body(response)
            if not response.is_success:
                raise self._refusal(response, content)
        try:
            answer = load_object(content)
        except UNREADABLE as error:
            raise UpstreamProtocol(f"{self._origin.name} answered with something that is no JSON object") from error
        return decode(answer, len(texts), self._origin.name)

    def _check_length(self, request: CreateEmbeddingsRequest, made: CreateEmbeddingsResponse, model: str) -> None:
        """Raises `Unsupported` when a server that does not know `dimensions` passed over it in silence."""
        length = len(made.embeddings[0].values)
        if request.HasField("dimensions") and request.dimensions != length:
            text = (
                f"{self._origin.name} made vectors of {length} numbers: {model!r} has no other, leave dimensions away"
            )
            raise Unsupported(text, field="dimensions")


def encode(request: CreateEmbeddingsRequest, model: str, texts: Sequence[str]) -> JsonObject:
    """The body that asks for some of the texts: for numbers, however the caller wants to get them."""
    kept = {name: value for name, value in REQUESTS.write(request).items() if name not in NEVER_SENT}
    return kept | {"model": model, "input": list(texts), "encoding_format": "float"}


def decode(answer: JsonObject, count: int, name: str) -> CreateEmbeddingsResponse:
    """The vectors in the order of the texts; `name` is how errors call the server.

    Raises `UpstreamProtocol` unless there is one for each text.
    """
    try:
        made = RESPONSES.read(CreateEmbeddingsResponse, answer)
    except InvalidBody as error:
        raise UpstreamProtocol(f"{name} answered with vectors in a form that is not known here") from error
    made.embeddings.sort(key=lambda embedding: embedding.index)
    found = [embedding.index for embedding in made.embeddings if embedding.values]
    if found != list(range(count)):
        raise UpstreamProtocol(f"{name} answered {count} texts with {len(found)} vectors")
    return made


def joined(parts: Sequence[CreateEmbeddingsResponse]) -> CreateEmbeddingsResponse:
    """The answers of several calls as that of one; the usage is their sum, if each one told its own."""
    if len(parts) == 1:
        return parts[0]
    made = CreateEmbeddingsResponse(model=parts[0].model)
    for part in parts:
        made.embeddings.extend(part.embeddings)
    for index, embedding in enumerate(made.embeddings):
        embedding.index = index
    if all(part.HasField("usage") for part in parts):
        made.usage.CopyFrom(_sum([part.usage for part in parts]))
    return made


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        total_tokens=sum(usage.total_tokens for usage in usages),
    )
