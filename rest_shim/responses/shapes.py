"""What the JSON of a request has to be, member by member, before it is read."""

from collections.abc import Iterable, Mapping

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import BOOLEAN, INT64, OBJECT, STRING, InvalidBody, Kind, check_kind, wrong_type
from qwen_grpc.openai_json.shapes import Shape, member_path


def _shape(needs: Iterable[str], members: Mapping[str, Kind]) -> Shape:
    shape = Shape(needs=needs)
    for name, kind in members.items():
        shape.notice(name, kind)
    return shape


def body_shape() -> Shape:
    """The members of a request that chat does not have, or not in this form."""
    members = {
        "model": STRING,
        "instructions": STRING,
        "stream": BOOLEAN,
        "store": BOOLEAN,
        "background": BOOLEAN,
        "previous_response_id": STRING,
        "max_output_tokens": INT64,
        "reasoning": OBJECT,
        "text": OBJECT,
    }
    return _shape(("model", "input"), members)


def item_shapes() -> Mapping[str, Shape]:
    """The items of `input` that are understood, by their type."""
    call = {"call_id": STRING, "name": STRING}
    return {
        "message": _shape(("role",), {"role": STRING}),
        "function_call": _shape(("call_id", "name"), {**call, "arguments": STRING}),
        "function_call_output": _shape(("call_id",), call),
        "custom_tool_call": _shape(("call_id", "name"), {**call, "input": STRING}),
        "custom_tool_call_output": _shape(("call_id",), call),
        "item_reference": _shape(("id",), {"id": STRING}),
        "reasoning": _shape((), {}),
    }


def part_shapes() -> Mapping[str, Shape]:
    """The parts of contents that are understood, by their type."""
    image = {"image_url": STRING, "file_id": STRING, "detail": STRING}
    file = {"file_data": STRING, "file_id": STRING, "file_url": STRING, "filename": STRING}
    text = _shape((), {"text": STRING})
    return {
        **dict.fromkeys(("input_text", "output_text", "text", "summary_text", "reasoning_text"), text),
        "refusal": _shape((), {"refusal": STRING}),
        "input_image": _shape((), image),
        "input_file": _shape((), file),
    }


def tool_shape() -> Shape:
    """A function that the model may call."""
    return _shape(("name",), {"name": STRING, "description": STRING, "parameters": OBJECT, "strict": BOOLEAN})


def format_shape() -> Shape:
    """`text.format`."""
    return _shape(("type",), {"type": STRING, "name": STRING, "schema": OBJECT, "strict": BOOLEAN})


def objects(value: object, path: str) -> list[JsonObject]:
    """The objects of an optional list. Raises `InvalidBody` if it is something else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(value, path, "an array")
    for at, item in enumerate(value):
        check_kind(OBJECT, item, f"{path}[{at}]")
    return value


def typed(value: JsonObject, path: str, usual: str = "") -> str:
    """The `type` of an object. Raises `InvalidBody` if it is no text; `usual` is that of an object without one."""
    kind = value.get("type") or usual
    check_kind(STRING, kind, member_path(path, "type"))
    if not kind:
        raise InvalidBody(f"{path}.type", f"Missing required parameter: '{path}.type'.", "missing_required_parameter")
    return str(kind)
