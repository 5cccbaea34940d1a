"""The streaming writer: deltas to the events of a response."""

from collections.abc import Awaitable, Callable

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_UNSPECIFIED,
    ROLE_ASSISTANT,
    ChatDelta,
    CompleteChatResponse,
    FinishReason,
    StreamChatResponse,
    StreamStart,
    ToolCall,
    ToolCallDelta,
)
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.errors import HttpError
from rest_shim.responses import output
from rest_shim.responses.growing import Calling, Growing, Message, Thinking
from rest_shim.responses.ids import item_id
from rest_shim.responses.output import IN_PROGRESS
from rest_shim.responses.tape import Tape
from rest_shim.responses.write import Ending, Head, finished, shown
from rest_shim.sse import DONE

# What is to be done with an answer before its last event, which it may change.
Last = Callable[[Head, CompleteChatResponse, JsonObject], Awaitable[JsonObject]]


class EventWriter:
    """Writes one stream as SSE records.

    Thinking is closed as soon as something else begins. The text and the calls
    stay open until the end, as either may come before the other and go on
    after it. What the client gets last is what it would have got at once. Only
    the first choice is shown: a response has one.
    """

    def __init__(self, head: Head, start: StreamStart, last: Last) -> None:
        self._head = head
        self._start = start
        self._last = last
        self._tape = Tape()
        self._items: list[Growing] = []
        self._thinking: Thinking | None = None
        self._thoughts = 0
        self._text: Message | None = None
        self._calls: dict[int, Calling] = {}
        self._reason: FinishReason = FINISH_REASON_UNSPECIFIED
        self._usage: Usage | None = None
        for kind in ("response.created", "response.in_progress"):
            self._tape.add(kind, response=shown(head, IN_PROGRESS))

    def write(self, message: StreamChatResponse) -> bytes:
        """The events of one message; empty if it says nothing that the dialect knows."""
        for delta in message.deltas:
            if delta.index == 0:
                self._add(delta)
        if message.HasField("usage"):
            self._usage = message.usage
        return self._tape.taken()

    async def end(self) -> bytes:
        """Closes what is open, and tells the whole response once more."""
        if self._text is None and not self._calls:
            self._message().text()
        ending = Ending(self._reason, self._usage, self._start.service_tier)
        items = [item.shown for item in self._items]
        still_open = [
            at for at, item in enumerate(self._items) if item is self._thinking or not isinstance(item, Thinking)
        ]
        if ending.cut:
            items[still_open[-1]]["status"] = output.INCOMPLETE
        for at in still_open:
            self._close(at, self._items[at], items[at])
        whole = await self._last(self._head, self._answer(), finished(self._head, items, ending))
        self._tape.add(f"response.{whole['status']}", response=whole)
        return self._tape.taken() + DONE

    def _answer(self) -> CompleteChatResponse:
        """The same as a message, to be kept."""
        start = self._start
        answer = CompleteChatResponse(id=start.id, created=start.created, model=start.model, usage=self._usage)
        answer.service_tier = start.service_tier
        choice = answer.choices.add(finish_reason=self._reason)
        choice.message.role = ROLE_ASSISTANT
        for item in self._items:
            item.tell(choice)
        return answer

    def failed(self, error: HttpError) -> bytes:
        """`response.failed`, with what had come; no `[DONE]` follows."""
        items = [item.shown | {"status": output.INCOMPLETE} for item in self._items]
        reason = {"code": error.row.code, "message": error.message}
        self._tape.add("response.failed", response=shown(self._head, "failed", items, error=reason))
        return self._tape.taken()

    def _add(self, delta: ChatDelta) -> None:
        said = delta.ListFields()
        if len(said) == 1 and said[0][0].number == ChatDelta.CONTENT_FIELD_NUMBER:
            # Nearly all of a stream.
            self._say(said[0][1])
        else:
            self._add_any(delta)

    def _say(self, text: str) -> None:
        if text:
            self._message().text().add(text, ())

    def _add_any(self, delta: ChatDelta) -> None:
        if delta.reasoning_content:
            self._think().add(delta.reasoning_content)
        if delta.content:
            self._message().text().add(delta.content, delta.logprobs.content)
        if delta.refusal:
            self._message().refusal().add(delta.refusal)
        for note in delta.annotations:
            self._message().text().note(note)
        for step in delta.tool_calls:
            self._call(step)
        self._reason = delta.finish_reason or self._reason

    def _think(self) -> Thinking:
        if self._thinking is None:
            # Another one only where an upstream thinks again after it began to answer.
            id_ = item_id("rs", self._head.id, self._thoughts or None)
            self._thinking = Thinking(self._tape, len(self._items), id_, summary=self._head.summary)
            self._thoughts += 1
            self._items.append(self._thinking)
        return self._thinking

    def _message(self) -> Message:
        self._close_thinking()
        if self._text is None:
            self._text = Message(self._tape, len(self._items), item_id("msg", self._head.id))
            self._items.append(self._text)
        return self._text

    def _call(self, step: ToolCallDelta) -> None:
        self._close_thinking()
        if step.index not in self._calls:
            call = ToolCall(id=step.id, name=step.name)
            self._calls[step.index] = Calling(self._tape, len(self._items), self._head.id, step.index, call)
            self._items.append(self._calls[step.index])
        if step.arguments:
            self._calls[step.index].add(step.arguments)

    def _is_open(self, item: Growing) -> bool:
        return item is self._thinking or not isinstance(item, Thinking)

    def _close_thinking(self) -> None:
        if self._thinking is not None:
            thinking, self._thinking = self._thinking, None
            self._close(self._items.index(thinking), thinking, thinking.shown)

    def _close(self, index: int, item: Growing, whole: JsonObject) -> None:
        item.close()
        self._tape.add("response.output_item.done", output_index=index, item=whole)
