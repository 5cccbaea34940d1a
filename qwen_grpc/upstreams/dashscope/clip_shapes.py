"""Frame sizes of clips: from what a caller writes to `size`, or to `resolution` and `ratio`.

The pixels are those of the documentation of spring 2026. Newer models take a
resolution and a ratio, older ones one of these sizes; models that begin from a
picture take its ratio.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.dashscope.sizes import AUTO, Frame, Listed, frame_of, impossible, ratio_of

P480, P720, P1080 = "480P", "720P", "1080P"

FRAMES: Mapping[str, Mapping[str, Frame]] = {
    P480: {"16:9": Frame(832, 480), "9:16": Frame(480, 832), "1:1": Frame(624, 624)},
    P720: {
        "16:9": Frame(1280, 720),
        "9:16": Frame(720, 1280),
        "1:1": Frame(960, 960),
        "4:3": Frame(1088, 832),
        "3:4": Frame(832, 1088),
    },
    P1080: {
        "16:9": Frame(1920, 1080),
        "9:16": Frame(1080, 1920),
        "1:1": Frame(1440, 1440),
        "4:3": Frame(1632, 1248),
        "3:4": Frame(1248, 1632),
    },
}
# What the models of 2.7 make of the same ratios.
OTHERS: Mapping[Frame, tuple[str, str]] = {
    Frame(1104, 832): (P720, "4:3"),
    Frame(832, 1104): (P720, "3:4"),
    Frame(1648, 1248): (P1080, "4:3"),
    Frame(1248, 1648): (P1080, "3:4"),
}


class Shape(Protocol):
    """How a model is told the size of a clip. As text it is what errors and the documentation say of it."""

    @property
    def members(self) -> Sequence[str]:
        """The parameters that a caller may set by their own names as well."""

    def fit(self, size: str) -> dict[str, str]:
        """The parameters for a caller's size; none leave it to the model. Raises `InvalidParameter`."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """One of the sizes of some resolutions, the last of which is what the model makes unless told otherwise."""

    resolutions: Sequence[str]

    @property
    def members(self) -> Sequence[str]:
        """See `Shape`."""
        return ()

    @property
    def _frames(self) -> Listed:
        return Listed([frame for name in reversed(self.resolutions) for frame in FRAMES[name].values()])

    def __str__(self) -> str:
        return str(self._frames)

    def fit(self, size: str) -> dict[str, str]:
        """See `Shape.fit`."""
        if size.upper() in self.resolutions:
            return {"size": str(FRAMES[size.upper()]["16:9"])}
        fitting = self._frames.fit(size)
        return {"size": fitting} if fitting else {}


@dataclass(frozen=True, slots=True)
class Resolutions:
    """A resolution, and a ratio if there are any to choose from; otherwise the picture decides."""

    resolutions: Sequence[str]
    ratios: Sequence[str] = ()

    @property
    def members(self) -> Sequence[str]:
        """See `Shape`."""
        return ("resolution", "ratio") if self.ratios else ("resolution",)

    def __str__(self) -> str:
        rest = f"; ratios {', '.join(self.ratios)}" if self.ratios else "; the ratio is that of the picture"
        return ", ".join(self.resolutions) + rest

    def fit(self, size: str) -> dict[str, str]:
        """See `Shape.fit`."""
        if size in AUTO:
            return {}
        if size.upper() in self.resolutions:
            return {"resolution": size.upper()}
        resolution, ratio = ("", size) if size in self.ratios else _named(size)
        if (resolution and resolution not in self.resolutions) or ratio not in (self.ratios or (ratio,)):
            raise impossible(size, self)
        if not self.ratios:
            return self._without_ratio(size, resolution)
        return {**({"resolution": resolution} if resolution else {}), "ratio": ratio}

    def _without_ratio(self, size: str, resolution: str) -> dict[str, str]:
        if not resolution:
            raise impossible(size, self)
        return {"resolution": resolution}


@dataclass(frozen=True, slots=True)
class Fixed:
    """Nothing can be chosen: the clip is as large as what it begins from."""

    @property
    def members(self) -> Sequence[str]:
        """See `Shape`."""
        return ()

    def __str__(self) -> str:
        return "no size, since the clip is as large as what it begins from"

    def fit(self, size: str) -> dict[str, str]:
        """See `Shape.fit`."""
        if size not in AUTO:
            raise impossible(size, self)
        return {}


def _named(size: str) -> tuple[str, str]:
    """The resolution and the ratio that a size means; a ratio alone has no resolution, anything else neither."""
    if ratio_of(size):
        return "", size
    frame = frame_of(size)
    if frame and frame in OTHERS:
        return OTHERS[frame]
    found = ((name, ratio) for name, frames in FRAMES.items() for ratio, one in frames.items() if one == frame)
    return next(found, ("", ""))


def check_member(name: str, value: str, choices: Sequence[str]) -> None:
    """Raises `InvalidParameter` for a resolution or a ratio that a model does not have."""
    if value not in choices:
        raise InvalidParameter(f"{name} is {value[:20]!r}: this model takes {', '.join(choices)}", field=name)
