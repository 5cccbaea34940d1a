"""The input of a kept response, as items again."""

from collections.abc import Iterable, Iterator, Sequence

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ROLE_TOOL, ChatMessage, ContentPart
from rest_shim.responses import output
from rest_shim.responses.ids import item_id
from rest_shim.responses.output import COMPLETED


def input_items(response_id: str, messages: Sequence[ChatMessage]) -> list[JsonObject]:
    """Everything that the model read, in order, but for the instructions."""
    return [item for at, message in enumerate(messages) for item in _items(response_id, f"in{at}", message)]


def _items(response_id: str, at: str, message: ChatMessage) -> Iterator[JsonObject]:
    if message.role == ROLE_TOOL:
        said = {"call_id": message.tool_call_id, "output": message.content or _shown(message.parts, "input_text")}
        yield {"id": item_id("fco", response_id, at), "type": "function_call_output", **said, "status": COMPLETED}
        return
    if message.reasoning_content:
        yield output.reasoning(item_id("rs", response_id, at), message.reasoning_content, summary=False)
    if message.role != ROLE_ASSISTANT or message.content or message.parts:
        yield _message(item_id("msg", response_id, at), message)
    for number, call in enumerate(message.tool_calls):
        yield output.function_call(response_id, number, call) | {"id": item_id("fc", response_id, f"{at}_{number}")}


def _message(id_: str, message: ChatMessage) -> JsonObject:
    kind = "output_text" if message.role == ROLE_ASSISTANT else "input_text"
    parts = message.parts or [ContentPart(text=message.content)]
    role = RESPONSES.write(message)["role"]
    return {"id": id_, "type": "message", "status": COMPLETED, "role": role, "content": _shown(parts, kind)}


def _shown(parts: Iterable[ContentPart], text: str) -> list[JsonObject]:
    return [_part(RESPONSES.write(part), text) for part in parts]


def _part(part: JsonObject, text: str) -> JsonObject:
    match part.get("type"):
        case "text":
            return output.text_part(part["text"]) if text == "output_text" else {"type": text, "text": part["text"]}
        case "image_url":
            image = part["image_url"]
            return {"type": "input_image", "detail": image.get("detail", "auto"), "image_url": image.get("url")}
        case "file":
            return {"type": "input_file", **part["file"]}
        case _:
            return part
