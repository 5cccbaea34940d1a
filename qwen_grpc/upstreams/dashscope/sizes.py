"""Sizes: from what a caller writes to what a model takes.

A caller writes `1024x1024`, a ratio such as `16:9`, a name such as `2K`, or
`auto`. DashScope writes `1024*1024`, and each model has a rule of its own.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from qwen_grpc.errors import InvalidParameter

AUTO = ("", "auto")
# Sides of pictures are multiples of this; models round what is not.
STEP = 16
# How far a size of a list may be from the ratio that was asked for.
TOLERANCE = 0.05

_pixels = re.compile(r"(\d{1,5})[xX*\u00d7](\d{1,5})")
_ratio = re.compile(r"(\d{1,3}):(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Frame:
    """Width and height in pixels; as text the way DashScope writes them."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}*{self.height}"

    @property
    def ratio(self) -> float:
        """Width over height."""
        return self.width / self.height

    @property
    def area(self) -> int:
        """The number of pixels."""
        return self.width * self.height


def frame_of(size: str) -> Frame | None:
    """The pixels that a size says, or None when it says something else."""
    found = _pixels.fullmatch(size)
    width, height = map(int, found.groups()) if found else (0, 0)
    return Frame(width, height) if width and height else None


def ratio_of(size: str) -> float | None:
    """Width over height of a size such as `16:9`, or None when it says something else."""
    found = _ratio.fullmatch(size)
    width, height = map(int, found.groups()) if found else (0, 0)
    return width / height if width and height else None


class SizeRule(Protocol):
    """Which sizes a model makes. As text it is what errors and the documentation say of it."""

    def fit(self, size: str) -> str:
        """What to send for a caller's size; empty leaves it to the model. Raises `InvalidParameter`."""


@dataclass(frozen=True, slots=True)
class AsGiven:
    """The size cannot be chosen: it is that of the picture that came with the request."""

    def __str__(self) -> str:
        return "no size, since the result is as large as the picture that is sent"

    def fit(self, size: str) -> str:
        """See `SizeRule.fit`."""
        if size not in AUTO:
            raise impossible(size, self)
        return ""


@dataclass(frozen=True, slots=True)
class Listed:
    """These sizes and no others; the first that has the ratio is taken for a ratio."""

    frames: Sequence[Frame]

    def __str__(self) -> str:
        return ", ".join(map(str, self.frames))

    def fit(self, size: str) -> str:
        """See `SizeRule.fit`."""
        if size in AUTO:
            return ""
        frame, ratio = frame_of(size), ratio_of(size)
        if frame in self.frames:
            return str(frame)
        nearest = min(self.frames, key=lambda one: _distance(one.ratio, ratio or math.inf))
        if ratio is None or _distance(nearest.ratio, ratio) > TOLERANCE:
            raise impossible(size, self)
        return str(nearest)


@dataclass(frozen=True, slots=True)
class Area:
    """Any width and height with so many pixels, given as the sides of squares.

    `usual` is the square whose pixels a ratio is given, `longest` bounds the
    longer side over the shorter one, `sides` each side. `names` are sizes with
    a name, which keep the ratio of the picture that was sent.
    """

    least: int
    most: int
    usual: int
    longest: float = math.inf
    sides: tuple[int, int] | None = None
    names: Sequence[str] = ()

    def __str__(self) -> str:
        words = [f"{self.least}*{self.least} to {self.most}*{self.most} pixels in all"]
        if self.sides:
            words = [f"sides of {self.sides[0]} to {self.sides[1]} pixels"]
        if self.longest < math.inf:
            words.append(f"ratios of 1:{self.longest:g} to {self.longest:g}:1")
        return " or ".join([", ".join(self.names), ", ".join(words)] if self.names else [", ".join(words)])

    def fit(self, size: str) -> str:
        """See `SizeRule.fit`."""
        if size in AUTO:
            return ""
        if size.upper() in self.names:
            return size.upper()
        frame, ratio = frame_of(size), ratio_of(size)
        if frame is None and ratio is not None:
            frame = self._nearest(ratio)
        if frame is None or not self._allows(frame):
            raise impossible(size, self)
        return str(frame)

    def _allows(self, frame: Frame) -> bool:
        first, last = self.sides or (1, self.most * self.most)
        sides = all(first <= side <= last for side in (frame.width, frame.height))
        longest = max(frame.ratio, 1 / frame.ratio) <= self.longest
        return self.least**2 <= frame.area <= self.most**2 and sides and longest

    def _nearest(self, ratio: float) -> Frame | None:
        """The size that is near to a ratio and to the usual number of pixels; upright ones are lying ones turned."""
        lying = max(ratio, 1 / ratio)
        frame = min(self._near(lying), key=lambda one: self._cost(one, lying), default=None)
        return Frame(frame.height, frame.width) if frame and ratio < 1 else frame

    def _near(self, ratio: float) -> Iterator[Frame]:
        height = math.sqrt(self.usual**2 / ratio)
        for rows in range(max(1, int(height * 0.8 / STEP)), int(height * 1.25 / STEP) + 2):
            frame = Frame(max(1, round(rows * ratio)) * STEP, rows * STEP)
            if self._allows(frame):
                yield frame

    def _cost(self, frame: Frame, ratio: float) -> float:
        return 4 * _distance(frame.ratio, ratio) + _distance(frame.area, self.usual**2)


def impossible(size: str, rule: object) -> InvalidParameter:
    """The one text about a size that a model does not make."""
    return InvalidParameter(f"size is {size[:40]!r}: this model takes {rule}", field="size")


def _distance(one: float, other: float) -> float:
    """How far apart two positive numbers are, as a part of the larger one."""
    return 1 - min(one, other) / max(one, other)
