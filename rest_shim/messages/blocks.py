"""The content blocks of a streamed message, written one after the other.

Deltas may come in any order: a call of a tool may go on after the next one
has begun. Clients read blocks one at a time, so what belongs to a later block
waits until the block before it is over.
"""

from collections import deque
from collections.abc import Iterator

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1.chat_pb2 import ToolCallDelta
from rest_shim.messages.write import arguments, text_block, thinking_block, tool_block

Event = tuple[str, JsonObject]


class Block:
    """Text or thinking. It is over as soon as anything else is said."""

    def __init__(self, opening: JsonObject) -> None:
        self.opening = opening
        self.begun = False
        self.waiting: list[JsonObject] = []

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return True


class Call(Block):
    """A call of a tool. It is over when its arguments are a whole JSON object."""

    def __init__(self, opening: JsonObject) -> None:
        super().__init__(opening)
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Takes the next piece of the arguments."""
        if piece:
            self._pieces.append(piece)
            self.waiting.append({"type": "input_json_delta", "partial_json": piece})

    @property
    def over(self) -> bool:
        """Whether nothing more can come; arguments are looked at only when they may have ended."""
        return bool(self._pieces) and self._pieces[-1].rstrip().endswith("}") and self.is_sound

    @property
    def is_sound(self) -> bool:
        """Whether the arguments are what they must be."""
        return arguments("".join(self._pieces)) is not None


class Blocks:
    """The blocks that have not ended, the first of which is being written."""

    def __init__(self) -> None:
        self._queue: deque[Block] = deque()
        self._calls: dict[int, Call] = {}
        self._index = 0

    @property
    def called(self) -> bool:
        """Whether the model called a tool."""
        return bool(self._calls)

    @property
    def is_sound(self) -> bool:
        """Whether every call has arguments that can be read."""
        return all(call.is_sound for call in self._calls.values())

    def add_text(self, piece: str) -> None:
        """Adds a piece of text."""
        self._last(text_block("")).waiting.append({"type": "text_delta", "text": piece})

    def add_thinking(self, piece: str) -> None:
        """Adds a piece of thinking."""
        self._last(thinking_block("")).waiting.append({"type": "thinking_delta", "thinking": piece})

    def add_citation(self, citation: JsonObject) -> None:
        """Adds a page that the text cites."""
        self._last(text_block("")).waiting.append({"type": "citations_delta", "citation": citation})

    def add_call(self, step: ToolCallDelta) -> None:
        """Adds a step of a call."""
        call = self._calls.get(step.index)
        if call is None:
            call = self._calls[step.index] = Call(tool_block(step.id, step.name, {}))
            self._queue.append(call)
        call.add(step.arguments)

    def events(self, *, ended: bool = False) -> Iterator[Event]:
        """What can be written now; all of it when the answer has `ended`."""
        while self._queue:
            block = self._queue[0]
            yield from self._said(block)
            if not ended and (len(self._queue) == 1 or not block.over):
                return
            yield "content_block_stop", {"index": self._index}
            self._queue.popleft()
            self._index += 1

    def _said(self, block: Block) -> Iterator[Event]:
        if not block.begun:
            block.begun = True
            yield "content_block_start", {"index": self._index, "content_block": block.opening}
        for delta in block.waiting:
            yield "content_block_delta", {"index": self._index, "delta": delta}
        block.waiting.clear()

    def _last(self, opening: JsonObject) -> Block:
        """The last block if it is of this kind, else a new one."""
        if not self._queue or self._queue[-1].opening["type"] != opening["type"]:
            self._queue.append(Block(opening))
        return self._queue[-1]
