"""Answers that a request bounds: the site knows neither stop texts nor limits, and counts its tokens in each event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from qwen_grpc.emulation.lengths import TokenLimit
from qwen_grpc.upstreams.chat_qwen_ai.decode import Answer, counted
from qwen_grpc.upstreams.chat_qwen_ai.shown import Shown
from qwen_grpc.upstreams.chat_qwen_ai.wire import UsageBlock, part
from qwen_grpc.upstreams.clocks import Work
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_LENGTH, CompleteChatRequest, StreamChatResponse


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request bounds its answer by: tokens as in `TokenLimit`, or, with `stops`, texts that others look for."""

    total: int = 0
    answer: int = 0
    stops: bool = False

    @classmethod
    def of(cls, request: CompleteChatRequest) -> Self:
        """The bounds of a request."""
        return cls(request.max_completion_tokens, request.max_tokens, bool(request.stop))

    def opened(self, shown: Shown, *, work: Work = Work.THINKING) -> Answer:
        """The answer to the request, before anything of it has come."""
        if self == Bounds():
            return Answer(shown, work=work)
        return BoundedAnswer(shown, TokenLimit(self.total, self.answer), telling=self.stops, work=work)


class BoundedAnswer(Answer):
    """Ends before the event with which the site has counted too many tokens; of that event only the counts are told.

    A `telling` one says with each read what the answer has cost so far, for
    who ends it elsewhere.
    """

    def __init__(self, shown: Shown, limit: TokenLimit, *, telling: bool, work: Work = Work.THINKING) -> None:
        super().__init__(shown, work=work)
        self._limit = limit
        self._telling = telling

    def decode(self, data: Sequence[bytes], message: StreamChatResponse) -> None:
        """Adds the events of one read to a message, as far as they are within the limit."""
        if not self._limit:
            super().decode(data, message)
        for payload in data if self._limit else ():
            self._decode_bounded(payload, message)
        if self._telling:
            self._count(message)

    def end(self, message: StreamChatResponse) -> None:
        """Adds what comes last."""
        super().end(message)
        if self.cut:
            message.deltas[-1].finish_reason = FINISH_REASON_LENGTH

    def _decode_bounded(self, payload: bytes, message: StreamChatResponse) -> None:
        steps, words = len(message.deltas), self.text.mark
        super().decode([payload], message)
        tokens = part(self._usage, UsageBlock).output_tokens
        if not self.cut and self._limit.passed(tokens, answering=self.text.mark > 0):
            self.cut = self.finished = True
            self.text.back_to(words)
            del message.deltas[steps:]

    def _count(self, message: StreamChatResponse) -> None:
        if (block := part(self._usage, UsageBlock)) != UsageBlock():
            message.usage.CopyFrom(counted(block))
