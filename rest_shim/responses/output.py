"""The items of an answer as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1.chat_pb2 import Annotation, ChatMessage, Choice, TokenLogprob, ToolCall
from rest_shim.responses.ids import call_id, item_id

COMPLETED, INCOMPLETE, IN_PROGRESS = "completed", "incomplete", "in_progress"


def items_of(response_id: str, choice: Choice, *, summary: bool, cut: bool) -> list[JsonObject]:
    """The items of a whole answer: thinking, text, calls. Of an answer that was cut the last one is incomplete."""
    message, items = choice.message, []
    if message.reasoning_content:
        items.append(reasoning(item_id("rs", response_id), message.reasoning_content, summary=summary))
    parts = _parts(message, choice.logprobs.content)
    if parts or not message.tool_calls:
        items.append(text_message(item_id("msg", response_id), parts))
    for number, call in enumerate(message.tool_calls):
        items.append(function_call(response_id, number, call))
    if cut:
        items[-1]["status"] = INCOMPLETE
    return items


def reasoning(id_: str, text: str | None, *, summary: bool) -> JsonObject:
    """A `reasoning` item: the thinking itself, or in the place of its summary where the client looks there."""
    kind = "summary_text" if summary else "reasoning_text"
    parts = [] if text is None else [{"type": kind, "text": text}]
    shown = {"summary": parts} if summary else {"summary": [], "content": parts}
    return {"id": id_, "type": "reasoning", **shown, "status": COMPLETED}


def text_message(id_: str, parts: Sequence[JsonObject]) -> JsonObject:
    """A `message` item."""
    return {"id": id_, "type": "message", "status": COMPLETED, "role": "assistant", "content": list(parts)}


def function_call(response_id: str, number: int, call: ToolCall) -> JsonObject:
    """A `function_call` item."""
    return {
        "id": item_id("fc", response_id, number),
        "type": "function_call",
        "status": COMPLETED,
        "call_id": call_id(response_id, number, call.id),
        "name": call.name,
        "arguments": call.arguments,
    }


def text_part(text: str = "", notes: Iterable[Annotation] = (), tokens: Iterable[TokenLogprob] = ()) -> JsonObject:
    """A part `output_text`."""
    annotations = [annotation(note) for note in notes]
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs(tokens)}


def refusal_part(text: str = "") -> JsonObject:
    """A part `refusal`."""
    return {"type": "refusal", "refusal": text}


def annotation(note: Annotation) -> JsonObject:
    """A cited source; the object that chat nests under the type lies flat here."""
    nested = RESPONSES.write(note)
    inner: Any = nested.get(str(nested.get("type")))
    return {"type": nested["type"], **inner} if isinstance(inner, dict) else nested


def logprobs(tokens: Iterable[TokenLogprob]) -> list[JsonObject]:
    """Tokens with their probabilities; bytes that are not known are none."""
    return [_token(RESPONSES.write(token)) for token in tokens]


def _token(token: JsonObject) -> JsonObject:
    for one in (token, *token["top_logprobs"]):
        one["bytes"] = one["bytes"] or []
    return token


def _parts(message: ChatMessage, tokens: Sequence[TokenLogprob]) -> list[JsonObject]:
    parts = []
    if message.content or message.annotations or (not message.refusal and not message.tool_calls):
        parts.append(text_part(message.content, message.annotations, tokens))
    if message.refusal:
        parts.append(refusal_part(message.refusal))
    return parts
