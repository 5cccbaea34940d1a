"""Members of a request that only DashScope has: what each looks like, and where it goes.

A caller writes them beside the fields of the contract. Those that the model
takes are sent; of the others the caller is told that they were not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.dashscope.media import is_media_url

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Extra:
    """A member: the type of its value, its choices if it is a word with a few, and whether it stands in `input`."""

    kind: type
    choices: tuple[str, ...] = ()
    in_input: bool = False
    is_url: bool = False

    @property
    def said(self) -> str:
        """What is expected, in words."""
        if self.is_url:
            return "an address (http, https or oss) or a data URL"
        return " or ".join(self.choices) or _WORDS[self.kind]

    def takes(self, value: object) -> bool:
        """Whether a value is one of these; in JSON a truth value is no number."""
        kinds = (float, int) if self.kind is float else (self.kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and self.kind is not bool):
            return False
        return value in (self.choices or (value,)) and (is_media_url(value) or not self.is_url)


@dataclass(slots=True)
class Sorted:
    """Extras by where they go, and the names of those that the model does not take."""

    input: Json = field(default_factory=dict)
    parameters: Json = field(default_factory=dict)
    unsent: list[str] = field(default_factory=list)


def sort_extras(given: Mapping[str, Any], taken: Collection[str], needed: Collection[str] = ()) -> Sorted:
    """Puts the extras in their places. Raises `InvalidParameter` for a value of another kind, and for one missing."""
    for name in needed:
        if given.get(name) is None:
            raise InvalidParameter(f"{name} is missing: this model needs {EXTRAS[name].said}", field=name)
    found = Sorted()
    for name, value in given.items():
        if name not in taken:
            found.unsent.append(name)
        elif value is not None:
            extra = EXTRAS[name]
            if not extra.takes(value):
                raise InvalidParameter(f"{name} is not {extra.said}", field=name)
            (found.input if extra.in_input else found.parameters)[name] = value
    return found


def unsent_notice(names: Collection[str], model: str) -> str:
    """What the caller is told of members that were not sent."""
    return f"not sent, since {model} has no such setting: {', '.join(sorted(names))}"


_WORDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
_FUNCTIONS = (
    "description_edit", "description_edit_with_mask", "remove_watermark", "expand", "super_resolution",
    "colorization", "doodle", "control_cartoon_feature", "stylization_all", "stylization_local",
)  # fmt: skip

EXTRAS: Mapping[str, Extra] = {
    "negative_prompt": Extra(str, in_input=True),
    "prompt_extend": Extra(bool),
    "watermark": Extra(bool),
    # Pictures
    "thinking_mode": Extra(bool),
    "bbox_list": Extra(list),
    "color_palette": Extra(list),
    "function": Extra(str, _FUNCTIONS, in_input=True),
    "mask_image_url": Extra(str, in_input=True, is_url=True),
    "strength": Extra(float),
    "upscale_factor": Extra(int),
    "is_sketch": Extra(bool),
    "top_scale": Extra(float),
    "bottom_scale": Extra(float),
    "left_scale": Extra(float),
    "right_scale": Extra(float),
    "source_lang": Extra(str, in_input=True),
    "target_lang": Extra(str, in_input=True),
    "ext": Extra(dict, in_input=True),
    # Clips
    "resolution": Extra(str),
    "ratio": Extra(str),
    "shot_type": Extra(str, ("single", "multi")),
    "audio": Extra(bool),
    "audio_setting": Extra(str, ("auto", "origin")),
    "audio_url": Extra(str, in_input=True, is_url=True),
    "video_url": Extra(str, in_input=True, is_url=True),
    "media": Extra(list, in_input=True),
    "mode": Extra(str, ("wan-std", "wan-pro")),
    "check_image": Extra(bool),
    "style": Extra(str),
}
