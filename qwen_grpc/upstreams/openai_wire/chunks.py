"""The chunks of a stream: the usual ones as typed structs, all others as structs and the JSON beside them.

A usual chunk is one piece of text for one choice. The structs `Text…` take no
member that they do not name, and `None` stands for members that are there and
say nothing; so whatever says more than a piece of text is not decoded by
them, and nothing is lost unseen.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from qwen_grpc.openai_json.codec import InvalidBody
from qwen_grpc.openai_json.fields import mended
from qwen_grpc.openai_json.jsontext import JsonObject, load_object

# What reading somebody else's JSON raises: wrong forms, broken UTF-8, nesting without end.
UNREADABLE = (ValueError, RecursionError, InvalidBody)

Index = Annotated[int, msgspec.Meta(ge=0, lt=1024)]


class TextDelta(Struct, forbid_unknown_fields=True, gc=False):
    """A piece of the answer or of the thinking, which goes by three names."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    annotations: None = None
    audio: None = None

    @property
    def thought(self) -> str | None:
        """The piece of the thinking."""
        return self.reasoning_content or self.reasoning or self.thinking


class TextChoice(Struct, forbid_unknown_fields=True, gc=False):
    """The wrapper of a delta that ends nothing."""

    delta: TextDelta
    index: Index = 0
    finish_reason: None = None
    logprobs: None = None
    stop_reason: None = None
    token_ids: None = None
    matched_stop: None = None


class TextChunk(Struct, forbid_unknown_fields=True, gc=False):
    """One SSE record with nothing but text."""

    choices: tuple[TextChoice, ...]
    id: str | None = None
    object: str | None = None
    created: float | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    usage: None = None
    error: None = None
    prompt_token_ids: None = None


class FunctionPart(Struct, gc=False):
    """What a fragment says of the function. Arguments are text; some servers send the object itself."""

    name: str = ""
    arguments: Any = ""


class CallPart(Struct, gc=False):
    """A fragment of a tool call."""

    index: Index = 0
    id: str = ""
    type: str = ""
    function: FunctionPart = msgspec.field(default_factory=FunctionPart)


class DeltaPart(Struct, gc=False):
    """A delta of any kind. The thinking goes by three names, which mean the same."""

    content: str = ""
    reasoning_content: str = ""
    reasoning: str = ""
    thinking: str = ""
    role: str = ""
    refusal: str = ""
    tool_calls: list[CallPart] = []
    annotations: list[JsonObject] = []
    audio: JsonObject = {}

    @property
    def thought(self) -> str:
        """The piece of the thinking."""
        return self.reasoning_content or self.reasoning or self.thinking


class ChoicePart(Struct, gc=False):
    """The wrapper of any delta."""

    delta: DeltaPart = msgspec.field(default_factory=DeltaPart)
    index: Index = 0
    finish_reason: str = ""
    logprobs: JsonObject = {}


class Chunk(Struct, gc=False):
    """Any SSE record that is no error."""

    choices: list[ChoicePart] = []
    id: str = ""
    object: str = ""
    created: float = 0
    model: str = ""
    system_fingerprint: str = ""
    service_tier: str = ""
    usage: Any = None


_text_chunk = msgspec.json.Decoder(TextChunk).decode


def usual(payload: bytes) -> TextChunk | None:
    """The chunk, if it has nothing but text."""
    try:
        return _text_chunk(payload)
    except UNREADABLE:
        return None


def told(payload: bytes) -> JsonObject:
    """The members of an object that say something: nulls are left out, at every depth; one of `UNREADABLE` else.

    Half a surrogate pair, which JSON allows and no message can hold, is replaced.
    """
    return _said(load_object(payload.decode()))  # type: ignore[no-any-return]


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {mended(name): _said(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_said(item) for item in value]
    return mended(value) if isinstance(value, str) else value


def chunk_of(value: JsonObject) -> Chunk:
    """The typed form of what was told. Raises one of `UNREADABLE`."""
    return msgspec.convert(value, Chunk)


def rest_of(value: JsonObject, kind: type[Struct]) -> JsonObject:
    """The members for which the typed form has no place."""
    return {name: item for name, item in value.items() if name not in kind.__struct_fields__}
