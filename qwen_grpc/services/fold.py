"""Folds a stream of deltas to one completion."""

from collections import defaultdict
from collections.abc import AsyncIterator

from qwen_grpc.errors import UpstreamTruncated
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_UNSPECIFIED,
    ROLE_ASSISTANT,
    ChatDelta,
    Choice,
    CompleteChatResponse,
    StreamChatResponse,
    ToolCallDelta,
)


class _Draft:
    """One choice while it grows."""

    def __init__(self, index: int) -> None:
        self.choice = Choice(index=index)
        self.choice.message.role = ROLE_ASSISTANT
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._arguments: defaultdict[int, list[str]] = defaultdict(list)

    def add(self, delta: ChatDelta) -> None:
        if delta.HasField("content"):
            self._content.append(delta.content)
        if delta.HasField("reasoning_content"):
            self._reasoning.append(delta.reasoning_content)
        if delta.HasField("refusal"):
            self._refusal.append(delta.refusal)
        for call in delta.tool_calls:
            self._add_call(call)
        if delta.finish_reason:
            self.choice.finish_reason = delta.finish_reason
        self.choice.message.annotations.extend(delta.annotations)
        if delta.HasField("logprobs"):
            self.choice.logprobs.MergeFrom(delta.logprobs)

    def _add_call(self, step: ToolCallDelta) -> None:
        calls = self.choice.message.tool_calls
        while len(calls) <= step.index:
            calls.add()
        call = calls[step.index]
        call.id, call.name, call.type = call.id or step.id, call.name or step.name, call.type or step.type
        self._arguments[step.index].append(step.arguments)

    def done(self) -> Choice:
        message = self.choice.message
        for name, parts in (
            ("content", self._content),
            ("reasoning_content", self._reasoning),
            ("refusal", self._refusal),
        ):
            if parts:
                setattr(message, name, "".join(parts))
        for index, pieces in self._arguments.items():
            message.tool_calls[index].arguments = "".join(pieces)
        return self.choice


async def fold(stream: AsyncIterator[StreamChatResponse]) -> CompleteChatResponse:
    """The whole answer. Raises `UpstreamTruncated` rather than return a choice without a finish reason."""
    whole = CompleteChatResponse()
    drafts: dict[int, _Draft] = {}
    async for message in stream:
        if message.HasField("start"):
            _copy_start(message, whole)
        if message.HasField("usage"):
            whole.usage.CopyFrom(message.usage)
        for delta in message.deltas:
            drafts.setdefault(delta.index, _Draft(delta.index)).add(delta)
    whole.choices.extend(draft.done() for _, draft in sorted(drafts.items()))
    if any(choice.finish_reason == FINISH_REASON_UNSPECIFIED for choice in whole.choices) or not whole.choices:
        raise UpstreamTruncated("the upstream ended its answer without a finish reason")
    return whole


def _copy_start(message: StreamChatResponse, whole: CompleteChatResponse) -> None:
    start = message.start
    whole.id, whole.created, whole.model = start.id, start.created, start.model
    whole.system_fingerprint, whole.service_tier = start.system_fingerprint, start.service_tier
    whole.extra_json = start.extra_json
    if start.HasField("conversation"):
        whole.conversation.CopyFrom(start.conversation)
