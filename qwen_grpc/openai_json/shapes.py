"""The codec's engine: how one message and one JSON object say the same thing.

Walking a message's descriptor gives one `Field` per field: the JSON members
that it is read from, and a writer. A `Shape` holds the fields of a message; a
`Variant` is the shape of an object whose `type` decides what else is in it.

Readers return whether the message now says exactly what the member said. If
not, the member is kept as it was, in the `extra_json` of its own message or,
where that has none, of the nearest message around it. A reader may have set
typed fields nevertheless: what is understood is acted upon, what is kept is
written back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor

from qwen_grpc.openai_json.jsontext import JsonObject, dump, load_object
from qwen_grpc.openai_json.kinds import InvalidBody, Kind, check_kind, wrong_type

# Where the schemas of shapes with a name are found.
COMPONENTS = "#/components/schemas/"

Reader = Callable[[Any, Any], bool]
Check = Callable[[Any, str], None]
Writer = Callable[[Any, JsonObject, JsonObject], None]
Adopt = Callable[[Any, JsonObject], None]
Always = Callable[[], JsonObject]
Schema = Callable[[], JsonObject]


def anything() -> JsonObject:
    """The JSON Schema of a value that may be anything."""
    return {}


class Member(NamedTuple):
    """One JSON member: how it is read into a message, and what it may be, once to check and once to tell."""

    read: Reader
    check: Check
    schema: Schema = anything


class Field(NamedTuple):
    """One message field in JSON.

    `write` gets the message, the object being written and the members that
    `extra_json` holds. `adopt`, if there, sees the kept members after reading
    and may take from them what other spellings of the field say.
    """

    members: Mapping[str, Member]
    write: Writer
    adopt: Adopt | None = None


def nothing() -> JsonObject:
    """The members that most objects always have: none."""
    return {}


class Shape:
    """A message as a JSON object.

    `always` makes the members that are written even if the message does not
    have them, such as OpenAI's required nulls; `needs` names the members that
    `check` misses when they are absent. A shape with a name is described once,
    under that name.
    """

    def __init__(
        self, *, always: Always = nothing, needs: Iterable[str] = (), extra: bool = False, name: str = ""
    ) -> None:
        self.name = name
        self._always = always
        self._given = always()
        self._needs = tuple(needs)
        self._extra = extra
        self._readers: dict[str, Reader] = {}
        self._checks: dict[str, Check] = {}
        self._schemas: dict[str, Schema] = {}
        self._writers: dict[int, Writer] = {}
        self._adopts: list[Adopt] = []

    def add(self, number: int, field: Field) -> None:
        """Teaches the shape one field of the message, by its number."""
        for name, member in field.members.items():
            self._readers[name] = member.read
            self._checks[name] = member.check
            self._schemas[name] = member.schema
        self._writers[number] = field.write
        if field.adopt:
            self._adopts.append(field.adopt)

    def notice(self, name: str, kind: Kind) -> None:
        """Has a member checked that no field holds."""
        self._checks[name] = lambda value, path: check_optional(kind, value, path)
        self._schemas[name] = lambda: dict(kind.schema)

    def fill(self, message: Any, value: JsonObject) -> bool:
        """Reads the object into the message; False if the caller has to keep the object too."""
        left: JsonObject = {}
        for name, item in value.items():
            reader = self._readers.get(name)
            if (reader is None or not reader(message, item)) and not self._is_given(name, item):
                left[name] = item
        if left:
            for adopt in self._adopts:
                adopt(message, left)
        return self._keep(message, left)

    def write(self, message: Any) -> JsonObject:
        """The object that says what the message says."""
        extra = self._kept(message)
        out = self._always()
        for field, _ in message.ListFields():
            writer = self._writers.get(field.number)
            if writer is not None:
                writer(message, out, extra)
        out.update(extra)
        return out

    def check(self, value: JsonObject, path: str) -> None:
        """Raises `InvalidBody` for the first member that is missing or of the wrong type."""
        for name in self._needs:
            check_needed(value, name, member_path(path, name))
        for name, item in value.items():
            check = self._checks.get(name)
            if check is not None:
                check(item, member_path(path, name))
            if item == [] and name in self._needs:
                raise _empty(member_path(path, name))

    def schema(self) -> JsonObject:
        """The JSON Schema of the object.

        Where something is always written, that is what answers have. What
        else is there may be null.
        """
        required = list(self._given or self._needs)
        members = {name: self._member(name, told()) for name, told in self._schemas.items()}
        fixed = {name: {"const": value} for name, value in self._given.items() if name not in members}
        return {"type": "object", "properties": {**fixed, **members}, **({"required": required} if required else {})}

    def told(self) -> JsonObject:
        """The schema where the object stands in another one."""
        return {"$ref": f"{COMPONENTS}{self.name}"} if self.name else self.schema()

    def _member(self, name: str, schema: JsonObject) -> JsonObject:
        never_null = self._given[name] is not None if name in self._given else name in self._needs
        if never_null or not schema:
            return schema
        return {"anyOf": [*(schema["anyOf"] if set(schema) == {"anyOf"} else [schema]), {"type": "null"}]}

    def unread(self, value: JsonObject) -> str:
        """The member to blame when `fill` left something, for error texts."""
        return next((name for name in value if name not in self._readers), next(iter(value), ""))

    def _is_given(self, name: str, item: Any) -> bool:
        if name not in self._given:
            return False
        given = self._given[name]
        return bool(item == given) and isinstance(item, bool) == isinstance(given, bool)

    def _keep(self, message: Any, left: JsonObject) -> bool:
        if left and self._extra:
            message.extra_json = dump(left).decode()
            return True
        return not left

    def _kept(self, message: Any) -> JsonObject:
        return load_object(message.extra_json) if self._extra and message.extra_json else {}


class Variant(Shape):
    """An object whose `type` names the one member that holds the rest.

    An object of a type that is not known, or without that member, goes whole
    to `raw_json`. One that cannot be said exactly is set as far as it is
    understood and kept whole in `extra_json`: a `type` there tells the writer
    that nothing else is to be written.
    """

    def __init__(self, oneof: str, *, extra: bool, name: str = "") -> None:
        super().__init__(extra=extra, name=name)
        self._oneof = oneof
        self._fields: dict[str, Field] = {}

    def add_type(self, word: str, number: int, field: Field) -> None:
        """Teaches the shape that objects of type `word` are held by this field."""
        self._fields[word] = field

        def write(message: Any, out: JsonObject, extra: JsonObject) -> None:
            out["type"] = word
            field.write(message, out, extra)

        # A field may be read from several types; the first one is what is written.
        self._writers.setdefault(number, write)

    def fill(self, message: Any, value: JsonObject) -> bool:
        """Reads the object; see `Shape.fill`."""
        word = value.get("type")
        field = self._fields.get(word) if type(word) is str else None
        if field is None or word not in value:
            message.raw_json = dump(value).decode()
            return True
        exact = field.members[word].read(message, value[word])
        if message.WhichOneof(self._oneof) is None:
            message.raw_json = dump(value).decode()
            return True
        left = {name: item for name, item in value.items() if not self._reads(field, name, word, message, item)}
        return self._keep(message, left if exact else value)

    def write(self, message: Any) -> JsonObject:
        """The object that says what the message says."""
        extra = self._kept(message)
        out: JsonObject = {}
        if "type" not in extra:
            for field, _ in message.ListFields():
                writer = self._writers.get(field.number)
                if writer is not None:
                    writer(message, out, extra)
        out.update(extra)
        return out

    def check(self, value: JsonObject, path: str) -> None:
        """Raises `InvalidBody` if the type or, for a known type, a member is missing or wrong."""
        check_needed(value, "type", f"{path}.type")
        word = value["type"]
        if type(word) is not str:
            raise wrong_type(word, f"{path}.type", "a string")
        field = self._fields.get(word)
        if field is None:
            return
        check_needed(value, word, f"{path}.{word}", blank=True)
        for name, member in field.members.items():
            if name in value and (name == word or name not in self._fields):
                member.check(value[name], f"{path}.{name}")

    def schema(self) -> JsonObject:
        """The JSON Schema of the object: its type, and the members that the known types have."""
        members = {name: member.schema() for field in self._fields.values() for name, member in field.members.items()}
        return {"type": "object", "properties": {"type": {"type": "string"}, **members}, "required": ["type"]}

    def _reads(self, field: Field, name: str, word: str, message: Any, item: Any) -> bool:
        if name in ("type", word):
            return True
        member = field.members.get(name)
        return member is not None and name not in self._fields and member.read(message, item)


ShapeOf = Callable[[Descriptor], Shape]


def member_path(path: str, name: str) -> str:
    """The path of a member of the object at `path`; the body itself has the empty path."""
    return f"{path}.{name}" if path else name


def check_optional(kind: Kind, value: Any, path: str) -> None:
    """As `check_kind`, but null is nothing and therefore fine."""
    if value is not None:
        check_kind(kind, value, path)


def check_needed(value: JsonObject, name: str, path: str, *, blank: bool = False) -> None:
    """Raises `InvalidBody` if a required member is absent, null or, unless it may be `blank`, an empty text."""
    item = value.get(name)
    if item is None or (item == "" and not blank):
        raise InvalidBody(path, f"Missing required parameter: '{path}'.", "missing_required_parameter")


def _empty(path: str) -> InvalidBody:
    message = f"Invalid '{path}': expected an array with at least one item, but got an empty one."
    return InvalidBody(path, message, "empty_array")
