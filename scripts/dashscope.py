"""Rows of the tables about the official API: its models, what each takes, and what is changed on the way there."""

from collections.abc import Iterator, Sequence

from qwen_grpc.upstreams.dashscope.image_models import IMAGE_MODELS, ImageModel
from qwen_grpc.upstreams.dashscope.messages import ANYWHERE as EACH_MESSAGE
from qwen_grpc.upstreams.dashscope.messages import BY_MODEL as EACH_MESSAGE_BY_MODEL
from qwen_grpc.upstreams.dashscope.models import TRAITS
from qwen_grpc.upstreams.dashscope.parameters import ANYWHERE, BY_MODEL
from qwen_grpc.upstreams.dashscope.traits import Traits
from qwen_grpc.upstreams.dashscope.video_models import VIDEO_MODELS, VideoModel, lengths

Row = Sequence[str]


def models() -> Iterator[Row]:
    """The chat models of DashScope, and what each takes."""
    yield ("model", "reads", "thinks", "tools", "search", "JSON", "tokens in all", "tokens of an answer")
    for id_, row in TRAITS.items():
        tools, search = ("yes" if letter in row.can else "" for letter in "TS")
        able = (row.thinking.value, tools, search, _json(row))
        yield (_code(id_), _read(row), *able, _many(row.context), _many(row.output))


def _read(row: Traits) -> str:
    kinds = {"t": "text", "i": "images", "v": "clips", "a": "sound"}
    return ", ".join([*(kinds[letter] for letter in row.inputs), *(["documents"] if "F" in row.can else [])])


def _json(row: Traits) -> str:
    return "by a schema" if "X" in row.can else "object" if "J" in row.can else ""


def _many(count: int) -> str:
    return f"{count:,}" if count else ""


def rules() -> Iterator[Row]:
    """What is changed of a chat request on its way to DashScope."""
    yield ("of", "rule", "what it does")
    named = (("messages", (*EACH_MESSAGE, *EACH_MESSAGE_BY_MODEL)), ("parameters", (*ANYWHERE, *BY_MODEL)))
    for what, written in named:
        for rule in written:
            yield (what, _code(rule.__name__), " ".join((rule.__doc__ or "").split()))


def images() -> Iterator[Row]:
    """The models of DashScope that make pictures, and what each takes."""
    yield ("model", "from", "at once", "pictures to begin from", "`size`", "without one", "members of its own")
    for id_, row in IMAGE_MODELS.items():
        yield (_code(id_), _origin(row), str(row.at_once), _span(row.inputs), _sizes(row), row.default, _own(row))


def _origin(row: ImageModel) -> str:
    words = (["words"] if row.generates else []) + (["pictures"] if row.edits else [])
    return " or ".join(words) + ("" if row.protocol.waits else ", as a task")


def _sizes(row: ImageModel) -> str:
    return f"{row.sizes}; with pictures {row.edited}" if row.edited else str(row.sizes)


def videos() -> Iterator[Row]:
    """The models of DashScope that make clips, and what each takes."""
    yield ("model", "pictures to begin from", "`size`", "`seconds`", "members of its own")
    for id_, row in VIDEO_MODELS.items():
        yield (_code(id_), _pictures(row), str(row.shape), lengths(row.seconds), _own(row))


def _pictures(row: VideoModel) -> str:
    frames = {0: [], 1: ["the first frame"], 2: ["the first frame, with or without the last"]}[row.frames]
    references = [f"{_span((row.least or 1, row.references))} references"] if row.references else []
    words = " or ".join([*frames, *references])
    return words if row.least or not words else f"none, or {words}"


def _own(row: ImageModel | VideoModel) -> str:
    roles = ", ".join(map(_code, row.roles)) if isinstance(row, VideoModel) else ""
    notes = {"media": f" of {roles}", **dict.fromkeys(row.needs, " (needed)")}
    if "media" in row.needs:
        notes["media"] = f" (needed) of {roles}"
    return ", ".join(_code(name) + notes.get(name, "") for name in row.extras)


def _span(bounds: tuple[int, int]) -> str:
    first, last = bounds
    return str(first) if first == last else f"{first} to {last}"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
