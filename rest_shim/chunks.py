"""The streaming writer: deltas to OpenAI's chunks, with all that is constant rendered once per stream."""

import msgspec

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.openai_json.jsontext import JsonObject, dump, load_object
from qwen_grpc.v1.chat_pb2 import ChatDelta, StreamChatResponse, StreamStart
from rest_shim.errors import HttpError
from rest_shim.sse import DONE, error_frame, frame

# The deltas that are nearly all of a stream: one piece of text and nothing else.
_TEXTS = {
    ChatDelta.CONTENT_FIELD_NUMBER: "content",
    ChatDelta.REASONING_CONTENT_FIELD_NUMBER: "reasoning_content",
}
# Fields that no chunk shows: the index is part of the constant text, the role
# is said once per choice, and OpenAI has no phases.
_SILENT = frozenset((ChatDelta.INDEX_FIELD_NUMBER, ChatDelta.PHASE_FIELD_NUMBER, ChatDelta.ROLE_FIELD_NUMBER))
_UNSHOWN_MEMBERS = ("index", "phase", "role")

# Stands for the text while the constant parts are rendered.
_BLANK = "\0"
_BLANK_JSON = dump(_BLANK)

_encode_text = msgspec.json.Encoder().encode


class Chunks:
    """The dialect of `/v1/chat/completions`."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage

    def opened(self, start: StreamStart) -> "ChunkWriter":
        """The writer of an answer that has begun."""
        return ChunkWriter(start, self._include_usage)

    def failed(self, error: HttpError) -> bytes:
        """One record `error`, and no `[DONE]`."""
        return error_frame(error.body["error"])


class ChunkWriter:
    """Writes one stream as SSE records, one chunk for one delta.

    The first write says the role; other choices are opened by their first
    delta. With `include_usage` every chunk has `"usage": null`, and the usage
    comes in a last chunk without choices; without it no chunk mentions usage,
    as clients add up what they see.
    """

    def __init__(self, start: StreamStart, include_usage: bool) -> None:
        self._constant = RESPONSES.write(start)
        self._once = {"conversation": self._constant.pop("conversation")} if start.HasField("conversation") else {}
        self._last: JsonObject = {"usage": None} if include_usage else {}
        self._texts: dict[int, dict[int, tuple[bytes, bytes]]] = {}

    def write(self, response: StreamChatResponse) -> bytes:
        """All records of one message; empty if it says nothing that OpenAI's clients know.

        Raises `ValueError` if an `extra_json` is not the text of an object.
        """
        deltas = response.deltas
        if len(deltas) == 1 and not self._last and not response.extra_json:
            delta = deltas[0]
            said = delta.ListFields()
            if len(said) == 1 and (texts := self._texts.get(delta.index)) and (around := texts.get(said[0][0].number)):
                return around[0] + _encode_text(said[0][1]) + around[1]
        return self._records(response)

    def _records(self, response: StreamChatResponse) -> bytes:
        """The same, for what is not just one piece of text."""
        extra = load_object(response.extra_json) if response.extra_json else {}
        records = [] if self._texts else [self._open(0)]
        deltas = response.deltas
        # By index: protobuf's own iteration ends with an exception, which costs as much as a delta.
        for at in range(len(deltas)):
            delta = deltas[at]
            texts = self._texts.get(delta.index)
            if texts is None:
                records.append(self._open(delta.index))
                texts = self._texts[delta.index]
            said = delta.ListFields()
            around = texts.get(said[0][0].number) if len(said) == 1 and not extra else None
            if around:
                records += (around[0], _encode_text(said[0][1]), around[1])
            elif any(field.number not in _SILENT for field, _ in said):
                records += self._chunks(delta, extra)
        if self._last and response.HasField("usage"):
            records.append(self._record([], {"usage": RESPONSES.write(response.usage), **extra}))
        return b"".join(records)

    async def end(self) -> bytes:
        """The record that says that nothing comes any more."""
        return DONE

    def failed(self, error: HttpError) -> bytes:
        """One record `error`, and no `[DONE]`."""
        return error_frame(error.body["error"])

    def _open(self, index: int) -> bytes:
        """The chunk that says the role of a choice; renders what is constant for its texts."""
        self._texts[index] = {number: self._around(index, name) for number, name in _TEXTS.items()}
        once, self._once = self._once, {}
        return self._record([_choice(index, {"role": "assistant", "content": ""})], once)

    def _around(self, index: int, name: str) -> tuple[bytes, bytes]:
        """What stands before and after the text of a record that has only this text."""
        before, _, after = self._record([_choice(index, {name: _BLANK})], {}).rpartition(_BLANK_JSON)
        return before, after

    def _chunks(self, delta: ChatDelta, extra: JsonObject) -> list[bytes]:
        """The records of a delta of any kind; several only if one call of a tool comes in several pieces."""
        said = RESPONSES.write(delta)
        for name in _UNSHOWN_MEMBERS:
            said.pop(name, None)
        closing: JsonObject = {name: said.pop(name) for name in ("logprobs", "finish_reason") if name in said}
        choices = [_choice(delta.index, piece) for piece in _pieces(said)]
        choices[-1].update(closing)
        return [self._record([choice], extra) for choice in choices]

    def _record(self, choices: list[JsonObject], more: JsonObject) -> bytes:
        return frame(dump({**self._constant, "choices": choices, **self._last, **more}))


def _choice(index: int, delta: JsonObject) -> JsonObject:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}


def _pieces(said: JsonObject) -> list[JsonObject]:
    """The delta, split where an index of a tool call comes again: clients lose the second entry of one chunk."""
    groups: list[list[JsonObject]] = []
    for call in said.get("tool_calls", ()):
        if "id" in call or "name" in call.get("function", ()):
            call.setdefault("type", "function")
        if not groups or any(other["index"] == call["index"] for other in groups[-1]):
            groups.append([])
        groups[-1].append(call)
    if not groups:
        return [said]
    return [{**said, "tool_calls": groups[0]}, *({"tool_calls": group} for group in groups[1:])]
