"""Where OpenAI's images and ours differ."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from qwen_grpc.v1.images_pb2 import IMAGE_FORMAT_DATA, IMAGE_FORMAT_URL
from rest_shim.fields import scalar
from rest_shim.kinds import word_kind
from rest_shim.shapes import Field, ShapeOf

_FORMATS: dict[str, Any] = {"url": IMAGE_FORMAT_URL, "b64_json": IMAGE_FORMAT_DATA}


def response_format(field: FieldDescriptor, _: ShapeOf) -> Field:
    """`url`, or `b64_json` for the content itself."""
    return scalar(field, "response_format", word_kind(_FORMATS))
