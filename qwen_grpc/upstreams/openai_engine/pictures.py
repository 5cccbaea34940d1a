"""Pictures of engines with OpenAI's images API: SGLang's and vLLM's servers for diffusion models, and others."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import NotFound, Unsupported, UpstreamEmpty, UpstreamProtocol
from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.upstreams.base import Picture, Scene
from qwen_grpc.upstreams.openai_engine.forms import encode_scene, form_of, pictures_of
from qwen_grpc.upstreams.openai_engine.media import Inlining
from qwen_grpc.upstreams.openai_engine.server import JSON, EngineServer

GENERATIONS, EDITS = "/images/generations", "/images/edits"
# As many as OpenAI's contract allows in one request.
AT_ONCE = 10


class Drawn(Struct):
    """A picture that was made."""

    b64_json: bytes | None = None
    revised_prompt: str | None = None


class Drawings(Struct):
    """The answer of both endpoints."""

    data: list[Drawn] | None = None


class Pictures:
    """Makes and edits pictures. Their content is asked for, as addresses are mostly of no use outside of the engine."""

    def __init__(self, server: EngineServer, inlining: Inlining) -> None:
        self._server = server
        self._inlining = inlining

    async def make(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> Sequence[Picture]:
        """See `Upstream.make_images`."""
        body = encode_scene(scene, model.id) | {"n": scene.count, "response_format": "b64_json"}
        path, content, content_type = GENERATIONS, dump(body), JSON
        if scene.images:
            content, content_type = form_of(body, "image", await pictures_of(scene.images, self._inlining))
            path = EDITS
        try:
            answer = await self._server.document("POST", path, credentials, content, content_type)
        except NotFound as error:
            raise Unsupported(f"{self._server.place} makes no images: it has no {path}", field="model") from error
        return self._decoded(answer, scene.count)

    def _decoded(self, answer: object, count: int) -> list[Picture]:
        place = self._server.place
        try:
            drawn = msgspec.convert(answer, Drawings).data or []
        except msgspec.ValidationError as error:
            raise UpstreamProtocol(f"{place} answered with images in an unknown form") from error
        if len(drawn) < count:
            raise UpstreamEmpty(f"{place} made {len(drawn)} of {count} images")
        if any(not one.b64_json for one in drawn):
            raise UpstreamProtocol(f"{place} was asked for the content of images and sent something else")
        return [Picture(data=one.b64_json or b"", revised_prompt=one.revised_prompt or "") for one in drawn[:count]]
