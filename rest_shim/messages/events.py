"""The streaming writer: deltas to Anthropic's events."""

from collections.abc import Iterable

from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.v1.chat_pb2 import ChatDelta, StreamChatResponse, StreamStart
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.errors import HttpError
from rest_shim.messages.blocks import Blocks
from rest_shim.messages.errors import failure_body
from rest_shim.messages.write import CUT, Wish, broken_call, citations, ending, opening, written_usage
from rest_shim.sse import named_frame


def event(name: str, members: JsonObject) -> bytes:
    """One event; its name stands on a line of its own and in the JSON, and clients look at either."""
    return named_frame(name, dump({"type": name, **members}))


PING = event("ping", {})


class Events:
    """The dialect of `/v1/messages`."""

    def __init__(self, wish: Wish, request_id: str) -> None:
        self._wish = wish
        self._request_id = request_id

    def opened(self, start: StreamStart) -> "EventWriter":
        """The writer of an answer that has begun."""
        return EventWriter(start, self._wish, self._request_id)

    def failed(self, error: HttpError) -> bytes:
        """One event `error`."""
        return event("error", failure_body(error, self._request_id))


class EventWriter:
    """Writes one stream as events.

    The counts are known at the end only: `message_start` has zeros, and
    `message_delta` tells all of them.
    """

    def __init__(self, start: StreamStart, wish: Wish, request_id: str) -> None:
        self._wish = wish
        self._request_id = request_id
        self._first = event("message_start", {"message": opening(start.id, start.model)})
        self._blocks = Blocks()
        self._usage = Usage()
        self._last = ChatDelta()

    def write(self, response: StreamChatResponse) -> bytes:
        """All events of one message; empty if it says nothing that Anthropic's clients know."""
        for delta in response.deltas:
            # Nobody can ask for a second choice here.
            if delta.index == 0:
                self._take(delta)
        if response.HasField("usage"):
            self._usage = response.usage
        first, self._first = self._first, b""
        return first + _joined(self._blocks.events())

    async def end(self) -> bytes:
        """Closes the blocks, says why the answer ended and what it cost."""
        if not self._blocks.is_sound and self._last.finish_reason not in CUT:
            return _joined(self._blocks.events()) + self.failed(broken_call())
        called = self._blocks.called
        stop = ending(self._last.finish_reason, self._last.extra_json, self._wish, called=called)
        delta = event("message_delta", {"delta": stop, "usage": written_usage(self._usage)})
        return _joined(self._blocks.events(ended=True)) + delta + event("message_stop", {})

    def failed(self, error: HttpError) -> bytes:
        """One event `error`, and nothing after it."""
        return event("error", failure_body(error, self._request_id))

    def _take(self, delta: ChatDelta) -> None:
        if delta.reasoning_content and self._wish.thinking:
            self._blocks.add_thinking(delta.reasoning_content)
        for text in (delta.content, delta.refusal):
            if text:
                self._blocks.add_text(text)
        for page in citations(delta.annotations):
            self._blocks.add_citation(page)
        for step in delta.tool_calls:
            self._blocks.add_call(step)
        if delta.finish_reason:
            self._last = delta


def _joined(events: Iterable[tuple[str, JsonObject]]) -> bytes:
    return b"".join(event(name, members) for name, members in events)
