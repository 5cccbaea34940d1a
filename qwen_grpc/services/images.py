"""ImagesService."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from google.protobuf.message import Message

from qwen_grpc.calls import Context
from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import InvalidParameter, ModelNotFound, QwenError, Unsupported, UpstreamProtocol
from qwen_grpc.routing.candidates import Resolve
from qwen_grpc.routing.journey import Journey, Wish
from qwen_grpc.routing.lanes import Lane, Stop, Use
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.services.checks import members
from qwen_grpc.services.media import Media
from qwen_grpc.services.once import Done, Once
from qwen_grpc.upstreams.base import Picture, Scene, Upstream
from qwen_grpc.upstreams.kinds import IMAGE, SNIFFED_BYTES, kind_of, sniffed
from qwen_grpc.v1.images_pb2 import (
    IMAGE_FORMAT_DATA,
    EditImagesRequest,
    EditImagesResponse,
    GenerateImagesRequest,
    GenerateImagesResponse,
    Image,
    ImageFormat,
    ImageOptions,
)
from qwen_grpc.v1.images_pb2_grpc import ImagesServiceServicer
from qwen_grpc.v1.models_pb2 import CAPABILITY_IMAGE_EDIT, CAPABILITY_IMAGE_GENERATION, Capability

# What the contract allows, and how many calls of the upstream one of ours may cost.
MAX_N = 10
MAX_TURNS = 4
MAX_INPUTS = 16
# An account that draws more at once is asked to slow down.
AT_ONCE = 2
MAX_IMAGE_BYTES = 20 << 20


class ImagesService(ImagesServiceServicer):
    """Makes and edits images: one turn of the upstream for each."""

    def __init__(self, router: Router, media: Media, once: Once, *, now: Callable[[], float] = time.time) -> None:
        self._router = router
        self._media = media
        self._once = once
        self._now = now

    async def GenerateImages(self, request: GenerateImagesRequest, context: Context) -> GenerateImagesResponse:
        """Makes images from words."""
        count, scene = _checked(request.prompt, request.options), _scene(request.prompt, request.options)

        async def make(stop: Stop) -> list[Image]:
            return await _images(stop, scene, request.options, count)

        who = caller(context, self._router)
        journey = self._router.journey(who, request.model, Wish(Use.IMAGE), _able(CAPABILITY_IMAGE_GENERATION))

        async def work() -> Done[GenerateImagesResponse]:
            stop, images = await journey.run(make)
            return _done(GenerateImagesResponse(created=int(self._now()), images=images), stop, journey)

        return await self._once.call(request, context, who, work, GenerateImagesResponse)

    async def EditImages(self, request: EditImagesRequest, context: Context) -> EditImagesResponse:
        """Makes images from images and words."""
        count, scene = _checked(request.prompt, request.options), _scene(request.prompt, request.options)
        _check_inputs(request)
        who = caller(context, self._router)

        async def make(stop: Stop) -> list[Image]:
            _check_count(len(request.images), stop.lane.upstream.images_to_edit(stop.model))
            pairs = [(f"images[{at}]", image) for at, image in enumerate(request.images)]
            attachments = await self._media.attach(pairs, stop.lane, who, kind=IMAGE)
            return await _images(stop, replace(scene, images=attachments), request.options, count)

        journey = self._router.journey(who, request.model, Wish(Use.IMAGE), _able(CAPABILITY_IMAGE_EDIT))

        async def work() -> Done[EditImagesResponse]:
            stop, images = await journey.run(make)
            return _done(EditImagesResponse(created=int(self._now()), images=images), stop, journey)

        return await self._once.call(request, context, who, work, EditImagesResponse)


M = TypeVar("M", bound=Message)


def _done(message: M, stop: Stop, journey: Journey) -> Done[M]:
    return Done(message, stop.model.id, stop.lane.upstream.name, journey.trail)


def _checked(prompt: str, options: ImageOptions) -> int:
    """How many images are wanted."""
    count = options.n if options.HasField("n") else 1
    if not prompt.strip():
        raise InvalidParameter("prompt is missing: say in words what the image shall show", field="prompt")
    if not 1 <= count <= MAX_N:
        raise InvalidParameter(f"n is {count}: expected 1 to {MAX_N}", field="n")
    return count


# Open words, which an upstream may know.
_WORDS = ("quality", "style", "background", "output_format")


def _scene(prompt: str, options: ImageOptions) -> Scene:
    seed = options.seed if options.HasField("seed") else None
    words = {name: getattr(options, name) for name in _WORDS if getattr(options, name)}
    return Scene(prompt, options.size, seed=seed, extra={**members(options.extra_json), **words})


def _check_inputs(request: EditImagesRequest) -> None:
    if request.HasField("mask"):
        text = "masks are not supported: say in the prompt what is to be changed, and leave mask away"
        raise Unsupported(text, field="mask")
    _check_count(len(request.images), MAX_INPUTS)


def _check_count(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise InvalidParameter(f"images has {count} entries: expected 1 to {most} images to edit", field="images")


_MODES = {CAPABILITY_IMAGE_GENERATION: Mode.IMAGE, CAPABILITY_IMAGE_EDIT: Mode.IMAGE_EDIT}


def _able(needed: Capability) -> Resolve:
    """Understands a model's name, with or without the suffix; without a name, takes the first that can do it."""
    word = Capability.Name(needed).removeprefix("CAPABILITY_").lower()

    async def resolve(upstream: Upstream, name: str, credentials: Credentials) -> ResolvedModel:
        if not name:
            models = (await upstream.list_models(credentials)).models
            able = next((model for model in models if needed in model.capabilities), None)
            if able is None:
                raise ModelNotFound(f"no model that is listed offers {word}: name another in model")
            return ResolvedModel(able.id, able, _MODES[needed])
        resolved = await upstream.resolve(name, credentials)
        if resolved.mode not in (Mode.CHAT, *_MODES.values()) or needed not in resolved.base.capabilities:
            raise Unsupported(f"{name!r} does not offer {word}; ListModels tells which models do", field="model")
        return resolved

    return resolve


async def _images(stop: Stop, scene: Scene, options: ImageOptions, count: int) -> list[Image]:
    """All images, or an error: a short list would look like success."""
    upstream = stop.lane.upstream
    batches = _batches(count, upstream.images_at_once(stop.model))
    if len(batches) > MAX_TURNS:
        most = MAX_TURNS * upstream.images_at_once(stop.model)
        raise Unsupported(f"n is {count}: at most {most} images are made in one call with {stop.model.id}", field="n")

    async def make(some: int) -> list[Image]:
        pictures = await upstream.make_images(replace(scene, count=some), stop.model, stop.lane.credentials)
        return [await _shown(stop.lane, picture, options.format) for picture in pictures]

    made, failures = await _side_by_side(batches, make)
    if not failures:
        return made
    error = failures[0]
    if made:
        error.message = f"{error.message}; {len(made)} of {count} images were made before and are not returned"
        # A blind retry would make, and count, those again.
        error.facts["partial"] = "true"
    raise error


def _batches(count: int, at_once: int) -> list[int]:
    """As few calls as possible, none for more than the upstream makes in one."""
    return [min(at_once, count - done) for done in range(0, count, at_once)]


async def _side_by_side(
    batches: Sequence[int], make: Callable[[int], Awaitable[list[Image]]]
) -> tuple[list[Image], list[QwenError]]:
    """Makes all batches, a few at once; begins none after a failure, and lets those under way finish."""
    made: list[Image] = []
    failures: list[QwenError] = []
    turns = iter(batches)

    async def work() -> None:
        while not failures and (some := next(turns, 0)):
            try:
                made.extend(await make(some))
            except QwenError as error:
                failures.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(len(batches), AT_ONCE)):
            group.create_task(work())
    return made, failures


async def _shown(lane: Lane, picture: Picture, wanted: ImageFormat) -> Image:
    """A picture in the form that was asked for; one that comes without an address is always given as data."""
    if picture.data:
        image = Image(data=picture.data, mime_type=_image_type(picture.data, lane.upstream.name))
    elif wanted == IMAGE_FORMAT_DATA:
        image = await _downloaded(lane, picture.url)
    else:
        image = Image(url=picture.url)
    image.revised_prompt = picture.revised_prompt
    return image


async def _downloaded(lane: Lane, url: str) -> Image:
    content = bytearray()
    async with lane.upstream.download(url, credentials=lane.credentials) as found:
        async for chunk in found.chunks:
            content += chunk
            if len(content) > MAX_IMAGE_BYTES:
                raise UpstreamProtocol(f"{lane.upstream.name} made an image of more than {MAX_IMAGE_BYTES} bytes")
    return Image(data=bytes(content), mime_type=_image_type(content, lane.upstream.name))


def _image_type(content: bytes | bytearray, name: str) -> str:
    """The media type of an image, by how it begins: what an upstream says of it may be a page of complaints."""
    mime_type = sniffed(bytes(content[:SNIFFED_BYTES]))
    if kind_of(mime_type) != IMAGE:
        raise UpstreamProtocol(f"{name} delivered something that is no image; ask for the URL to look at it")
    return mime_type
