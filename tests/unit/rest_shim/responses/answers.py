"""Answers for the tests of `/v1/responses`, made at random or by hand."""

import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.services.fold import fold
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    Annotation,
    ChatDelta,
    CompleteChatResponse,
    Logprobs,
    StreamChatResponse,
    StreamStart,
    TokenLogprob,
    ToolCallDelta,
)
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.responses.echo import echo_of
from rest_shim.responses.events import EventWriter, Last
from rest_shim.responses.write import Head

START = StreamStart(id="chatcmpl-1", created=1795339336, model="qwen3-max")
REASONS = (FINISH_REASON_STOP, FINISH_REASON_LENGTH, FINISH_REASON_TOOL_CALLS, FINISH_REASON_CONTENT_FILTER)
NOTE = Annotation(url_citation=Annotation.UrlCitation(url="u", title="t", start_index=1, end_index=3))


T = TypeVar("T")


def result(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing; an event loop for each example would take all the time."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the coroutine waits for something")


def head(*, summary: str | None = None) -> Head:
    return Head("resp_0a", START.created, START.model, echo_of({"reasoning": {"summary": summary}}, store=False))


async def _as_it_is(_: Head, __: CompleteChatResponse, whole: JsonObject) -> JsonObject:
    return whole


def writer_of(one: Head, last: Last = _as_it_is) -> EventWriter:
    return EventWriter(one, START, last)


def written(one: Head, messages: Sequence[StreamChatResponse]) -> list[JsonObject]:
    """The events of a stream; it has to end properly."""
    writer = writer_of(one)
    *found, done = events(b"".join(map(writer.write, messages)) + result(writer.end()))
    assert done == {"type": "[DONE]"}
    return found


def events(records: bytes) -> list[JsonObject]:
    """Records as events, whose name has to be their type."""
    *found, rest = records.split(b"\n\n")
    assert rest == b""
    return [_event(record) for record in found]


def _event(record: bytes) -> JsonObject:
    if record == b"data: [DONE]":
        return {"type": "[DONE]"}
    name, data = record.split(b"\n")
    event: dict[str, Any] = json.loads(data.removeprefix(b"data: "))
    assert name == f"event: {event['type']}".encode()
    return event


def whole(messages: Sequence[StreamChatResponse]) -> CompleteChatResponse:
    """The same answer at once."""

    async def stream() -> AsyncIterator[StreamChatResponse]:
        for message in messages:
            yield message

    return result(fold(stream()))


# -- at random --------------------------------------------------------------------------------------------------------

_texts = st.text(max_size=4)
_tokens = st.lists(st.builds(TokenLogprob, token=_texts, logprob=st.just(-1.0)), max_size=2)
_thoughts = st.builds(ChatDelta, reasoning_content=_texts)
_said = st.one_of(
    st.builds(ChatDelta, content=_texts),
    st.builds(ChatDelta, content=st.text(min_size=1, max_size=3), logprobs=st.builds(Logprobs, content=_tokens)),
    st.just(ChatDelta(phase="answer")),
    st.just(ChatDelta(index=1, content="another choice")),
)
_notes = st.lists(st.just(ChatDelta(annotations=[NOTE])), max_size=2)
_refusals = st.lists(st.builds(ChatDelta, refusal=_texts), max_size=2)


@st.composite
def _calls(draw: st.DrawFn) -> list[ChatDelta]:
    """Up to three calls in pieces; pieces of different calls may be mixed."""
    count = draw(st.integers(0, 3))
    opened = [
        ToolCallDelta(index=at, id=draw(st.sampled_from((f"call_{at}", ""))), name=f"f{at}") for at in range(count)
    ]
    pieces = draw(st.lists(st.builds(ToolCallDelta, index=st.integers(0, 2), arguments=_texts), max_size=6))
    steps = [*opened, *(piece for piece in pieces if piece.index < count)]
    return [ChatDelta(tool_calls=[step]) for step in steps]


@st.composite
def streams(draw: st.DrawFn) -> list[StreamChatResponse]:
    """Answers in the order of the contract, thinking first, cut into messages anywhere."""
    deltas = draw(st.lists(_thoughts, max_size=3)) + draw(st.lists(_said, max_size=4))
    deltas += draw(_notes) + draw(_refusals) + draw(_calls())
    return draw(cut(deltas))


@st.composite
def wild_streams(draw: st.DrawFn) -> list[StreamChatResponse]:
    """Answers in any order."""
    calls = draw(_calls())
    others = draw(st.lists(st.one_of(_thoughts, _said), max_size=8))
    where = sorted(draw(st.lists(st.integers(0, len(others)), min_size=len(calls), max_size=len(calls))))
    for shift, (at, call) in enumerate(zip(where, calls, strict=True)):
        others.insert(at + shift, call)
    return draw(cut(others))


@st.composite
def cut(draw: st.DrawFn, deltas: list[ChatDelta]) -> list[StreamChatResponse]:
    """The deltas, then a finish reason, in messages of any size."""
    ended = [*deltas, ChatDelta(finish_reason=draw(st.sampled_from(REASONS)))]
    if any(delta.index for delta in deltas):
        ended.append(ChatDelta(index=1, finish_reason=FINISH_REASON_STOP))
    messages = [StreamChatResponse(start=START)]
    for delta in ended:
        if draw(st.booleans()):
            messages.append(StreamChatResponse())
        messages[-1].deltas.append(delta)
    if draw(st.booleans()):
        messages[-1].usage.CopyFrom(Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5))
    return messages
