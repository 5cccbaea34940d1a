"""Where OpenAI's videos and ours differ."""

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import InvalidBody, wrong_type
from qwen_grpc.openai_json.shapes import Field, Member, ShapeOf
from qwen_grpc.v1 import videos_pb2 as pb

_number = re.compile(r"(0|[1-9][0-9]{0,5})(\.[0-9]{1,3})?")

# OpenAI has four words; the state itself is told beside them.
STATUSES = {
    pb.VIDEO_STATE_QUEUED: "queued",
    pb.VIDEO_STATE_RUNNING: "in_progress",
    pb.VIDEO_STATE_WAITING_FOR_OWNER: "in_progress",
    pb.VIDEO_STATE_SUCCEEDED: "completed",
    pb.VIDEO_STATE_FAILED: "failed",
    pb.VIDEO_STATE_CANCELLED: "failed",
    pb.VIDEO_STATE_EXPIRED: "failed",
    pb.VIDEO_STATE_UNKNOWN_OUTCOME: "failed",
}
_STATES = {word: state for state, word in reversed(STATUSES.items())}


def status(_: FieldDescriptor, __: ShapeOf) -> Field:
    """One of four words."""

    def read(message: Any, value: Any) -> bool:
        message.state = _STATES.get(value, 0) if type(value) is str else 0
        return bool(message.state)

    def check(value: Any, path: str) -> None:
        if value is not None and type(value) is not str:
            raise wrong_type(value, path, "a string")

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        out["status"] = STATUSES.get(message.state, "queued")

    return Field({"status": Member(read, check, lambda: {"enum": list(_STATES)})}, write)


def seconds(_: FieldDescriptor, __: ShapeOf) -> Field:
    """A text that holds a number. A number itself is understood, and kept as it was."""

    def read(message: Any, value: Any) -> bool:
        if not _is_number(value):
            return False
        message.seconds = float(value)
        return type(value) is str and shown_seconds(message.seconds) == value

    def check(value: Any, path: str) -> None:
        if value is not None and type(value) not in (str, int, float):
            raise wrong_type(value, path, "a string that holds a number")
        if value is not None and not _is_number(value):
            text = f"Invalid value for '{path}': expected a number of seconds, such as '4'."
            raise InvalidBody(path, text, "invalid_value")

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        out["seconds"] = shown_seconds(message.seconds)

    return Field({"seconds": Member(read, check, lambda: {"type": ["string", "number"]})}, write)


def _is_number(value: Any) -> bool:
    return _number.fullmatch(value) is not None if type(value) is str else type(value) in (int, float) and value < 1e6


def shown_seconds(value: float) -> str:
    """A number of seconds as OpenAI writes it: `4`, `5.042`."""
    return f"{value:.10g}"


def empty_video() -> JsonObject:
    """All that a video of OpenAI's has, with the values that mean nothing."""
    return {
        "id": "",
        "object": "video",
        "model": "",
        "status": "queued",
        "progress": 0,
        "created_at": 0,
        "completed_at": None,
        "expires_at": None,
        "prompt": None,
        "size": "",
        "seconds": "",
        "remixed_from_video_id": None,
        "error": None,
    }
