"""JSON Schemas of what no table describes, and the words to write them in."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from google.protobuf.message import Message

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.shapes import COMPONENTS
from qwen_grpc.v1.common_pb2 import Usage
from qwen_grpc.v1.images_pb2 import ImageOptions
from rest_shim.messages.body import BLOCKS, Body, Prompt

Schema = Callable[[], JsonObject]

TEXT: JsonObject = {"type": "string"}
NUMBER: JsonObject = {"type": "integer"}
SWITCH: JsonObject = {"type": "boolean"}
BINARY: JsonObject = {"type": "string", "format": "binary"}
OBJECT: JsonObject = {"type": "object"}
# Goes before the names of Anthropic's structs, some of which chat has too.
ANTHROPIC = "Anthropic."


def sent(message_type: type[Message]) -> Schema:
    """A body that is read into this message."""
    return partial(REQUESTS.schema, message_type)


def given(message_type: type[Message]) -> Schema:
    """An answer that is written from this message."""
    return partial(RESPONSES.schema, message_type)


def struct(kind: type[msgspec.Struct]) -> Schema:
    """A body that is taken as this struct."""
    return lambda: ref(ANTHROPIC + kind.__name__)


def ref(name: str) -> JsonObject:
    """A schema that is described elsewhere."""
    return {"$ref": COMPONENTS + name}


def array(items: JsonObject) -> JsonObject:
    """A list."""
    return {"type": "array", "items": items}


def maybe(schema: JsonObject) -> JsonObject:
    """A value, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def words(*choices: str) -> JsonObject:
    """One of some words."""
    return {"enum": list(choices)}


def objects(*needed: str, **members: Any) -> JsonObject:
    """An object; the members that are always there by name."""
    return {"type": "object", "properties": members, **({"required": list(needed)} if needed else {})}


def page(item: JsonObject) -> JsonObject:
    """A page of a list."""
    names = ("object", "data", "first_id", "last_id", "has_more")
    ends = {"first_id": maybe(TEXT), "last_id": maybe(TEXT)}
    return objects(*names, object={"const": "list"}, data=array(item), **ends, has_more=SWITCH)


def deleted(kind: str) -> JsonObject:
    """What is said of something that is gone."""
    return objects("id", "object", "deleted", id=TEXT, object={"const": kind}, deleted={"const": True})


def anthropic() -> dict[str, JsonObject]:
    """The structs of `/v1/messages`, by name."""
    kinds = [Body, Prompt, *BLOCKS.values()]
    _, found = msgspec.json.schema_components(kinds, ref_template=f"{COMPONENTS}{ANTHROPIC}{{name}}")
    return {f"{ANTHROPIC}{name}": schema for name, schema in found.items()}


def error() -> JsonObject:
    """A failure in OpenAI's form. `answer` is there when the model's answer has not the demanded form."""
    names = ("message", "type", "param", "code")
    told = objects(*names, message=TEXT, type=TEXT, param=maybe(TEXT), code=maybe(TEXT), answer=TEXT)
    return objects("error", error=told)


def anthropic_error() -> JsonObject:
    """A failure in Anthropic's form."""
    told = objects("type", "message", type=TEXT, message=TEXT)
    return objects("type", "error", "request_id", type={"const": "error"}, error=told, request_id=TEXT)


def message() -> JsonObject:
    """An answer in Anthropic's form."""
    counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    usage = objects(*counts, **dict.fromkeys(counts, NUMBER), output_tokens_details=OBJECT)
    reasons = words("end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal")
    block = objects("type", type=words("text", "thinking", "tool_use"), text=TEXT, thinking=TEXT, input=OBJECT)
    members = {"id": TEXT, "type": {"const": "message"}, "role": {"const": "assistant"}, "model": TEXT}
    members |= {"content": array(block), "stop_reason": reasons, "stop_sequence": maybe(TEXT), "usage": usage}
    return objects(*members, **members)


def picture(*needed: str, **more: JsonObject) -> JsonObject:
    """What makes an image: the words, and beside them what the image shall be."""
    return {"allOf": [objects(*needed, prompt=TEXT, model=maybe(TEXT), **more), REQUESTS.schema(ImageOptions)]}


def completion() -> JsonObject:
    """An answer of `/v1/completions`."""
    reason = maybe(words("stop", "length", "content_filter", "tool_calls", "function_call"))
    one = {"text": TEXT, "index": NUMBER, "logprobs": {"type": "null"}, "finish_reason": reason}
    members = {"id": TEXT, "object": {"const": "text_completion"}, "created": NUMBER, "model": TEXT}
    members |= {"choices": array(objects(*one, **one))}
    return objects(*members, **members, usage=RESPONSES.schema(Usage))


def file() -> JsonObject:
    """An uploaded file."""
    members = {"id": TEXT, "object": {"const": "file"}, "bytes": NUMBER, "created_at": NUMBER, "filename": TEXT}
    members |= {"purpose": TEXT, "status": TEXT}
    return objects(*members, **members, expires_at=NUMBER)


def response() -> JsonObject:
    """An answer of `/v1/responses`."""
    members = {"id": TEXT, "object": {"const": "response"}, "created_at": NUMBER, "status": TEXT, "model": TEXT}
    members |= {"output": array(objects("type", type=TEXT))}
    return objects(*members, **members)
