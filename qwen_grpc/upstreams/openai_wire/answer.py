"""From the chunks of OpenAI's dialect to deltas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qwen_grpc.errors import QwenError, UpstreamEmpty, UpstreamError, UpstreamProtocol, UpstreamTruncated
from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject, dump, load_object
from qwen_grpc.upstreams.openai_wire.calls import Calls
from qwen_grpc.upstreams.openai_wire.chunks import (
    UNREADABLE,
    CallPart,
    ChoicePart,
    Chunk,
    DeltaPart,
    TextChunk,
    chunk_of,
    rest_of,
    told,
    usual,
)
from qwen_grpc.upstreams.openai_wire.counts import usage_of
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Usage

DONE = b"[DONE]"
FINISHES: dict[str, pb.FinishReason] = {
    "stop": pb.FINISH_REASON_STOP,
    "length": pb.FINISH_REASON_LENGTH,
    "tool_calls": pb.FINISH_REASON_TOOL_CALLS,
    "content_filter": pb.FINISH_REASON_CONTENT_FILTER,
    "function_call": pb.FINISH_REASON_FUNCTION_CALL,
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is particular about a server. `name` is how errors call it.

    `refused` says what an error inside of a stream means: it gets the object
    as it came, `{"error": {...}}` or a flat one, without nulls. `failed` says
    what a finish reason means that is none of OpenAI's, given the reason and
    the text of its chunk; without it that is an error of the upstream.
    `counted` puts right what the server counted.
    """

    name: str
    refused: Callable[[JsonObject], QwenError]
    failed: Callable[[str, str], QwenError] | None = None
    counted: Callable[[Usage], None] | None = None


class Answer:
    """One answer while it arrives: feed it the chunks, take the deltas.

    Text in the chunk that ends a choice counts like any other. The answer is
    `over` at `[DONE]`; it is `finished` when each choice has its finish
    reason, and from then on the end of the stream is as good as `[DONE]`.
    """

    def __init__(self, dialect: Dialect, *, choices: int = 1) -> None:
        self.start = pb.StreamStart()
        self.over = False
        self._dialect = dialect
        self._wanted = choices
        self._usage: Usage | None = None
        self._begun = False
        self._seen: set[int] = set()
        self._ended: set[int] = set()
        self._calls: dict[int, Calls] = {}

    @property
    def finished(self) -> bool:
        """Whether every choice was ended by the server's own word."""
        return len(self._ended) >= self._wanted and self._seen == self._ended

    def decode(self, data: Sequence[bytes], message: pb.StreamChatResponse) -> None:
        """Adds the chunks of one read to a message.

        Raises what the server says went wrong, and `UpstreamProtocol` for
        what is no JSON; what came before is then in the message.
        """
        for payload in data:
            if payload.strip() == DONE:
                self.over = True
            elif not self.over:
                self._take(payload, message)

    def end(self, message: pb.StreamChatResponse) -> None:
        """Adds what comes last, the usage. Raises what is wrong with an answer that has no proper end."""
        if not self.finished or any(calls.nameless for calls in self._calls.values()):
            raise self._broken()
        if self._usage is not None:
            message.usage.CopyFrom(self._usage)

    def _broken(self) -> QwenError:
        name = self._dialect.name
        if not self._begun:
            return UpstreamEmpty(f"{name} began a stream and ended it without an answer")
        if self.finished:
            return UpstreamProtocol(f"{name} called a tool without naming it")
        return UpstreamTruncated(f"{name} ended its answer without a finish reason; what came is incomplete")

    def _take(self, payload: bytes, message: pb.StreamChatResponse) -> None:
        chunk = usual(payload)
        if chunk is not None:
            self._take_text(chunk, message)
            return
        try:
            value = told(payload)
            self._refuse(value)
            self._take_any(value, message)
        except UNREADABLE as error:
            raise UpstreamProtocol(f"{self._dialect.name} sent an event that is not JSON of the known form") from error

    def _take_text(self, chunk: TextChunk, message: pb.StreamChatResponse) -> None:
        if not self.start.id:
            self._open(chunk)
        for choice in chunk.choices:
            self._seen.add(choice.index)
            thought, content = choice.delta.thought, choice.delta.content
            # An empty piece of text says nothing.
            if not content and not thought:
                continue
            self._begun = True
            step = message.deltas.add(index=choice.index)
            if thought:
                step.reasoning_content = thought
            if content:
                step.content = content

    def _open(self, chunk: TextChunk | Chunk) -> None:
        self.start = pb.StreamStart(
            id=chunk.id or "",
            created=int(chunk.created or 0),
            model=chunk.model or "",
            system_fingerprint=chunk.system_fingerprint or "",
            service_tier=chunk.service_tier or "",
        )

    # -- what says more than text ---------------------------------------------------------------------------------

    def _refuse(self, value: JsonObject) -> None:
        if value.get("error") or ("choices" not in value and ("code" in value or "message" in value)):
            raise self._dialect.refused(value)

    def _take_any(self, value: JsonObject, message: pb.StreamChatResponse) -> None:
        chunk = chunk_of(value)
        if not self.start.id:
            self._open(chunk)
        if usage := usage_of(chunk.usage):
            self._usage = usage
            if self._dialect.counted is not None:
                self._dialect.counted(usage)
        for choice, raw in zip(chunk.choices, value.get("choices", ()), strict=True):
            self._take_choice(choice, raw, message)
        if rest := rest_of(value, Chunk):
            before = load_object(message.extra_json) if message.extra_json else {}
            message.extra_json = dump(before | rest).decode()

    def _take_choice(self, choice: ChoicePart, raw: JsonObject, message: pb.StreamChatResponse) -> None:
        self._seen.add(choice.index)
        delta = self._delta(choice)
        if choice.finish_reason:
            self._finish(choice.finish_reason, delta)
        if choice.logprobs:
            delta.logprobs.CopyFrom(RESPONSES.read(pb.Logprobs, choice.logprobs))
        if rest := rest_of(raw, ChoicePart) | rest_of(raw.get("delta", {}), DeltaPart):
            delta.extra_json = dump(rest).decode()
        if len(delta.ListFields()) > bool(choice.index):
            self._begun = True
            message.deltas.append(delta)

    def _delta(self, choice: ChoicePart) -> pb.ChatDelta:
        said, delta = choice.delta, pb.ChatDelta(index=choice.index)
        if said.thought:
            delta.reasoning_content = said.thought
        if said.content:
            delta.content = said.content
        if said.refusal:
            delta.refusal = said.refusal
        delta.annotations.extend(RESPONSES.read(pb.Annotation, one) for one in said.annotations)
        if said.audio:
            delta.audio.CopyFrom(RESPONSES.read(pb.AudioOutput, said.audio))
        self._call(said.tool_calls, delta)
        return delta

    def _call(self, parts: Sequence[CallPart], delta: pb.ChatDelta) -> None:
        for part in parts:
            step = self._calls.setdefault(delta.index, Calls()).take(part)
            if step is not None:
                delta.tool_calls.append(step)

    def _finish(self, reason: str, delta: pb.ChatDelta) -> None:
        if reason in FINISHES:
            # Some servers end a choice once more with their last chunk; the first word stands.
            if delta.index not in self._ended:
                delta.finish_reason = FINISHES[reason]
            self._ended.add(delta.index)
        elif self._dialect.failed is not None:
            raise self._dialect.failed(reason, delta.content)
        else:
            raise UpstreamError(f"{self._dialect.name} ended its answer with a finish reason that is not known here")
