"""Tool calls, put together from the fragments that servers send."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.tools.parser import call_id
from qwen_grpc.upstreams.openai_wire.chunks import CallPart
from qwen_grpc.v1.chat_pb2 import ToolCallDelta


@dataclass(slots=True)
class Called:
    """A call so far. Its arguments wait in `held` until its name is known."""

    index: int
    id: str = ""
    name: str = ""
    held: str = ""


class Calls:
    """The calls of one choice, by index: id and name of each stand on its first step, and on no other.

    Later fragments may repeat the id, leave it empty or leave the name out.
    Some servers say index 0 of every call, so another id together with a name
    begins another call. A server that gives no ids gets ids of ours, since a
    call without one cannot be answered.
    """

    def __init__(self, new_id: Callable[[], str] = call_id) -> None:
        self._new_id = new_id
        self._latest: dict[int, Called] = {}
        self._count = 0

    @property
    def nameless(self) -> bool:
        """Whether a call was begun and never named."""
        return any(not call.name for call in self._latest.values())

    def take(self, part: CallPart) -> ToolCallDelta | None:
        """The step that a fragment is; None while its name is not known, and for one that adds nothing."""
        call = self._call(part)
        arguments = _text(part.function.arguments)
        if call.name:
            return ToolCallDelta(index=call.index, arguments=arguments) if arguments else None
        call.id, call.name, call.held = call.id or part.id, part.function.name, call.held + arguments
        if not call.name:
            return None
        call.id = call.id or self._new_id()
        return ToolCallDelta(index=call.index, id=call.id, name=call.name, arguments=call.held, type=part.type)

    def _call(self, part: CallPart) -> Called:
        call = self._latest.get(part.index)
        if call is None or (part.function.name and part.id and call.name and part.id != call.id):
            call = self._latest[part.index] = Called(self._count)
            self._count += 1
        return call


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else dump(arguments).decode()
