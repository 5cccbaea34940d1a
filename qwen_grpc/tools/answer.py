"""Answers with calls as text, turned into answers with calls."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from qwen_grpc.answering import Messages
from qwen_grpc.errors import QwenError
from qwen_grpc.tools.parser import ToolParser
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, FINISH_REASON_TOOL_CALLS, ChatDelta, StreamChatResponse


async def with_calls(messages: Messages, *, parallel: bool) -> AsyncGenerator[StreamChatResponse, None]:
    """The messages of an answer with calls where their text was. What was held when an answer breaks off is told."""
    calling = Calling(lambda: ToolParser(parallel=parallel))
    async with aclosing(messages):
        try:
            async for message in messages:
                calling.take(message)
                if message.ListFields():
                    yield message
        except QwenError:
            if rest := calling.rest():
                yield StreamChatResponse(deltas=rest)
            raise


class Calling:
    """Takes the messages of one answer as they come, and puts calls where their text was.

    Each choice is read by a parser of its own; `new_parser` makes them. A
    server that tells a call by itself is one that parses, so from then on its
    text is text.
    """

    def __init__(self, new_parser: Callable[[], ToolParser] = ToolParser) -> None:
        self._new_parser = new_parser
        self._parsers: dict[int, ToolParser] = {}
        self._parsed: set[int] = set()

    def take(self, message: StreamChatResponse) -> None:
        """Rewrites a message; it may have nothing left to say."""
        deltas = [step for delta in message.deltas for step in self._steps(delta)]
        del message.deltas[:]
        message.deltas.extend(deltas)

    def rest(self) -> list[ChatDelta]:
        """What was held back when an answer broke off."""
        return [step for index in sorted(self._parsers) for step in self._finished(index)]

    def _steps(self, delta: ChatDelta) -> list[ChatDelta]:
        steps: list[ChatDelta] = []
        if delta.tool_calls and delta.index not in self._parsed:
            self._parsed.add(delta.index)
            steps = self._finished(delta.index)
        if delta.index in self._parsed:
            return [*steps, delta]
        if delta.HasField("content"):
            steps = _at(delta.index, self._parser(delta.index).feed(delta.content))
            delta.ClearField("content")
        if delta.finish_reason:
            steps += self._finished(delta.index)
            if delta.finish_reason == FINISH_REASON_STOP and self._parser(delta.index).calls:
                delta.finish_reason = FINISH_REASON_TOOL_CALLS
            return [*steps, delta]
        return _together(delta, steps)

    def _parser(self, index: int) -> ToolParser:
        if index not in self._parsers:
            self._parsers[index] = self._new_parser()
        return self._parsers[index]

    def _finished(self, index: int) -> list[ChatDelta]:
        return _at(index, self._parser(index).finish())


def _at(index: int, steps: list[ChatDelta]) -> list[ChatDelta]:
    for step in steps:
        step.index = index
    return steps


def _together(delta: ChatDelta, steps: list[ChatDelta]) -> list[ChatDelta]:
    """What else the delta says goes with its first step."""
    said = {field.name for field, _ in delta.ListFields()} - {"index"}
    if not said:
        return steps
    if steps:
        delta.MergeFrom(steps[0])
    return [delta, *steps[1:]]
