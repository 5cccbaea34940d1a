"""Contents of items: texts and media in chat's words."""

from typing import Any

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import wrong_type
from rest_shim.responses.shapes import objects, part_shapes, typed

TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")


def content_of(value: Any, path: str) -> str | list[JsonObject] | None:
    """The content of a chat message: one text, or several parts. Raises `InvalidBody` with the path."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong_type(value, path, "a string or an array of parts")
    parts = [_part(part, f"{path}[{at}]") for at, part in enumerate(objects(value, path))]
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts


def text_of(value: Any) -> str:
    """The texts of some parts as one text; parts without one are passed over."""
    parts = value if isinstance(value, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _part(part: JsonObject, path: str) -> JsonObject:
    kind = typed(part, path)
    if shape := part_shapes().get(kind):
        shape.check(part, path)
    match kind:
        case _ if kind in TEXTS:
            return {"type": "text", "text": part.get("text") or ""}
        case "input_image":
            return _image(part)
        case "input_file":
            return _file(part)
        case _:
            # Chat's own parts are welcome; what neither knows is refused further on, with its path.
            return part


def _image(part: JsonObject) -> JsonObject:
    if part.get("file_id"):
        return {"type": "file", "file": {"file_id": part["file_id"]}}
    detail = {"detail": part["detail"]} if part.get("detail") else {}
    return {"type": "image_url", "image_url": {"url": part.get("image_url") or "", **detail}}


def _file(part: JsonObject) -> JsonObject:
    told = {"file_id": part.get("file_id"), "filename": part.get("filename")}
    told["file_data"] = part.get("file_data") or part.get("file_url")
    return {"type": "file", "file": {name: value for name, value in told.items() if value}}
