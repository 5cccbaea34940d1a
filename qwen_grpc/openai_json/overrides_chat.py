"""Where OpenAI's chat messages and ours differ: content, parts, media, and objects that we hold flat."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from qwen_grpc.openai_json.fields import checked, default_field, fields_of, nested, repeated, scalar
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.openai_json.kinds import BYTE_LIST, STRING, base64_text, check_kind, exact_base64, wrong_type
from qwen_grpc.openai_json.shapes import Always, Field, Member, Schema, Shape, ShapeOf, check_optional, nothing

FieldRule = Callable[[FieldDescriptor, ShapeOf], Field]

_TEXT = dict(STRING.schema)


def renamed(name: str) -> FieldRule:
    """The default rule under another name."""
    return lambda field, shape_of: default_field(field, shape_of, name)


def content(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """`content` is a string, or a list of parts that goes to the field `parts`."""
    text = default_field(field, shape_of)
    as_text = text.members["content"]
    as_parts = default_field(sibling(field, "parts"), shape_of, "content").members["content"]

    def read(message: Any, value: Any) -> bool:
        return (as_parts if type(value) is list else as_text).read(message, value)

    def check(value: Any, path: str) -> None:
        if type(value) is list:
            as_parts.check(value, path)
        elif value is not None and type(value) is not str:
            raise wrong_type(value, path, "a string or an array of parts")

    return Field({"content": Member(read, check, either(as_text, as_parts))}, text.write)


def parts(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """Written as `content`, which also reads them."""
    return Field({}, default_field(field, shape_of, "content").write)


def reasoning_content(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """Clients that took the thinking as `reasoning` send it back under that name."""
    usual = default_field(field, shape_of)

    def adopt(message: Any, left: JsonObject) -> None:
        if "reasoning" not in left:
            return
        if message.HasField("reasoning_content"):
            left.setdefault("reasoning_content", message.reasoning_content)
        else:
            usual.members["reasoning_content"].read(message, left["reasoning"])

    def write(message: Any, out: JsonObject, extra: JsonObject) -> None:
        if "reasoning" not in extra:
            usual.write(message, out, extra)

    return Field(usual.members, write, adopt)


def inline(name: str, held: Sequence[str], always: Always = nothing) -> FieldRule:
    """The member `name` is an object; the fields `held` of the message around it hold its members.

    As nothing says whether the object was there, it is held exactly only if it
    has all of the members of `always` and at least one that a field shows.
    """

    def rule(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
        shape = Shape(always=always)
        numbers = set()
        for attribute in held:
            shape.add(sibling(field, attribute).number, default_field(sibling(field, attribute), shape_of))
            numbers.add(sibling(field, attribute).number)

        def read(message: Any, value: Any) -> bool:
            if type(value) is not dict or not shape.fill(message, value):
                return False
            shown = any(one.number in numbers for one, _ in message.ListFields())
            return shown and always().keys() <= value.keys()

        def write(message: Any, out: JsonObject, _: JsonObject) -> None:
            out[name] = shape.write(message)

        return Field({name: Member(read, checked(shape), shape.told)}, write)

    return rule


def image_media(_: FieldDescriptor, __: ShapeOf) -> Field:
    """`image_url.url`: an address, or a data: URL that is decoded here once."""
    return media_text("url", put_url, show_url, of=lambda part: part.media)


def audio_media(_: FieldDescriptor, __: ShapeOf) -> Field:
    """`input_audio.data`: base64, or what DashScope takes there too: a URL of either kind."""
    return media_text("data", put_content, show_content, of=lambda part: part.media)


def file(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """`file` holds `file_data` or `file_id`, and `filename`."""
    media = fields_of(field)
    file_data = media_text("file_data", put_content, show_content, of=lambda media: media)
    shape = Shape()
    shape.add(media["data"].number, file_data)
    shape.add(media["url"].number, file_data)
    shape.add(media["file_id"].number, default_field(media["file_id"], shape_of))
    shape.add(media["filename"].number, default_field(media["filename"], shape_of))
    return nested(field, "file", shape)


def video(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """`video_url` holds an address; Qwen's `video` an address or a list of frames; `fps` stands beside either."""
    inner = fields_of(field)
    shape = Shape(needs=("url",))
    shape.add(inner["media"].number, media_text("url", put_url, show_url, of=lambda part: part.media))
    address = nested(field, "video_url", shape)
    fps = default_field(inner["fps"], shape_of)

    def write(message: Any, out: JsonObject, extra: JsonObject) -> None:
        if message.video.frames:
            out["type"] = "video"
            out["video"] = [show_url(frame) for frame in message.video.frames]
        else:
            address.write(message, out, extra)
        if message.video.HasField("fps"):
            fps.write(message.video, out, extra)

    rate = fps.members["fps"]
    beside = Member(lambda message, value: rate.read(message.video, value), rate.check, rate.schema)
    frames = Member(_read_video, _check_video, lambda: {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]})
    return Field({**address.members, "video": frames, "fps": beside}, write)


def token_bytes(field: FieldDescriptor, _: ShapeOf) -> Field:
    """`bytes` is a list of integers."""
    return scalar(field, "bytes", BYTE_LIST)


def top_logprobs(field: FieldDescriptor, shape_of: ShapeOf) -> Field:
    """The alternatives of a token look like the token, but have no alternatives themselves."""
    token = fields_of(field)
    shape = Shape(always=lambda: {"token": "", "logprob": 0.0, "bytes": None}, extra=True)
    shape.add(token["token"].number, default_field(token["token"], shape_of))
    shape.add(token["logprob"].number, default_field(token["logprob"], shape_of))
    shape.add(token["utf8"].number, token_bytes(token["utf8"], shape_of))
    return repeated(field, "top_logprobs", shape)


def either(*members: Member) -> Schema:
    """The schema of a member that is one of these."""
    return lambda: {"anyOf": [member.schema() for member in members]}


def sibling(field: FieldDescriptor, name: str) -> FieldDescriptor:
    """Another field of the same message."""
    message = field.containing_type
    if message is None:
        raise TypeError(f"{field.full_name} belongs to no message")
    return message.fields_by_name[name]


def media_text(
    name: str, put: Callable[[Any, str], None], show: Callable[[Any], str], *, of: Callable[[Any], Any]
) -> Field:
    """A member that is the text of a `Media`; `of` finds that message. `put` raises `ValueError` for other text."""

    def read(message: Any, value: Any) -> bool:
        media = of(message)
        if type(value) is not str or media.WhichOneof("source"):
            return False
        try:
            put(media, value)
        except ValueError:
            return False
        return True

    def write(message: Any, out: JsonObject, _: JsonObject) -> None:
        media = of(message)
        if media.WhichOneof("source") == "file_id":
            out["file_id"] = media.file_id
        else:
            out[name] = show(media)

    return Field({name: Member(read, lambda value, path: check_optional(STRING, value, path), lambda: _TEXT)}, write)


def put_url(media: Any, text: str) -> None:
    """Takes an address, or the content of a data: URL if encoding it gives the same text again."""
    head, mark, tail = text.partition(";base64,")
    mime_type = head.removeprefix("data:")
    if mark and mime_type and mime_type != head and head.isascii():
        data = exact_base64(tail)
        if data is not None:
            media.data, media.mime_type = data, mime_type
            return
    media.url = text


def show_url(media: Any) -> str:
    """The inverse of `put_url`."""
    if media.WhichOneof("source") == "data":
        return f"data:{media.mime_type};base64,{base64_text(media.data)}"
    return str(media.url)


def put_content(media: Any, text: str) -> None:
    """Takes bare base64, or a URL."""
    data = exact_base64(text)
    if data:
        media.data = data
    elif text.startswith(("data:", "http://", "https://")):
        put_url(media, text)
    else:
        raise ValueError("expected base64 or a URL")


def show_content(media: Any) -> str:
    """The inverse of `put_content`: what came without a media type was bare base64."""
    bare = media.WhichOneof("source") == "data" and not media.mime_type
    return base64_text(media.data) if bare else show_url(media)


def _read_video(message: Any, value: Any) -> bool:
    # One address as `video` is another spelling of `video_url`: understood, and kept as it was.
    frames = value if type(value) is list else [value]
    if not frames or any(type(frame) is not str for frame in frames):
        return False
    part = message.video
    try:
        for frame in frames:
            put_url(part.media if frames is not value else part.frames.add(), frame)
    except ValueError:
        message.ClearField("video")
        return False
    return frames is value


def _check_video(value: Any, path: str) -> None:
    if type(value) is list:
        for index, frame in enumerate(value):
            check_kind(STRING, frame, f"{path}[{index}]")
    elif value is not None and type(value) is not str:
        raise wrong_type(value, path, "a string or an array of strings")
