"""A whole answer that nobody has seen yet."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Literal

from qwen_grpc.answering import Messages
from qwen_grpc.emulation.form import unfenced
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, Annotation, ChatDelta, StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

OPTIONAL_COUNTS: Sequence[Literal["cached_tokens", "reasoning_tokens"]] = ("cached_tokens", "reasoning_tokens")


async def held(messages: Messages) -> "Held":
    """An answer, when it is whole."""
    answer = Held()
    async with aclosing(messages):
        async for message in messages:
            answer.take(message)
    return answer


class Held:
    """An answer with one choice.

    `exempt` answers say of themselves that they are not what was asked for:
    they call tools, decline, or were cut by a limit or a filter.
    """

    def __init__(self) -> None:
        self.exempt = False
        self.usage: Usage | None = None
        self.message_id = ""
        self._messages: list[StreamChatResponse] = []
        self._texts: list[str] = []

    @property
    def text(self) -> str:
        """What was written."""
        return "".join(self._texts)

    @property
    def shown(self) -> str:
        """What is told of that: without a code block around it."""
        return unfenced(self.text)

    def take(self, message: StreamChatResponse) -> None:
        """Takes the next message of the answer."""
        self._messages.append(message)
        self.message_id = message.start.conversation.message_id or self.message_id
        if message.HasField("usage"):
            self.usage = message.usage
        for delta in message.deltas:
            self._texts.append(delta.content)
            other = delta.finish_reason not in (0, FINISH_REASON_STOP)
            self.exempt = self.exempt or other or bool(delta.tool_calls or delta.refusal)

    def told(self) -> Iterator[StreamChatResponse]:
        """The messages of the answer; all content comes at once, where it began."""
        if not self.exempt:
            self._rewrite()
        for message in self._messages:
            message.ClearField("usage")
        if self.usage is not None:
            self._messages[-1].usage.CopyFrom(self.usage)
        yield from (message for message in self._messages if message.ListFields())

    def _rewrite(self) -> None:
        rest = shown = self.shown
        moved = self.text.find(shown)
        for message in self._messages:
            deltas = list(message.deltas)
            del message.deltas[:]
            for delta in deltas:
                if delta.HasField("content"):
                    delta.content, rest = rest, ""
                    _clear_empty(delta)
                for annotation in delta.annotations:
                    _move(annotation.url_citation, moved, len(shown))
            message.deltas.extend(delta for delta in deltas if delta.ListFields())


def _clear_empty(delta: ChatDelta) -> None:
    if not delta.content:
        delta.ClearField("content")


def _move(citation: Annotation.UrlCitation, by: int, size: int) -> None:
    """Lets a citation stand where its mark is now, within the content."""
    citation.start_index = min(max(0, citation.start_index - by), size)
    citation.end_index = min(max(0, citation.end_index - by), size)


def summed(first: Usage | None, second: Usage | None) -> Usage | None:
    """What two answers cost; unknown when that of one is."""
    if first is None or second is None:
        return None
    total = Usage(
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        total_tokens=first.total_tokens + second.total_tokens,
        estimated=first.estimated or second.estimated,
    )
    for name in OPTIONAL_COUNTS:
        if first.HasField(name) and second.HasField(name):
            setattr(total, name, getattr(first, name) + getattr(second, name))
    return total
