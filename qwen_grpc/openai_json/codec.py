"""JSON bodies to messages and back, with nothing lost in either direction."""

from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from qwen_grpc.openai_json import overrides
from qwen_grpc.openai_json.fields import default_field, raw
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import InvalidBody
from qwen_grpc.openai_json.shapes import Always, Field, Shape, Variant, nothing

__all__ = ["REQUESTS", "RESPONSES", "Codec", "InvalidBody"]

AnyMessage = TypeVar("AnyMessage", bound=Message)


class Codec:
    """Reads, checks and writes the JSON form of any message of the contract.

    A message type is compiled from its descriptor when it is first met.
    `always` says what is written of an object even if the message has nothing
    for it, by message name. `suffix` tells the described objects of
    requests from those of answers.

    The law, for any JSON object `x` and a message type with `extra_json`:
    `write(read(type, x))` equals `x`, and `1` may become `1.0`. Where `always`
    has members for an object that became a message, and `x` lacks them, they
    are added with their values; nothing is changed and nothing is missing.
    The numbers of an embedding are the one exception: 32 bits of each are kept.
    Applied again, reading and writing change nothing at all.
    """

    def __init__(self, always: Mapping[str, Always], suffix: str = "") -> None:
        self._always = always
        self._suffix = suffix
        self._shapes: dict[str, Shape] = {}

    def read(self, message_type: type[AnyMessage], value: JsonObject) -> AnyMessage:
        """The message that says what the JSON object says.

        Never refuses a member, however odd: what has no field rides in
        `extra_json`. Raises `InvalidBody` only if the message type has no
        `extra_json` and something is left, or if the nesting is too deep.
        """
        message = message_type()
        shape = self._shape_of(message_type)
        try:
            exact = shape.fill(message, value)
        except RecursionError:
            raise InvalidBody("", "The JSON body is nested too deeply.", "invalid_value") from None
        if not exact:
            name = shape.unread(value)
            raise InvalidBody(name, f"There is no place for '{name}' in this request.", "unknown_parameter")
        return message

    def write(self, message: Message) -> JsonObject:
        """The JSON object that says what the message says; encode it with `jsontext.dump`.

        Raises `ValueError` if a `…_json` field does not hold what it promises.
        """
        return self._shape_of(type(message)).write(message)

    def check(self, message_type: type[Message], value: JsonObject) -> None:
        """Raises `InvalidBody` if a member that has a field is missing or of the wrong type.

        Null is fine for every optional member, and unknown members are none of
        its business. Ranges are the service's.
        """
        self._shape_of(message_type).check(value, "")

    def schema(self, message_type: type[Message]) -> JsonObject:
        """The JSON Schema of a message's JSON form: a reference to one of `schemas`."""
        return self._shape_of(message_type).told()

    def schemas(self) -> dict[str, JsonObject]:
        """The schemas of all objects that were met, by name."""
        return {shape.name: shape.schema() for shape in self._shapes.values()}

    def _shape_of(self, message_type: type[Message]) -> Shape:
        descriptor: Any = message_type.DESCRIPTOR  # its stub names two classes
        return self._shape(descriptor)

    def _shape(self, descriptor: Descriptor) -> Shape:
        name = descriptor.full_name.removeprefix("qwen.v1.")
        if name not in self._shapes:
            compiled = self._variant if name in overrides.VARIANTS else self._plain
            self._shapes[name] = compiled(descriptor, name)
        return self._shapes[name]

    def _plain(self, descriptor: Descriptor, name: str) -> Shape:
        shape = Shape(
            always=self._always.get(name, nothing),
            needs=overrides.NEEDS.get(name, ()),
            extra=_has_extra(descriptor),
            name=self._described(name),
        )
        for field in descriptor.fields:
            if field.name not in ("extra_json", "raw_json"):
                shape.add(field.number, self._field(field, name))
        for member, kind in overrides.NOTICED.get(name, {}).items():
            shape.notice(member, kind)
        return shape

    def _variant(self, descriptor: Descriptor, name: str) -> Shape:
        oneof, types = overrides.VARIANTS[name]
        variant = Variant(oneof, extra=_has_extra(descriptor), name=self._described(name))
        variant.add(descriptor.fields_by_name["raw_json"].number, Field({}, raw))
        for word, attribute in types.items():
            field = descriptor.fields_by_name[attribute]
            variant.add_type(word, field.number, self._field(field, name, word))
        return variant

    def _described(self, name: str) -> str:
        return name if name.endswith("Request") else name + self._suffix

    def _field(self, field: FieldDescriptor, message_name: str, name: str = "") -> Field:
        rule = overrides.FIELDS.get(f"{message_name}.{field.name}")
        return rule(field, self._shape) if rule else default_field(field, self._shape, name)


def _has_extra(descriptor: Descriptor) -> bool:
    return "extra_json" in descriptor.fields_by_name


# Requests are what clients send: written back exactly as they came.
REQUESTS = Codec({}, "Asked")

# Answers have what OpenAI's clients cannot do without, such as `logprobs: null`.
RESPONSES = Codec(overrides.ALWAYS)
