"""Folds a stream of deltas to one completion."""

from collections import defaultdict
from collections.abc import AsyncIterator

import msgspec

from qwen_grpc.answering import pour
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

_TEXTS = ("content", "reasoning_content", "refusal")


class _Draft:
    """One choice while it grows. Texts are joined once, at the end."""

    def __init__(self, index: int) -> None:
        self.choice = Choice(index=index)
        self.choice.message.role = ROLE_ASSISTANT
        self._texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
        self._arguments: defaultdict[int, list[str]] = defaultdict(list)

    def add(self, delta: ChatDelta) -> None:
        said = delta.ListFields()
        if len(said) == 1 and said[0][0].number == ChatDelta.CONTENT_FIELD_NUMBER:
            self._texts["content"].append(said[0][1])
        else:
            self._add_any(delta)

    def _add_any(self, delta: ChatDelta) -> None:
        for name, parts in self._texts.items():
            if delta.HasField(name):
                parts.append(getattr(delta, name))
        for call in delta.tool_calls:
            self._add_call(call)
        self.choice.finish_reason = delta.finish_reason or self.choice.finish_reason
        self.choice.message.annotations.extend(delta.annotations)
        if delta.HasField("logprobs"):
            self.choice.logprobs.MergeFrom(delta.logprobs)
        self._add_rest(delta)

    def _add_call(self, step: ToolCallDelta) -> None:
        calls = self.choice.message.tool_calls
        while len(calls) <= step.index:
            calls.add()
        call = calls[step.index]
        call.id, call.name, call.type = call.id or step.id, call.name or step.name, call.type or step.type
        self._arguments[step.index].append(step.arguments)

    def _add_rest(self, delta: ChatDelta) -> None:
        message = self.choice.message
        if delta.HasField("audio"):
            data = message.audio.data + delta.audio.data
            message.audio.MergeFrom(delta.audio)
            message.audio.data = data
        if delta.extra_json:
            message.extra_json = _merged(message.extra_json, delta.extra_json)

    def done(self) -> Choice:
        for name, parts in self._texts.items():
            if parts:
                setattr(self.choice.message, name, "".join(parts))
        for index, pieces in self._arguments.items():
            self.choice.message.tool_calls[index].arguments = "".join(pieces)
        return self.choice


async def fold(
    stream: AsyncIterator[StreamChatResponse], first: StreamChatResponse | None = None
) -> CompleteChatResponse:
    """The whole answer; `first` is a message that was read before.

    Raises `UpstreamTruncated` rather than return a choice without a finish reason.
    """
    whole = CompleteChatResponse()
    drafts: dict[int, _Draft] = {}
    if first is not None:
        _add(first, whole, drafts)
    await pour(stream, lambda message: _add(message, whole, drafts))
    whole.choices.extend(draft.done() for _, draft in sorted(drafts.items()))
    if any(choice.finish_reason == FINISH_REASON_UNSPECIFIED for choice in whole.choices) or not whole.choices:
        raise UpstreamTruncated("the upstream ended its answer without a finish reason")
    return whole


def _add(message: StreamChatResponse, whole: CompleteChatResponse, drafts: dict[int, _Draft]) -> None:
    if message.HasField("start"):
        _copy_start(message, whole)
    if message.extra_json:
        whole.extra_json = _merged(whole.extra_json, message.extra_json)
    if message.HasField("usage"):
        whole.usage.CopyFrom(message.usage)
    deltas = message.deltas
    # By index: protobuf's own iteration ends with an exception, which costs as much as a delta.
    for at in range(len(deltas)):
        delta = deltas[at]
        if delta.index not in drafts:
            drafts[delta.index] = _Draft(delta.index)
        drafts[delta.index].add(delta)


def _merged(before: str, more: str) -> str:
    """Two JSON objects as one; later members win."""
    return msgspec.json.encode(msgspec.json.decode(before or "{}") | msgspec.json.decode(more)).decode()


def _copy_start(message: StreamChatResponse, whole: CompleteChatResponse) -> None:
    start = message.start
    whole.id, whole.created, whole.model = start.id, start.created, start.model
    whole.system_fingerprint, whole.service_tier = start.system_fingerprint, start.service_tier
    whole.extra_json = start.extra_json
    if start.HasField("conversation"):
        whole.conversation.CopyFrom(start.conversation)
