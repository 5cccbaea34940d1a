"""A route of a face as a value, so that adding one is adding a line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from qwen_grpc.simulator.replies import Answer

Respond = Callable[..., Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with the coroutine that takes (simulator, request, **path values).

    It returns the whole answer, or None when it has already sent one itself. With `streamed` it reads the body itself.
    """

    method: str
    path: str
    respond: Respond
    streamed: bool = False
