"""Faults that break clients of OpenAI's chat: none of them is in a reply of ours, whatever the upstream sends.

Upstreams are played with these very faults: their chunks are decoded as an
adapter does it, and written as the door does it. Each check below is a row
that was seen to break at least one client.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_grpc.errors import QwenError, UpstreamError
from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.services.fold import fold
from qwen_grpc.upstreams.openai_wire.answer import Answer, Dialect
from qwen_grpc.v1.chat_pb2 import StreamChatResponse, StreamStart
from rest_shim.chunks import ChunkWriter

Json = dict[str, Any]
DIALECT = Dialect("somebody", lambda _: UpstreamError("refused"))
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}

# -- upstreams with faults --------------------------------------------------------------------------------------------

_texts = st.text(max_size=5)
_absent_or = lambda value: st.sampled_from((value, None, "absent"))  # noqa: E731
_wrappers = st.fixed_dictionaries(
    {"id": _absent_or("chatcmpl-up"), "object": _absent_or("chat.completion.chunk"), "model": _absent_or("qwen-up")}
)


def _clean(values: Json) -> Json:
    return {name: value for name, value in values.items() if value != "absent"}


@st.composite
def fragments(draw: st.DrawFn) -> list[Json]:
    """Tool calls as odd servers send them: names repeated, ids and types missing, null or empty; one after another."""
    found = []
    for at in range(draw(st.integers(0, 2))):
        name = f"tool_{at}"
        first = {
            "index": at,
            "id": draw(st.sampled_from((f"call_{at}", "", None))),
            "type": draw(_absent_or("function")),
        }
        found.append(_clean({**first, "function": {"name": name, "arguments": draw(st.sampled_from(("", None)))}}))
        for piece in draw(st.lists(_texts, max_size=3)):
            function = _clean({"name": draw(st.sampled_from((name, None, "", "absent"))), "arguments": piece})
            found.append(_clean({"index": at, "id": draw(st.sampled_from(("", None, "absent"))), "function": function}))
    return [{"tool_calls": [fragment]} for fragment in found]


@st.composite
def upstreams(draw: st.DrawFn) -> list[Json]:
    """The chunks of an answer that ends properly, with every fault that does not make it another answer."""
    deltas: list[Json] = draw(st.sampled_from(([], [{"role": "assistant", "content": ""}], [{"content": None}])))
    deltas = [*deltas, *({"reasoning_content": text} for text in draw(st.lists(_texts, max_size=2)))]
    deltas += [{"content": text} for text in draw(st.lists(_texts, max_size=4))] + draw(fragments())
    last: Json = {"delta": {}, "finish_reason": draw(st.sampled_from(("stop", "length", "tool_calls")))}
    usage = draw(st.sampled_from((None, USAGE)))
    chunks: list[Json] = [{"choices": [{"delta": delta}], "usage": usage} for delta in deltas]
    chunks.append({"choices": [last], "usage": usage})
    # Servers send the last usage with an empty list, without any, or not at all.
    chunks += draw(st.sampled_from(([], [{"choices": [], "usage": USAGE}], [{"usage": USAGE}])))
    return [_clean({**draw(_wrappers), **chunk}) for chunk in chunks]


@st.composite
def answers(draw: st.DrawFn) -> list[StreamChatResponse]:
    """The same as messages of ours; where one read ends is as it happens."""
    answer, messages, waiting = (
        Answer(DIALECT),
        [StreamChatResponse()],
        [json.dumps(one).encode() for one in draw(upstreams())],
    )
    while waiting:
        count = draw(st.integers(1, len(waiting)))
        answer.decode(waiting[:count], messages[-1])
        waiting = waiting[count:]
        messages.append(StreamChatResponse())
    answer.end(messages[-1])
    start = StreamStart(id=answer.start.id or "chatcmpl-1", created=1, model=answer.start.model or "qwen-max")
    messages[0].start.CopyFrom(start)
    return messages


# -- what the door makes of it ----------------------------------------------------------------------------------------


def chunks_of(messages: Sequence[StreamChatResponse], *, include_usage: bool) -> list[Json]:
    writer = ChunkWriter(messages[0].start, include_usage)
    records = b"".join(writer.write(message) for message in messages).split(b"\n\n")
    assert records.pop() == b"", "a record without its blank line"
    assert all(record.startswith(b"data: ") and b"\n" not in record and len(record) > 6 for record in records)
    return [json.loads(record.removeprefix(b"data: ")) for record in records]


def whole_of(messages: Sequence[StreamChatResponse]) -> Json:
    async def stream() -> AsyncIterator[StreamChatResponse]:
        for message in messages:
            yield message

    return RESPONSES.write(asyncio.run(fold(stream())))


def deltas_of(chunks: Sequence[Json]) -> list[Json]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def steps_of(chunks: Sequence[Json]) -> list[Json]:
    return [step for delta in deltas_of(chunks) for step in delta.get("tool_calls", ())]


def ids_object_and_model(chunks: Sequence[Json]) -> bool:
    constants = {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks}
    ((id_, kind, _, model),) = constants
    return bool(id_ and model) and kind == "chat.completion.chunk"


def every_choice_has_its_index(chunks: Sequence[Json]) -> bool:
    return all(type(choice["index"]) is int for chunk in chunks for choice in chunk["choices"])


def the_first_delta_says_the_role_and_no_other_does(chunks: Sequence[Json]) -> bool:
    return [delta.get("role") for delta in deltas_of(chunks)][:1] == ["assistant"] and not any(
        "role" in delta for delta in deltas_of(chunks)[1:]
    )


def one_finish_reason_and_nothing_after_it(chunks: Sequence[Json]) -> bool:
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    return [reason for reason in reasons if reason] == reasons[-1:]


def steps_have_an_index_and_only_the_first_has_id_type_and_name(chunks: Sequence[Json]) -> bool:
    begun: set[int] = set()
    for step in steps_of(chunks):
        named = bool(step.get("id")) and bool(step.get("type")) and bool(step["function"].get("name"))
        silent = not {"id", "type"} & step.keys() and "name" not in step["function"]
        if not (silent if step["index"] in begun else named):
            return False
        begun.add(step["index"])
    return True


def arguments_are_text(chunks: Sequence[Json]) -> bool:
    return all(type(step["function"].get("arguments", "")) is str for step in steps_of(chunks))


def no_chunk_has_two_steps_of_a_call(chunks: Sequence[Json]) -> bool:
    lists = [[step["index"] for step in delta.get("tool_calls", ())] for delta in deltas_of(chunks)]
    return all(len(indices) == len(set(indices)) for indices in lists)


def nothing_in_a_delta_is_null(chunks: Sequence[Json]) -> bool:
    return all(value is not None for delta in deltas_of(chunks) for value in delta.values())


ROWS: tuple[Callable[[Sequence[Json]], bool], ...] = (
    ids_object_and_model,
    every_choice_has_its_index,
    the_first_delta_says_the_role_and_no_other_does,
    one_finish_reason_and_nothing_after_it,
    steps_have_an_index_and_only_the_first_has_id_type_and_name,
    arguments_are_text,
    no_chunk_has_two_steps_of_a_call,
    nothing_in_a_delta_is_null,
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
@settings(max_examples=300, deadline=None)
@given(messages=answers(), include_usage=st.booleans())
def test_no_stream_has_the_fault(
    row: Callable[[Sequence[Json]], bool], messages: list[StreamChatResponse], include_usage: bool
) -> None:
    assert row(chunks_of(messages, include_usage=include_usage))


@settings(max_examples=500, deadline=None)
@given(messages=answers())
def test_usage_comes_once_at_the_end_and_only_if_it_was_asked_for(messages: list[StreamChatResponse]) -> None:
    asked, not_asked = chunks_of(messages, include_usage=True), chunks_of(messages, include_usage=False)
    known = messages[-1].HasField("usage")

    assert not any("usage" in chunk or not chunk["choices"] for chunk in not_asked)
    assert [chunk["choices"] == [] for chunk in asked] == [False] * len(not_asked) + [True] * known
    assert all(chunk["usage"] is None for chunk in asked[: len(not_asked)])
    assert [chunk["usage"]["total_tokens"] for chunk in asked[len(not_asked) :]] == [7] * known


@settings(max_examples=500, deadline=None)
@given(messages=answers())
def test_a_whole_reply_is_complete(messages: list[StreamChatResponse]) -> None:
    reply, (choice,) = whole_of(messages), whole_of(messages)["choices"]
    message = choice["message"]

    assert reply["id"]
    assert reply["model"]
    assert (reply["object"], type(reply["created"])) == ("chat.completion", int)
    assert (choice["index"], choice["logprobs"], message["role"], message["refusal"]) == (0, None, "assistant", None)
    assert choice["finish_reason"] in ("stop", "length", "tool_calls")
    assert type(message["content"]) is str or message["content"] is None
    for call in message.get(
        "tool_calls", [{"id": "x", "type": "function", "function": {"name": "x", "arguments": ""}}]
    ):
        assert call["id"]
        assert call["type"] == "function"
        assert call["function"]["name"]
        assert type(call["function"]["arguments"]) is str


@settings(max_examples=500, deadline=None)
@given(messages=answers())
def test_stream_and_whole_say_the_same(messages: list[StreamChatResponse]) -> None:
    chunks, message = chunks_of(messages, include_usage=False), whole_of(messages)["choices"][0]["message"]
    joined = {
        name: "".join(delta.get(name) or "" for delta in deltas_of(chunks)) for name in ("content", "reasoning_content")
    }
    arguments: dict[int, str] = {}
    for step in steps_of(chunks):
        arguments[step["index"]] = arguments.get(step["index"], "") + step["function"].get("arguments", "")

    assert joined == {name: message.get(name) or "" for name in joined}
    assert list(arguments.values()) == [call["function"]["arguments"] for call in message.get("tool_calls", ())]


@settings(max_examples=300, deadline=None)
@given(chunks=upstreams())
def test_an_answer_that_loses_its_finish_reason_is_an_error_and_no_reply(chunks: list[Json]) -> None:
    answer, message = Answer(DIALECT), StreamChatResponse()
    told = [chunk for chunk in chunks if not any("finish_reason" in choice for choice in chunk.get("choices", ()))]
    answer.decode([json.dumps(chunk).encode() for chunk in told], message)
    with pytest.raises(QwenError):
        answer.end(message)
