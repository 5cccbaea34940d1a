"""From the events of DashScope's own dialect to deltas, as recorded until June 2026.

Deltas come in increments, since that is asked for. The finish reason is the
text `null` until there is one; usage is in every event and grows; the sources
of a search are in the first event. What ends the answer may come with its
last text or the last fragment of a call.
"""

import re
import time
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from qwen_grpc.errors import UpstreamEmpty, UpstreamProtocol, UpstreamTruncated
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.upstreams.citations import annotations
from qwen_grpc.upstreams.dashscope.complaints import is_complaint
from qwen_grpc.upstreams.dashscope.origin import DASHSCOPE
from qwen_grpc.upstreams.dashscope.refusals import failed_finish, refused_event
from qwen_grpc.upstreams.openai_wire.answer import FINISHES
from qwen_grpc.upstreams.openai_wire.calls import Calls
from qwen_grpc.upstreams.openai_wire.chunks import UNREADABLE, CallPart, told
from qwen_grpc.upstreams.openai_wire.counts import usage_of
from qwen_grpc.v1.chat_pb2 import ChatDelta, StreamChatResponse, StreamStart

GOING_ON = ("", "null")
_mark = re.compile(r"\[(?:ref_)?(\d{1,4})\]")

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Source(Struct, gc=False):
    """A page that the search found."""

    url: str = ""
    title: str = ""
    index: int = 0


class SearchInfo(Struct, gc=False):
    """What the search found; the lists are empty in all events but the first."""

    search_results: list[Source] = []


class Piece(Struct, gc=False):
    """A part of content that is a list."""

    text: str = ""


class Message(Struct, gc=False):
    """One step: `content` is text, or a list for models that take media."""

    content: str | list[Piece] = ""
    reasoning_content: str = ""
    tool_calls: list[CallPart] = []

    @property
    def text(self) -> str:
        """The piece of the answer."""
        return self.content if isinstance(self.content, str) else "".join(piece.text for piece in self.content)


class Choice(Struct, gc=False):
    """The wrapper of a step."""

    message: Message = msgspec.field(default_factory=Message)
    index: Annotated[int, msgspec.Meta(ge=0, lt=1024)] = 0
    finish_reason: str = ""


class Output(Struct, gc=False):
    """What an event brings."""

    choices: list[Choice] = []
    search_info: SearchInfo = msgspec.field(default_factory=SearchInfo)


class Event(Struct, gc=False):
    """One SSE record that is no error."""

    output: Output = msgspec.field(default_factory=Output)
    usage: Any = None
    request_id: str = ""


# Members of usage by OpenAI's names. Those that are not here keep theirs.
_COUNTS = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "output_tokens_details": "completion_tokens_details",
}


class NativeAnswer:
    """One answer while it arrives; see `Decoding`. `host` is for error texts, `choices` how many were asked for."""

    def __init__(self, host: str, *, choices: int = 1) -> None:
        self.start = StreamStart()
        self._host = host
        self._wanted = choices
        self._usage: JsonObject = {}
        self._pages: dict[int, Source] = {}
        self._texts: dict[int, list[str]] = {}
        self._calls: dict[int, Calls] = {}
        self._ended: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether every choice was ended by the service's own word."""
        return len(self._ended) >= self._wanted and self._texts.keys() == self._ended

    @property
    def over(self) -> bool:
        """Nothing comes after the last finish reason."""
        return self.finished

    def decode(self, data: Sequence[bytes], message: StreamChatResponse) -> None:
        """Adds the events of one read to a message; see `Answer.decode`."""
        for payload in data:
            try:
                value = told(payload)
                if is_complaint(value):
                    raise refused_event(self._host, value)
                self._take(msgspec.convert(value, Event), message)
            except UNREADABLE as error:
                raise UpstreamProtocol(f"{self._where} sent an event that is not JSON of the known form") from error

    def end(self, message: StreamChatResponse) -> None:
        """Adds the usage. Raises what is wrong with an answer that has no proper end."""
        if not self._texts:
            raise UpstreamEmpty(f"{self._where} began a stream and ended it without an answer")
        if not self.finished:
            raise UpstreamTruncated(f"{self._where} ended its answer without a finish reason; what came is incomplete")
        if any(calls.nameless for calls in self._calls.values()):
            raise UpstreamProtocol(f"{self._where} called a tool without naming it")
        if self._usage:
            counts = {_COUNTS.get(name, name): item for name, item in self._usage.items()}
            if usage := usage_of(counts):
                message.usage.CopyFrom(usage)

    @property
    def _where(self) -> str:
        return f"{DASHSCOPE} at {self._host}"

    def _take(self, event: Event, message: StreamChatResponse) -> None:
        if event.request_id and not self.start.id:
            self.start = StreamStart(id=f"chatcmpl-{event.request_id}", created=int(time.time()))
        self._usage = event.usage if isinstance(event.usage, dict) and event.usage else self._usage
        self._pages |= {page.index: page for page in event.output.search_info.search_results if page.url}
        for choice in event.output.choices:
            self._step(choice, message)

    def _step(self, choice: Choice, message: StreamChatResponse) -> None:
        said, reason = choice.message, choice.finish_reason
        if reason not in FINISHES and reason not in GOING_ON:
            raise failed_finish(self._host, reason, said.text)
        self._texts.setdefault(choice.index, []).append(said.text)
        calls = self._calls.setdefault(choice.index, Calls())
        delta = ChatDelta(index=choice.index)
        if said.reasoning_content:
            delta.reasoning_content = said.reasoning_content
        if said.text:
            delta.content = said.text
        delta.tool_calls.extend(step for part in said.tool_calls if (step := calls.take(part)) is not None)
        if len(delta.ListFields()) > bool(choice.index):
            message.deltas.append(delta)
        if reason in FINISHES:
            self._finish(choice, message)

    def _finish(self, choice: Choice, message: StreamChatResponse) -> None:
        self._ended.add(choice.index)
        if found := annotations("".join(self._texts[choice.index]), _mark, self._pages):
            message.deltas.add(index=choice.index, annotations=found)
        message.deltas.add(index=choice.index, finish_reason=FINISHES[choice.finish_reason])
