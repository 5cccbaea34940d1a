"""JSON Schemas in requests: whether they are some, and whether a value follows one.

The library for it is loaded with the first schema: it takes three megabytes,
and many gateways never see one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.openai_json.jsontext import load_object

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

# How many schemas are remembered as good: agents send the same ones with each request.
MAX_KNOWN = 4096
# A schema of a few lines can refer to itself a billion times.
MAX_REFERENCES = 20_000
MAX_COMPLAINTS = 5

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Schemas:
    """Checks schemas; remembers those that it found good, since to check one takes a millisecond."""

    def __init__(self, check: Callable[[str, str], None] | None = None, *, known: int = MAX_KNOWN) -> None:
        self._check = check or check_schema
        self._known = known
        self._good: dict[str, None] = {}

    def check(self, text: str, path: str) -> None:
        """Raises `InvalidParameter` unless the text, which stands at `path` in the request, is a JSON Schema."""
        if text in self._good:
            return
        self._check(text, path)
        if len(self._good) >= self._known:
            del self._good[next(iter(self._good))]
        self._good[text] = None


def check_schema(text: str, path: str) -> None:
    """Raises `InvalidParameter` unless the text is a JSON Schema; `path` is where it stands in the request."""
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        schema = load_object(text)
        # Without `$schema` draft 7 is the most that every schema in use agrees with.
        validator_for(schema, default=Draft7Validator).check_schema(schema)
    except SchemaError as error:
        field = path + error.json_path.removeprefix("$")
        raise InvalidParameter(f"{field} is not what JSON Schema allows there", field=field) from None
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"{path} is not the text of a JSON Schema", field=path) from error


class LeadsNowhere(Exception):
    """A schema with a reference to what is not in it."""


class TooManyReferences(Exception):
    """A schema that refers to itself too often to be followed."""


def errors_of(text: str, value: Any) -> list[ValidationError]:
    """The first things that a schema, which was found good, has against a value; none if the value follows it.

    Formats are not looked at, nor are patterns: one may take hours to match.
    Nothing is fetched. Raises `LeadsNowhere`, `TooManyReferences`, and
    `RecursionError`.
    """
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    schema = load_object(text)
    kind = validator_for(schema, default=_usual(schema))
    try:
        return list(islice(_bounded(kind)(schema, registry=Registry()).iter_errors(value), MAX_COMPLAINTS))
    except Unresolvable as error:
        raise LeadsNowhere from error


def _usual(schema: Any) -> Any:
    """The draft of a schema that does not say: the newest, unless it is none of that."""
    from jsonschema import Draft7Validator, Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return Draft7Validator
    return Draft202012Validator


def _bounded(kind: Any) -> Any:
    """The draft without patterns, and with a limit to how often references are followed."""
    from jsonschema.validators import extend

    left = iter(range(MAX_REFERENCES))
    followed = {name: _counted(kind.VALIDATORS[name], left) for name in _REFERENCES if name in kind.VALIDATORS}
    return extend(kind, {**followed, "pattern": _unchecked})  # type: ignore[no-untyped-call]  # the stubs omit it


def _counted(follow: Any, left: Iterator[int]) -> Any:
    def keyword(*found: Any) -> Iterator[ValidationError]:
        if next(left, None) is None:
            raise TooManyReferences
        yield from follow(*found) or ()

    return keyword


def _unchecked(*_: Any) -> None:
    """Finds nothing."""
