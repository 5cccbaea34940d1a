"""A picture in a request, as clients of images and of videos give it."""

from typing import Any

from sanic.request import File

from qwen_grpc.openai_json.overrides_chat import put_url
from qwen_grpc.v1.common_pb2 import Media
from rest_shim.errors import bad_request
from rest_shim.small_forms import FormFile


def picture(item: Any, path: str) -> Media:
    """A file of a form, or an object with an address or an id. Raises a 400 that names the path."""
    media = Media()
    match item:
        case FormFile():
            return _file(item.content, item.mime_type, item.filename)
        case File():
            return _file(item.body, item.type, item.name)
        case {"file_id": str() as file_id} if file_id:
            media.file_id = file_id
        case {"image_url": str() as url} | {"image_url": {"url": str() as url}} if url:
            put_url(media, url)
        case _:
            text = f"Invalid '{path}': expected an object with image_url or file_id, or a file in a form."
            raise bad_request(path, text, "invalid_value")
    return media


def _file(content: bytes, told: str, filename: str) -> Media:
    # What is not called an image is looked at by the server: many clients send no type, or one for any bytes.
    return Media(data=content, mime_type=told if told.startswith("image/") else "", filename=filename)
