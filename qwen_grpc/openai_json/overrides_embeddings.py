"""Where OpenAI's embeddings and ours differ."""

import struct
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from qwen_grpc.openai_json.fields import default_field, fields_of, nested, one_or_more
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import InvalidBody, wrong_type
from qwen_grpc.openai_json.shapes import Field, Member, Shape, ShapeOf

# As base64 only where a request asks for it.
_VECTOR = {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string", "contentEncoding": "base64"}]}


def texts(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """A text or a list of them; lists of tokens are refused."""
    usual = one_or_more(field, shape_of)
    member = usual.members[field.name]

    def check(value: Any, path: str) -> None:
        if type(value) is list and value and type(value[0]) in (int, list):
            text = f"Invalid type for '{path}': lists of tokens are not taken, as they depend on a vocabulary."
            raise InvalidBody(path, f"{text} Send the texts.", "invalid_type")
        member.check(value, path)

    return Field({field.name: Member(member.read, check, member.schema)}, usual.write)


def vector(field: FieldDescriptor, _: ShapeOf) -> Field:
    """`embedding`: a list of numbers, each kept in the 32 bits in which it was computed."""
    attribute = field.name

    def read(message: Any, value: Any) -> bool:
        if type(value) is not list or not value or not _are_floats(value):
            return False
        getattr(message, attribute).extend(value)
        return True

    def check(value: Any, path: str) -> None:
        if value is not None and type(value) is not list:
            raise wrong_type(value, path, "an array of numbers")

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        out["embedding"] = list(getattr(message, attribute))

    return Field({"embedding": Member(read, check, lambda: dict(_VECTOR))}, write)


def usage(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """Counts the tokens of the texts, without the zero for an answer that other usages have."""
    shape = Shape(always=lambda: {"prompt_tokens": 0, "total_tokens": 0}, extra=True)
    inner = fields_of(field)
    for name in ("prompt_tokens", "completion_tokens", "total_tokens", "estimated"):
        shape.add(inner[name].number, default_field(inner[name], shape_of))
    return nested(field, "usage", shape)


def _are_floats(values: list[Any]) -> bool:
    """Whether all are numbers that 32 bits hold, but for their last digits."""
    if not set(map(type, values)) <= {int, float}:
        return False
    try:
        struct.pack(f"<{len(values)}f", *values)
    except (struct.error, OverflowError):
        return False
    return True
