"""What Anthropic's clients send: bodies and content blocks as typed structs.

Members that no struct names are let through and mean nothing here, such as
`context_management`, the fields of betas, and marks for the cache
(`cache_control`): upstreams cache by themselves, and models that read text
alone refuse marked blocks.
"""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from qwen_grpc.openai_json.fields import mended
from qwen_grpc.openai_json.jsontext import JsonObject
from rest_shim.errors import HttpError, bad_request

Kind = TypeVar("Kind", bound=Struct)
Positive = Annotated[int, Meta(ge=1, lt=1 << 31)]

_missing = re.compile("Object missing required field `(.+)`")


# -- blocks -----------------------------------------------------------------------------------------------------------


class Base64(Struct, tag="base64"):
    """The content itself."""

    media_type: str
    data: str


class Address(Struct, tag="url"):
    """Where the content is."""

    url: str


class Uploaded(Struct, tag="file"):
    """A file that was handed in before, by its id."""

    file_id: str


class PlainText(Struct, tag="text"):
    """A document that is text."""

    data: str


class Nested(Struct, tag="content"):
    """A document made of blocks."""

    content: str | list[JsonObject]


class Text(Struct, tag="text"):
    """Words."""

    text: str


class Image(Struct, tag="image"):
    """A picture."""

    source: Base64 | Address | Uploaded


class Document(Struct, tag="document"):
    """A document."""

    source: Base64 | Address | Uploaded | PlainText | Nested
    title: str | None = None
    context: str | None = None


class SearchResult(Struct, tag="search_result"):
    """A passage that the client found."""

    source: str
    title: str
    content: list[JsonObject]


class ToolUse(Struct, tag="tool_use"):
    """A call that the model made."""

    id: str
    name: str
    input: JsonObject


class ToolResult(Struct, tag="tool_result"):
    """What came of a call."""

    tool_use_id: str
    content: str | list[JsonObject] | None = None
    is_error: bool | None = None


class Thought(Struct, tag="thinking"):
    """What the model thought. Its signature is not looked at: only who signed could check it."""

    thinking: str


Block = Text | Image | Document | SearchResult | ToolUse | ToolResult | Thought
BLOCKS: dict[str, type[Block]] = {
    "text": Text,
    "image": Image,
    "document": Document,
    "search_result": SearchResult,
    "tool_use": ToolUse,
    "tool_result": ToolResult,
    "thinking": Thought,
}


# -- bodies -----------------------------------------------------------------------------------------------------------


class Turn(Struct):
    """One message."""

    role: Literal["user", "assistant", "system"]
    content: str | list[JsonObject]


class Tool(Struct):
    """A tool. `type` is absent or `custom` unless it is one of Anthropic's own."""

    name: str
    type: str | None = None
    description: str | None = None
    input_schema: JsonObject | None = None
    strict: bool | None = None


class ToolChoice(Struct):
    """Whether and which tool is called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct):
    """Whether and how long the model thinks; `display` may hide it."""

    type: str
    budget_tokens: Positive | None = None
    display: str | None = None


class Format(Struct):
    """The schema that the answer follows."""

    type: Literal["json_schema"]
    schema_: JsonObject = msgspec.field(name="schema")


class OutputConfig(Struct):
    """How much effort is made, and the form of the answer."""

    effort: str | None = None
    format: Format | None = None


class Metadata(Struct):
    """On whose behalf the caller asks."""

    user_id: str | None = None


class Prompt(Struct, kw_only=True):
    """What the model is to read: the body of `/v1/messages/count_tokens`."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[Turn], Meta(min_length=1)]
    system: str | list[JsonObject] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: Format | None = None


class Body(Prompt, kw_only=True):
    """The body of `/v1/messages`."""

    max_tokens: Positive
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: Annotated[int, Meta(ge=0, lt=1 << 31)] | None = None
    metadata: Metadata | None = None


# -- taking -----------------------------------------------------------------------------------------------------------


def taken(kind: type[Kind], value: Any, path: str = "") -> Kind:
    """The value as a struct. Raises a 400 that names the member which is missing or wrong."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _wrong(str(error), path) from None


def sound(value: Any) -> Any:
    """The JSON value with each half of an emoji replaced: JSON can hold that, a message cannot."""
    match value:
        case str():
            return mended(value)
        case list():
            return [sound(item) for item in value]
        case dict():
            return {mended(name): sound(item) for name, item in value.items()}
        case _:
            return value


def blocks(content: str | list[JsonObject], path: str) -> list[tuple[Block | JsonObject, str]]:
    """The blocks of a content, each with its path; those of a type that is not known here as they came."""
    if isinstance(content, str):
        return [(Text(content), path)]
    return [(_block(one, f"{path}[{at}]"), f"{path}[{at}]") for at, one in enumerate(content)]


def _block(value: JsonObject, path: str) -> Block | JsonObject:
    kind = BLOCKS.get(str(value.get("type")))
    return taken(kind, value, path) if kind else value


def _wrong(complaint: str, path: str) -> HttpError:
    """The complaint in our words: where, and what was expected; never the value, which may be private."""
    text, _, inside = complaint.partition(" - at `$")
    where = path + inside.rstrip("`")
    if missing := _missing.fullmatch(text):
        where = f"{where}.{missing[1]}".lstrip(".")
        return bad_request(where, f"{where} is missing", "missing_required_parameter")
    where = where.lstrip(".")
    # "Invalid value 'x'" and "Invalid enum value 'x'".
    expected = "not one of the words that can stand here" if text.startswith("Invalid") else text
    return bad_request(where or None, f"{where or 'the body'}: {expected}", "invalid_value")
