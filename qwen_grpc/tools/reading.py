"""What a model wrote between the tags, as a call."""

import json
import re
from typing import Any

import msgspec
from msgspec import Raw, Struct

_token = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|,(?=\s*[}\]])|[{}\[\]"]', re.DOTALL)
_CLOSERS = {"{": "}", "[": "]"}


class Written(Struct):
    """A call as it was written; `arguments` are the very text of them."""

    name: str
    arguments: Raw = Raw(b"{}")


class Called(Struct):
    """A call: the name of the function, and the JSON text of its arguments."""

    name: str
    arguments: str


_written = msgspec.json.Decoder(Written)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_lenient = json.JSONDecoder(strict=False, parse_constant=_refuse)


def read_call(text: str) -> Called | None:
    """The call that the text is, if need be after one repair; None if it is none.

    Arguments are kept letter by letter unless a repair was needed. The repair
    is `mended`, and control characters taken as they stand in strings.
    """
    try:
        written = _written.decode(text)
        arguments = _argument_text(bytes(written.arguments).decode())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _read_mended(mended(text))
    return _called(written.name, arguments)


def _read_mended(text: str | None) -> Called | None:
    if text is None:
        return None
    try:
        value: dict[str, Any] = _lenient.decode(text)
        arguments = json.dumps(value.get("arguments", {}), separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError):
        return None
    name = value.get("name")
    return _called(name, _argument_text(arguments)) if isinstance(name, str) else None


def _called(name: str, arguments: str | None) -> Called | None:
    if not name or arguments is None or not (_is_text(name) and _is_text(arguments)):
        return None
    return Called(name, arguments)


def _is_text(text: str) -> bool:
    """Whether the text holds no half of a surrogate pair, which no message can carry."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _argument_text(text: str) -> str | None:
    """The arguments, which may have been written as a text that holds them; None if they are no object."""
    if text.startswith('"'):
        text = json.loads(text).strip() or "{}"
    text = "{}" if text == "null" else text
    return text if text.startswith("{") else None


def mended(text: str) -> str | None:
    """The text without commas before a closing bracket, and with the closing brackets that are missing at its end.

    None if a string is open at the end: what was cut off is not made up.
    """
    kept: list[str] = []
    open_: list[str] = []
    place = 0
    for found in _token.finditer(text):
        token = found[0]
        if token == '"':
            return None
        kept.append(text[place : found.start() if token == "," else found.end()])
        place = found.end()
        if token in _CLOSERS:
            open_.append(_CLOSERS[token])
        elif token in ("}", "]") and open_:
            open_.pop()
    kept.append(text[place:])
    return "".join(kept).rstrip(" \t\r\n,") + "".join(reversed(open_))
