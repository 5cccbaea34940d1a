"""Where OpenAI's images and ours differ."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from qwen_grpc.openai_json.fields import scalar
from qwen_grpc.openai_json.kinds import word_kind
from qwen_grpc.openai_json.shapes import Field, ShapeOf
from qwen_grpc.v1.images_pb2 import IMAGE_FORMAT_DATA, IMAGE_FORMAT_URL

_FORMATS: dict[str, Any] = {"url": IMAGE_FORMAT_URL, "b64_json": IMAGE_FORMAT_DATA}


def response_format(field: FieldDescriptor, _: ShapeOf) -> Field:
    """`url`, or `b64_json` for the content itself."""
    return scalar(field, "response_format", word_kind(_FORMATS))
