"""JSON text in and out: strict when it comes in, never failing on what once came in."""

import json
import math
from typing import Any

import msgspec

JsonObject = dict[str, Any]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def load(text: str | bytes) -> Any:
    """The value of a JSON text.

    NaN, infinities and numbers beyond a double are no JSON and raise
    `ValueError`, as does nesting too deep to be handled. Half an emoji (a lone
    surrogate escape) is legal JSON and stays what it is.
    """
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except msgspec.DecodeError as error:
        return _load_surrogates(text, str(error))


def load_object(text: str | bytes) -> JsonObject:
    """The object of a JSON text; `ValueError` if it is text of anything else."""
    value = load(text)
    if type(value) is not dict:
        raise ValueError("expected the text of a JSON object")
    return value


def dump(value: Any) -> bytes:
    """Compact JSON text of a value that `load` may have given."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        # Only ASCII escapes can carry a lone surrogate.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _load_surrogates(text: str | bytes, complaint: str) -> Any:
    """Second try for the one thing that msgspec refuses and JSON allows."""
    escape = "\\u" if isinstance(text, str) else b"\\u"
    if escape not in text:  # type: ignore[operator]
        raise ValueError(complaint)
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ValueError(complaint) from None


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number
