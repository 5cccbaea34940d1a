"""The rules that turn a message field into JSON members when nothing else is said.

Naming is the device: fields are named as OpenAI names its members, so most of
the contract needs no more than these rules.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from qwen_grpc.openai_json.jsontext import JsonObject, load_object
from qwen_grpc.openai_json.kinds import INT64, OBJECT, Kind, check_kind, kind_of, wrong_type
from qwen_grpc.openai_json.shapes import Check, Field, Member, Reader, Shape, ShapeOf, check_optional


def default_field(field: FieldDescriptor, shape_of: ShapeOf, name: str = "") -> Field:
    """The rule for fields without an override: a member of the same name and the exact type.

    `name` renames the member. A timestamp is a whole number of seconds since
    the epoch, an enum its word, bytes are base64, and a string field named
    `parameters_json` holds the object `parameters` as text.
    """
    json_text = field.type == FieldDescriptor.TYPE_STRING and field.name.endswith("_json")
    name = name or (field.name.removesuffix("_json") if json_text else field.name)
    if field.message_type is None:
        return (repeated_scalar if field.is_repeated else scalar)(field, name, kind_of(field))
    if field.message_type.GetOptions().map_entry:
        return mapping(field, name)
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return timestamp(field, name)
    return (repeated if field.is_repeated else nested)(field, name, shape_of(field.message_type))


def scalar(field: FieldDescriptor, name: str, kind: Kind) -> Field:
    """One value. Without presence, a zero is the same as nothing and has to be kept by the caller."""
    attribute, presence, take, show = field.name, field.has_presence, kind.take, kind.show

    def read(message: Any, value: Any) -> bool:
        try:
            taken = take(value)
            setattr(message, attribute, taken)
        except UnicodeEncodeError:
            setattr(message, attribute, mended(value))
            return False
        except (TypeError, ValueError):
            return False
        return presence or bool(taken)

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        value = getattr(message, attribute)
        shown = show(value) if show else value
        if shown is not None:
            out[name] = shown

    member = Member(
        _alone(field, read), lambda value, path: check_optional(kind, value, path), lambda: dict(kind.schema)
    )
    return Field({name: member}, write)


def repeated_scalar(field: FieldDescriptor, name: str, kind: Kind) -> Field:
    """A list of values. An empty one is the same as nothing."""
    attribute = field.name

    def read(message: Any, value: Any) -> bool:
        if type(value) is not list:
            return False
        try:
            getattr(message, attribute).extend([kind.take(item) for item in value])
        except (TypeError, ValueError):
            message.ClearField(attribute)
            return False
        return bool(value)

    def check(value: Any, path: str) -> None:
        for index, item in enumerate(listed(value, path)):
            check_kind(kind, item, f"{path}[{index}]")

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        values = getattr(message, attribute)
        out[name] = [kind.show(value) for value in values] if kind.show else list(values)

    return Field({name: Member(read, check, lambda: {"type": "array", "items": dict(kind.schema)})}, write)


def one_or_more(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """A list of strings, or a single one: understood, and kept as it was."""
    name, usual = field.name, default_field(field, shape_of)
    as_list = usual.members[name]

    def read(message: Any, value: Any) -> bool:
        alone = type(value) is str
        return as_list.read(message, [value] if alone else value) and not alone

    def check(value: Any, path: str) -> None:
        if value is not None and type(value) not in (str, list):
            raise wrong_type(value, path, "a string or an array of strings")
        if type(value) is list:
            as_list.check(value, path)

    return Field({name: Member(read, check, lambda: {"anyOf": [{"type": "string"}, as_list.schema()]})}, usual.write)


def mapping(field: FieldDescriptor, name: str) -> Field:
    """An object whose members are all of one kind."""
    attribute = field.name
    kind = kind_of(fields_of(field)["value"])

    def read(message: Any, value: Any) -> bool:
        if type(value) is not dict:
            return False
        try:
            getattr(message, attribute).update({key: kind.take(item) for key, item in value.items()})
        except (TypeError, ValueError):
            message.ClearField(attribute)
            return False
        return bool(value)

    def check(value: Any, path: str) -> None:
        check_optional(OBJECT, value, path)
        for key, item in (value or {}).items():
            check_kind(kind, item, f"{path}.{key}")

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        show = kind.show or (lambda item: item)
        out[name] = {key: show(item) for key, item in getattr(message, attribute).items()}

    told = {"type": "object", "additionalProperties": dict(kind.schema)}
    return Field({name: Member(read, check, lambda: told)}, write)


def timestamp(field: FieldDescriptor, name: str) -> Field:
    """A moment, as OpenAI writes it: whole seconds since the epoch."""
    attribute = field.name

    def read(message: Any, value: Any) -> bool:
        try:
            getattr(message, attribute).seconds = INT64.take(value)
        except (TypeError, ValueError):
            return False
        return True

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        out[name] = getattr(message, attribute).seconds

    member = Member(read, lambda value, path: check_optional(INT64, value, path), lambda: dict(INT64.schema))
    return Field({name: member}, write)


def nested(field: FieldDescriptor, name: str, shape: Shape) -> Field:
    """An object held by a message."""
    attribute = field.name

    def read(message: Any, value: Any) -> bool:
        if type(value) is not dict:
            return False
        child = getattr(message, attribute)
        child.SetInParent()
        return shape.fill(child, value)

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        out[name] = shape.write(getattr(message, attribute))

    return Field({name: Member(_alone(field, read), checked(shape), shape.told)}, write)


def repeated(field: FieldDescriptor, name: str, shape: Shape) -> Field:
    """A list of objects held by messages."""
    attribute = field.name

    def read(message: Any, value: Any) -> bool:
        if type(value) is not list or any(type(item) is not dict for item in value):
            return False
        children = getattr(message, attribute)
        exact = [shape.fill(children.add(), item) for item in value]
        return bool(exact) and all(exact)

    def check(value: Any, path: str) -> None:
        for index, item in enumerate(listed(value, path)):
            check_kind(OBJECT, item, f"{path}[{index}]")
            shape.check(item, f"{path}[{index}]")

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        out[name] = [shape.write(child) for child in getattr(message, attribute)]

    return Field({name: Member(read, check, lambda: {"type": "array", "items": shape.told()})}, write)


def fields_of(field: FieldDescriptor) -> Mapping[str, FieldDescriptor]:
    """The fields of the messages that a field holds, by name."""
    if field.message_type is None:
        raise TypeError(f"{field.full_name} holds no message")
    return field.message_type.fields_by_name


def checked(shape: Shape) -> Check:
    """The check of an optional member that is an object of this shape."""

    def check(value: Any, path: str) -> None:
        if value is not None:
            check_kind(OBJECT, value, path)
            shape.check(value, path)

    return check


def listed(value: Any, path: str) -> list[Any]:
    """The items of an optional list; `InvalidBody` if it is none."""
    if value is not None and type(value) is not list:
        raise wrong_type(value, path, "an array")
    return value or []


def mended(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD, so that a message can hold it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def raw(message: Any, out: JsonObject, _: JsonObject) -> None:
    """Writes an object that was kept as a whole."""
    out.update(load_object(message.raw_json))


def _alone(field: FieldDescriptor, read: Reader) -> Reader:
    """In a real oneof, the first member that is read wins; others are kept as they are."""
    oneof = field.containing_oneof
    if oneof is None or len(oneof.fields) == 1:
        return read
    name = oneof.name

    def read_first(message: Any, value: Any) -> bool:
        return message.WhichOneof(name) in (None, field.name) and read(message, value)

    return read_first
