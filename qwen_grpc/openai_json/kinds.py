"""What JSON values mean: one `Kind` per type of value, shared by reading, checking and writing."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from qwen_grpc.openai_json.jsontext import dump, load


class InvalidBody(Exception):  # noqa: N818 (named for what it says, as all errors here)
    """A JSON body that is not what the contract asks for: HTTP 400.

    `param` is the path of the member as OpenAI writes it, such as
    `messages[0].content`; `code` is OpenAI's word for what is wrong. The text
    never repeats the value, which may be private.
    """

    def __init__(self, param: str, message: str, code: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message
        self.code = code


# The JSON Schema of any value.
ANYTHING: Mapping[str, Any] = {}


class Kind(NamedTuple):
    """A type of JSON value.

    `take` gives the value of the field that says exactly the same. It raises
    `TypeError` for a value of another type and `ValueError` for one of the
    right type that no field can hold exactly. `show` is its inverse. `schema`
    is JSON Schema.
    """

    expected: str
    take: Callable[[Any], Any]
    show: Callable[[Any], Any] | None = None
    schema: Mapping[str, Any] = ANYTHING


def wrong_type(value: Any, path: str, expected: str) -> InvalidBody:
    """The error for a value of the wrong JSON type."""
    return InvalidBody(
        path, f"Invalid type for '{path}': expected {expected}, but got {type_words(value)}.", "invalid_type"
    )


def check_kind(kind: Kind, value: Any, path: str) -> None:
    """Raises `InvalidBody` if the value, found at `path`, is not of this kind."""
    try:
        kind.take(value)
    except TypeError:
        raise wrong_type(value, path, kind.expected) from None
    except ValueError as error:
        raise InvalidBody(path, f"Invalid value for '{path}': {error}.", "invalid_value") from None


def type_words(value: Any) -> str:
    """The JSON type of a value in words, for error texts."""
    return _TYPE_WORDS[type(value)]


def exact_base64(text: str) -> bytes | None:
    """The bytes of a base64 text, or None if encoding them would not give this very text again."""
    try:
        content = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return content if base64.b64encode(content).decode() == text else None


def words_of(enum: EnumDescriptor) -> dict[str, int]:
    """An enum's words as JSON says them: `ROLE_USER` is `user`. The unspecified value has none."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix).lower(): value.number for value in enum.values if value.number}


def kind_of(field: FieldDescriptor) -> Kind:
    """The kind of a field that holds no message. A string field named `…_json` holds any JSON object."""
    if field.enum_type is not None:
        return word_kind(words_of(field.enum_type))
    if field.type == FieldDescriptor.TYPE_STRING and field.name.endswith("_json"):
        return OBJECT_TEXT
    return _KINDS[field.type]


def word_kind(words: dict[str, Any]) -> Kind:
    """The kind of a member that is one of some words."""
    shown = {number: word for word, number in words.items()}
    choices = ", ".join(f"'{word}'" for word in words)

    def take(value: Any) -> Any:
        if type(value) is not str:
            raise TypeError
        if value not in words:
            raise ValueError(f"expected one of {choices}")
        return words[value]

    return Kind("a string", take, shown.get, {"enum": list(words)})


def _take(wanted: type) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        if type(value) is not wanted:
            raise TypeError
        return value

    return take


def _take_integer(bits: int) -> Callable[[Any], int]:
    limit = 1 << (bits - 1)

    def take(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise TypeError
        if not -limit <= value < limit:
            raise ValueError(f"expected an integer of at most {bits} bits")
        return value

    return take


def _take_number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise TypeError
    # An int of 2**1024 does not even convert; one above 2**53 may convert to another number.
    if abs(value) >= 1 << 1000 or int(float(value)) != value:
        raise ValueError("expected a number that a double can hold")
    return float(value)


def _take_base64(value: Any) -> bytes:
    if type(value) is not str:
        raise TypeError
    content = exact_base64(value)
    if content is None:
        raise ValueError("expected base64")
    return content


def base64_text(content: bytes) -> str:
    """The base64 text of some bytes."""
    return base64.b64encode(content).decode()


def _take_byte_list(value: Any) -> bytes:
    if type(value) is not list or any(type(item) is not int for item in value):
        raise TypeError
    return bytes(value)


def _take_object(value: Any) -> str:
    if type(value) is not dict:
        raise TypeError
    return dump(value).decode()


_INTEGER = {"type": "integer"}
_BASE64 = {"type": "string", "contentEncoding": "base64"}

STRING = Kind("a string", _take(str), schema={"type": "string"})
BOOLEAN = Kind("a boolean", _take(bool), schema={"type": "boolean"})
INT64 = Kind("an integer", _take_integer(64), schema=_INTEGER)
BYTE_LIST = Kind("an array of integers", _take_byte_list, list, {"type": "array", "items": _INTEGER})
OBJECT = Kind("an object", _take(dict), schema={"type": "object"})
OBJECT_TEXT = Kind("an object", _take_object, load, {"type": "object"})

_KINDS = {
    FieldDescriptor.TYPE_STRING: STRING,
    FieldDescriptor.TYPE_BOOL: BOOLEAN,
    FieldDescriptor.TYPE_INT32: Kind("an integer", _take_integer(32), schema=_INTEGER),
    FieldDescriptor.TYPE_INT64: INT64,
    FieldDescriptor.TYPE_DOUBLE: Kind("a number", _take_number, schema={"type": "number"}),
    FieldDescriptor.TYPE_BYTES: Kind("a base64 string", _take_base64, base64_text, _BASE64),
}
_TYPE_WORDS = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
