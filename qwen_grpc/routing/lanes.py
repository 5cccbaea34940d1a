"""A lane: one upstream, reached with one credential."""

from dataclasses import dataclass
from enum import StrEnum

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.upstreams.base import Upstream


class Use(StrEnum):
    """What a call uses an account for. Accounts have quotas of their own for each."""

    CHAT = "chat"
    IMAGE = "image"
    VIDEO = "video"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to an upstream.

    `label` tells it from the others, such as `official/2`, and may be shown.
    An `own` lane is the caller's own credential: it belongs to no pool.
    """

    upstream: Upstream
    credentials: Credentials
    label: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What a lane is wanted for: the upstream's id of a model, and the use. Empty means any."""

    model: str = ""
    use: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A lane that was chosen for a call, and the model as its upstream understands it."""

    lane: Lane
    model: ResolvedModel
