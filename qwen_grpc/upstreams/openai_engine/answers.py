"""What is put right in the answers of engines before anybody sees them."""

from collections.abc import Mapping

from qwen_grpc.openai_json.jsontext import dump, load_object
from qwen_grpc.v1.chat_pb2 import ChatDelta, StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

REASONING_TOKENS = "reasoning_tokens"


class Misplaced:
    """Brings an answer back that came as thinking although thinking was switched off.

    Some versions of vLLM, and of others with a reasoning parser, put the
    whole answer there then (reports from 2025 to September 2026). Whether it
    is the answer shows only later, so thinking is held back, per choice: with
    the first content, refusal or tool call it is passed on as what it was; if
    the choice ends without any of them, it is passed on as the content. While
    thinking is held back the caller sees nothing of it; nothing is lost, and
    nothing is held in an answer that does not think.
    """

    def __init__(self) -> None:
        self._held: dict[int, list[str]] = {}
        self._answering: set[int] = set()

    def mend(self, message: StreamChatResponse) -> StreamChatResponse:
        """The message as it should have come; without any field if all of it is held back."""
        if not self._held and not any(delta.HasField("reasoning_content") for delta in message.deltas):
            self._answering.update(delta.index for delta in message.deltas if _answers(delta))
            return message
        mended = StreamChatResponse()
        mended.CopyFrom(message)
        del mended.deltas[:]
        for delta in message.deltas:
            mended.deltas.extend(self._steps(delta))
        return mended

    def rest(self) -> StreamChatResponse:
        """What is held back when an answer breaks off: thinking, as nobody can tell any longer."""
        message = StreamChatResponse()
        for index, texts in self._held.items():
            message.deltas.add(index=index, reasoning_content="".join(texts))
        self._held.clear()
        return message

    def _steps(self, delta: ChatDelta) -> list[ChatDelta]:
        """What is to be passed on when a delta has come."""
        index, step = delta.index, ChatDelta()
        step.CopyFrom(delta)
        if index in self._answering:
            return [step]
        if delta.HasField("reasoning_content"):
            self._held.setdefault(index, []).append(delta.reasoning_content)
            step.ClearField("reasoning_content")
        if _answers(delta) or delta.finish_reason:
            self._release(step, as_answer=not _answers(delta))
        return [step] if len(step.ListFields()) > bool(index) else []

    def _release(self, step: ChatDelta, *, as_answer: bool) -> None:
        self._answering.add(step.index)
        text = "".join(self._held.pop(step.index, ()))
        if text:
            setattr(step, "content" if as_answer else "reasoning_content", text)


def _answers(delta: ChatDelta) -> bool:
    return bool(delta.content or delta.refusal or delta.tool_calls)


def mend_usage(usage: Usage) -> None:
    """SGLang counts the tokens of thinking beside the others, and not among the details of the answer's."""
    extra: Mapping[str, object] = load_object(usage.extra_json) if usage.extra_json else {}
    counted = extra.get(REASONING_TOKENS)
    if isinstance(counted, int) and not usage.HasField(REASONING_TOKENS):
        usage.reasoning_tokens = counted
        rest = {name: value for name, value in extra.items() if name != REASONING_TOKENS}
        usage.extra_json = dump(rest).decode() if rest else ""
