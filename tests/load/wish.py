"""What a load client asks of the upstream, as words in the prompt."""

import enum
import re
from dataclasses import dataclass
from typing import Self


class Act(enum.Enum):
    """What becomes of an answer."""

    SAY = "say"
    """It is given whole."""
    NO_HEAD = "nohead"
    """Nothing comes, not even a status."""
    HOLD = "hold"
    """After its deltas nothing more comes."""
    CUT = "cut"
    """After its deltas the connection ends."""
    FAIL = "fail"
    """A 500."""
    LIMIT = "limit"
    """A 429."""


WISHED = re.compile(r"load n=(\d+) us=(\d+) bytes=(\d+) act=(\w+) name=([\w-]+)")


@dataclass(frozen=True, slots=True)
class Wish:
    """So many deltas, one each `pause_us` microseconds (0: as fast as they are taken), each with so many bytes."""

    deltas: int = 1
    pause_us: int = 0
    bytes: int = 0
    act: Act = Act.SAY
    name: str = "unnamed"

    @property
    def prompt(self) -> str:
        words = f"load n={self.deltas} us={self.pause_us} bytes={self.bytes} act={self.act.value} name={self.name}"
        return f"{words} "

    @classmethod
    def read(cls, found: re.Match[str]) -> Self:
        deltas, pause_us, size, act, name = found.groups()
        return cls(int(deltas), int(pause_us), int(size), Act(act), name)
