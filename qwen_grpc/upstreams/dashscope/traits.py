"""What is known of a chat model of DashScope."""

from dataclasses import dataclass
from enum import Enum


class Thinking(Enum):
    """Whether a model thinks when nobody says whether it shall."""

    ON = "on"
    OFF = "off"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a chat model takes: most tokens in and out (0 is not known), its kinds of input, and what it can do.

    `inputs` are of `tiva`: text, images, video, audio. `can` are of `TSJXERNFM`:
    T calls tools, S searches, J answers in JSON, X follows a JSON schema, E has
    its own words for efforts, R reads earlier thinking, N knows `n` and
    `logit_bias`, F reads files, M takes `metadata`.
    """

    context: int = 0
    output: int = 0
    inputs: str = "t"
    thinking: Thinking = Thinking.NEVER
    can: str = ""

    @property
    def sees(self) -> bool:
        """Whether it takes more than text; then its native path is another one."""
        return self.inputs != "t"


ON, OFF, ALWAYS, NEVER = Thinking
