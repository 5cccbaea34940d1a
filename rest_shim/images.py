"""POST /v1/images/generations and /v1/images/edits."""

from typing import Any

from google.protobuf.message import Message
from sanic import HTTPResponse, Request

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.v1.common_pb2 import Media
from qwen_grpc.v1.images_pb2 import EditImagesRequest, GenerateImagesRequest, ImageOptions
from rest_shim.errors import bad_request
from rest_shim.exchange import Exchange, Json
from rest_shim.pictures import picture
from rest_shim.small_forms import small_form

# Images come inline; this is the limit of a whole request that edits some.
MAX_EDIT_BYTES = 64 << 20
# What is no option of the image to be made.
_OTHERS = ("model", "prompt", "images", "image", "image[]", "mask", "stream", "partial_images")
# All values of a form are texts; these mean numbers.
_NUMBERS = ("n", "seed", "partial_images")


async def generate_images(exchange: Exchange) -> HTTPResponse:
    """Makes images from words, as OpenAI's clients ask for it."""
    body = exchange.body
    _check(GenerateImagesRequest, body)
    message = GenerateImagesRequest(model=body.get("model"), prompt=body["prompt"], options=_options(body))
    return await exchange.reply(exchange.stubs.images.GenerateImages, message, RESPONSES.write)


async def edit_images(exchange: Exchange) -> HTTPResponse:
    """Makes images from images and words; takes a form with files, or JSON with addresses and ids of files."""
    body, images = _edit(exchange)
    _check(EditImagesRequest, body)
    message = EditImagesRequest(model=body.get("model"), prompt=body["prompt"], options=_options(body), images=images)
    if body.get("mask") is not None:
        message.mask.CopyFrom(picture(body["mask"], "mask"))
    return await exchange.reply(exchange.stubs.images.EditImages, message, RESPONSES.write)


def _edit(exchange: Exchange) -> tuple[Json, list[Media]]:
    """The request's members, and its images."""
    request = exchange.request
    if request.content_type.startswith("multipart/form-data"):
        return _form(request)
    images = exchange.body.get("images") or []
    if not isinstance(images, list):
        raise bad_request("images", "images has the wrong type: expected an array", "invalid_type")
    return exchange.body, [picture(item, f"images[{at}]") for at, item in enumerate(images)]


def _check(message_type: type[Message], body: Json) -> None:
    """Raises for members that are missing, of the wrong type, or beyond what is served."""
    named = {name: value for name, value in body.items() if name in ("model", "prompt")}
    REQUESTS.check(message_type, named)
    for name in ("stream", "partial_images"):
        if body.get(name) not in (None, False, 0, "false", "0"):
            text = f"{name}: images come whole, so leave {name} away or switch it off"
            raise bad_request(name, text, "unsupported_parameter")


def _options(body: Json) -> ImageOptions:
    options = {name: value for name, value in body.items() if name not in _OTHERS}
    REQUESTS.check(ImageOptions, options)
    return REQUESTS.read(ImageOptions, options)


# -- forms --------------------------------------------------------------------------------------------------------


def _form(request: Request) -> tuple[Json, list[Media]]:
    body: Json = {}
    images: list[Media] = []
    for name, value in small_form(request):
        if name in ("image", "image[]"):
            images.append(picture(value, name))
        elif isinstance(value, str):
            body[name] = _value(name, value)
        else:
            body[name] = value
    return body, images


def _value(name: str, text: str) -> Any:
    if name not in _NUMBERS:
        return text
    try:
        return int(text)
    except ValueError:
        raise bad_request(name, f"Invalid type for '{name}': expected an integer.", "invalid_type") from None
