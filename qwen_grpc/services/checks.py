"""What a chat request has to be, before anybody is called."""

from dataclasses import dataclass
from typing import Any

import msgspec

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.schemas import Schemas
from qwen_grpc.v1.chat_pb2 import ROLE_UNSPECIFIED, CompleteChatRequest, ResponseFormat, Role

MAX_MESSAGES = 2048
MAX_STOPS = 16
MAX_STOP_CHARS = 1024


@dataclass(frozen=True, slots=True)
class Range:
    """An optional number and its bounds, both inclusive."""

    field: str
    low: float
    high: float


RANGES = (
    Range("temperature", 0, 2),
    Range("top_p", 0, 1),
    Range("frequency_penalty", -2, 2),
    Range("presence_penalty", -2, 2),
    Range("top_logprobs", 0, 20),
    Range("max_tokens", 1, 1 << 31),
    Range("max_completion_tokens", 1, 1 << 31),
    Range("top_k", 0, 1 << 31),
    Range("n", 1, 128),
)
_ROLES = ", ".join(name.removeprefix("ROLE_").lower() for name in Role.keys()[1:])


def check_chat(request: CompleteChatRequest) -> None:
    """Raises `InvalidParameter` with the path of the first field that is wrong, as OpenAI's JSON names it."""
    _need(bool(request.model), "model", "model is missing: name one that GET /v1/models (ListModels) lists")
    _need(bool(request.messages), "messages", "messages is empty: send at least one message")
    _need(len(request.messages) <= MAX_MESSAGES, "messages", f"messages has more than {MAX_MESSAGES} entries")
    _need(len(request.stop) <= MAX_STOPS, "stop", f"stop has more than {MAX_STOPS} entries")
    for at, stop in enumerate(request.stop):
        path = f"stop[{at}]"
        _need(len(stop) <= MAX_STOP_CHARS, path, f"{path} has more than {MAX_STOP_CHARS} characters")
    alone = request.top_logprobs and not request.logprobs
    _need(not alone, "top_logprobs", "top_logprobs needs logprobs: set it to true, or leave both away")
    for bounds in RANGES:
        _check_range(request, bounds)
    for at, message in enumerate(request.messages):
        known = message.role != ROLE_UNSPECIFIED and message.role in Role.values()
        _need(known, f"messages[{at}].role", f"messages[{at}].role is missing or unknown: expected {_ROLES}")


FORM = "response_format.json_schema"


def check_form(form: ResponseFormat, schemas: Schemas) -> None:
    """Raises `InvalidParameter` for a form whose schema is missing, stray, nameless or no JSON Schema."""
    wanted = form.type == ResponseFormat.TYPE_JSON_SCHEMA
    given = form.HasField("json_schema")
    if not wanted:
        _need(not given, FORM, f"{FORM} goes with the type json_schema only: set the type, or leave it away")
        return
    _need(given, FORM, f"{FORM} is missing: the type json_schema needs it")
    _need(bool(form.json_schema.name), f"{FORM}.name", f"{FORM}.name is missing")
    path = f"{FORM}.schema"
    _need(bool(form.json_schema.schema_json), path, f"{path} is missing: send a JSON Schema")
    schemas.check(form.json_schema.schema_json, path)


def members(extra_json: str) -> dict[str, Any]:
    """What `extra_json` holds. Raises `InvalidParameter` when it is not the text of a JSON object."""
    try:
        found = msgspec.json.decode(extra_json or "{}")
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise InvalidParameter("extra_json is not the text of one JSON object", field="extra_json")
    return found


def _check_range(request: CompleteChatRequest, bounds: Range) -> None:
    if request.HasField(bounds.field):
        value = getattr(request, bounds.field)
        text = f"{bounds.field} is {value:g}: expected {bounds.low:g} to {bounds.high:g}"
        _need(bounds.low <= value <= bounds.high, bounds.field, text)


def _need(holds: bool, field: str, otherwise: str) -> None:
    if not holds:
        raise InvalidParameter(otherwise, field=field)
