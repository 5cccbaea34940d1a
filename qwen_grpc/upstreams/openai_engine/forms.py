"""Requests of pictures and clips: sizes, members, and forms with files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.openai_json.overrides_chat import put_url
from qwen_grpc.upstreams.base import Attachment, Scene
from qwen_grpc.upstreams.kinds import IMAGE, UNKNOWN, extension_of
from qwen_grpc.upstreams.openai_engine.media import Inlining
from qwen_grpc.upstreams.openai_wire.members import NEVER_SENT
from qwen_grpc.v1.common_pb2 import Media

_pixels = re.compile(r"(\d{2,5})[x*](\d{2,5})")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that goes along with a form."""

    content: bytes
    mime_type: str


def encode_scene(scene: Scene, model: str) -> JsonObject:
    """What requests of pictures and clips have in common; members that the contract has no field for pass."""
    body = {name: value for name, value in scene.extra.items() if name not in NEVER_SENT}
    body |= {"model": model, "prompt": scene.prompt}
    if size := size_of(scene.size):
        body["size"] = size
    if scene.seed is not None:
        body["seed"] = scene.seed
    return body


def size_of(text: str) -> str:
    """A size as engines write it, `1024x768`; empty leaves it to them. Raises `InvalidParameter` for a ratio."""
    if text in ("", "auto"):
        return ""
    if found := _pixels.fullmatch(text):
        return "x".join(found.groups())
    raise InvalidParameter(f"size is {text[:20]!r}: an engine takes pixels, such as 1024x1024", field="size")


def form_of(fields: Mapping[str, Any], name: str, pictures: Sequence[Picture]) -> tuple[bytes, str]:
    """A `multipart/form-data` body, and its content type; each picture is a file under `name`."""
    parts: list[tuple[str, Any]] = [(field, (None, _text(value))) for field, value in fields.items()]
    for number, picture in enumerate(pictures):
        filename = f"picture{number}{extension_of(picture.mime_type)}"
        parts.append((name, (filename, picture.content, picture.mime_type)))
    request = httpx.Request("POST", "http://form/", files=parts)
    return request.read(), request.headers["content-type"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dump(value).decode()


async def pictures_of(images: Sequence[Attachment], inlining: Inlining) -> list[Picture]:
    """The pictures of a request, with their content."""
    return [await _picture(image, inlining) for image in images]


async def _picture(image: Attachment, inlining: Inlining) -> Picture:
    if image.kind != IMAGE:
        raise InvalidParameter(f"expected a picture, and got a file of kind {image.kind}", field="images")
    media = Media()
    put_url(media, image.url)
    if media.WhichOneof("source") == "data":
        return Picture(media.data, image.mime_type or media.mime_type or UNKNOWN)
    return Picture(*await inlining.content(image.url, IMAGE))
