"""Anthropic's events and messages: no block is left open, indices are in order, nothing is lost."""

import json
from collections.abc import Coroutine, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.services.fold import fold
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.errors import CODES, REASONS, HttpError
from rest_shim.messages.errors import TYPES
from rest_shim.messages.events import PING, Events
from rest_shim.messages.write import Wish, whole

START = pb.StreamStart(id="chatcmpl-1", created=1795339336, model="qwen3-max")
USAGE = Usage(prompt_tokens=10, completion_tokens=7, total_tokens=17, cached_tokens=4, reasoning_tokens=3)
COUNTS = {
    "input_tokens": 6,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 4,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 3},
}
ALL = Wish(thinking=True, stops=("END",))
STOP = pb.ChatDelta(finish_reason=pb.FINISH_REASON_STOP)
CALLED = pb.ChatDelta(finish_reason=pb.FINISH_REASON_TOOL_CALLS)


def events(text: bytes) -> list[dict[str, Any]]:
    """The events of a stream; each has its name twice."""
    records = text.decode().split("\n\n")
    assert records.pop() == ""
    found = []
    for record in records:
        name, data = record.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that waits for nothing."""
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    return done.value.value


def streamed(*messages: pb.StreamChatResponse, wish: Wish = ALL) -> list[dict[str, Any]]:
    writer = Events(wish, "req_1").opened(messages[0].start)
    written = b"".join(writer.write(message) for message in messages)
    return events(written + now(writer.end()))


def answer(*deltas: pb.ChatDelta, usage: Usage | None = None) -> list[pb.StreamChatResponse]:
    messages = [pb.StreamChatResponse(start=START, deltas=deltas[:1])]
    messages += [pb.StreamChatResponse(deltas=[delta]) for delta in deltas[1:]]
    if usage is not None:
        messages[-1].usage.CopyFrom(usage)
    return messages


def folded(messages: Sequence[pb.StreamChatResponse]) -> pb.CompleteChatResponse:
    async def stream() -> Any:
        for message in messages:
            yield message

    return now(fold(stream()))


def said(content: str = "", thinking: str = "") -> pb.ChatDelta:
    delta = pb.ChatDelta()
    if content:
        delta.content = content
    if thinking:
        delta.reasoning_content = thinking
    return delta


def step(index: int, arguments: str, name: str = "") -> pb.ChatDelta:
    call = pb.ToolCallDelta(index=index, arguments=arguments)
    if name:
        call.id, call.name = f"call_{index}", name
    return pb.ChatDelta(tool_calls=[call])


def replayed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks as a strict client puts them together: one is open at a time, and indices count up."""
    blocks: list[dict[str, Any]] = []
    is_open = False
    for one in found:
        match one["type"]:
            case "content_block_start":
                assert (False, len(blocks)) == (is_open, one["index"])
                blocks.append({**one["content_block"], "pieces": [], "citations": []})
                is_open = True
            case "content_block_delta":
                assert (True, len(blocks) - 1) == (is_open, one["index"])
                put(blocks[-1], one["delta"])
            case "content_block_stop":
                assert (True, len(blocks) - 1) == (is_open, one["index"])
                is_open = False
    assert not is_open
    return blocks


def put(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "citations_delta":
            block["citations"].append(delta["citation"])
        case kind:
            member = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}[kind]
            assert {"text": "text", "thinking": "thinking", "partial_json": "tool_use"}[member] == block["type"]
            block["pieces"].append(delta[member])


# -- plain answers ----------------------------------------------------------------------------------------------------


def test_a_plain_answer_has_every_event() -> None:
    messages = answer(said("Hel"), said("lo"), STOP, usage=USAGE)
    opening = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "qwen3-max",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**dict.fromkeys(COUNTS, 0)},
    }
    del opening["usage"]["output_tokens_details"]  # type: ignore[attr-defined]
    text = {"type": "text", "text": ""}
    assert streamed(*messages) == [
        {"type": "message_start", "message": opening},
        {"type": "content_block_start", "index": 0, "content_block": text},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": COUNTS},
        {"type": "message_stop"},
    ]
    assert whole(folded(messages), ALL) == opening | {
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": COUNTS,
    }


def test_thinking_is_a_block_of_its_own_with_an_empty_signature() -> None:
    messages = answer(said(thinking="Hm"), said(thinking="."), said("Yes"), STOP)
    thought, text = replayed(streamed(*messages))
    assert (thought["type"], thought["signature"], thought["pieces"]) == ("thinking", "", ["Hm", "."])
    assert (text["type"], text["pieces"]) == ("text", ["Yes"])
    assert whole(folded(messages), ALL)["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": ""}


def test_thinking_that_nobody_asked_for_is_not_shown() -> None:
    messages = answer(said(thinking="Hm."), said("Yes"), STOP)
    assert [block["type"] for block in replayed(streamed(*messages, wish=Wish()))] == ["text"]
    assert whole(folded(messages), Wish())["content"] == [{"type": "text", "text": "Yes"}]


def test_pages_that_were_used_are_citations_of_the_text() -> None:
    page = pb.Annotation(url_citation=pb.Annotation.UrlCitation(url="https://example.org", title="A page"))
    messages = answer(said("So [1]."), pb.ChatDelta(annotations=[page]), STOP)
    cited = {
        "type": "web_search_result_location",
        "url": "https://example.org",
        "title": "A page",
        "cited_text": "",
        "encrypted_index": "",
    }
    assert [[cited]] == [block["citations"] for block in replayed(streamed(*messages))]
    assert [cited] == whole(folded(messages), ALL)["content"][0]["citations"]


@pytest.mark.parametrize(
    ("finish", "extra", "reason", "sequence"),
    [
        (pb.FINISH_REASON_STOP, "", "end_turn", None),
        (pb.FINISH_REASON_STOP, '{"stop_reason":"END"}', "stop_sequence", "END"),
        (pb.FINISH_REASON_STOP, '{"matched_stop":"END"}', "stop_sequence", "END"),
        (pb.FINISH_REASON_STOP, '{"stop_reason":151645}', "end_turn", None),
        (pb.FINISH_REASON_LENGTH, "", "max_tokens", None),
        (pb.FINISH_REASON_CONTENT_FILTER, "", "refusal", None),
    ],
)
def test_the_reason_of_the_end_has_its_word(
    finish: pb.FinishReason, extra: str, reason: str, sequence: str | None
) -> None:
    messages = answer(said("Yes"), pb.ChatDelta(finish_reason=finish, extra_json=extra))
    told = streamed(*messages)[-2]["delta"]
    made = whole(folded(messages), ALL)
    assert {"stop_reason": reason, "stop_sequence": sequence} == told
    assert (reason, sequence) == (made["stop_reason"], made["stop_sequence"])


# -- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_is_a_block_whose_input_comes_in_pieces() -> None:
    messages = answer(said("Let me look."), step(0, '{"ci', "weather"), step(0, 'ty":"Paris"}'), CALLED)
    call = replayed(streamed(*messages))[1]
    assert (call["id"], call["name"], call["input"]) == ("call_0", "weather", {})
    assert call["pieces"] == ['{"ci', 'ty":"Paris"}']
    made = whole(folded(messages), ALL)
    assert made["content"][1] == {"type": "tool_use", "id": "call_0", "name": "weather", "input": {"city": "Paris"}}
    assert made["stop_reason"] == "tool_use"


def test_an_answer_with_calls_waits_for_their_results_whatever_the_upstream_says() -> None:
    messages = answer(step(0, "{}", "weather"), STOP)
    assert "tool_use" == streamed(*messages)[-2]["delta"]["stop_reason"] == whole(folded(messages), ALL)["stop_reason"]


def test_a_call_without_arguments_has_an_empty_input() -> None:
    messages = answer(step(0, "", "now"), CALLED)
    assert [block["pieces"] for block in replayed(streamed(*messages))] == [[]]
    assert whole(folded(messages), ALL)["content"][0]["input"] == {}


def test_a_second_call_is_written_as_it_comes_once_the_first_is_whole() -> None:
    messages = answer(step(0, "{}", "first"), step(1, '{"a"', "second"), step(1, ":1}"), CALLED)
    writer = Events(ALL, "req_1").opened(START)
    written = [events(writer.write(message)) for message in messages]
    assert [one["type"] for one in written[1]] == ["content_block_stop", "content_block_start", "content_block_delta"]


def test_pieces_of_a_later_call_wait_for_the_first() -> None:
    messages = answer(step(0, "{", "first"), step(1, "{}", "second"), step(0, "}"), CALLED)
    first, second = replayed(streamed(*messages))
    assert (first["pieces"], second["pieces"]) == (["{", "}"], ["{}"])


@pytest.mark.parametrize("arguments", ["{", "[]", "null", "{} {}"])
def test_arguments_that_are_no_object_are_a_failure(arguments: str) -> None:
    messages = answer(step(0, arguments, "weather"), CALLED)
    assert streamed(*messages)[-1]["type"] == "error"
    with pytest.raises(HttpError) as failure:
        whole(folded(messages), ALL)
    assert failure.value.row.status == 502


def test_a_call_that_a_limit_cut_is_told_as_far_as_it_came() -> None:
    messages = answer(said("So"), step(0, '{"a', "weather"), pb.ChatDelta(finish_reason=pb.FINISH_REASON_LENGTH))
    found = streamed(*messages)
    assert [block["type"] for block in replayed(found)] == ["text", "tool_use"]
    made = whole(folded(messages), ALL)
    assert (made["stop_reason"], [block["type"] for block in made["content"]]) == ("max_tokens", ["text"])
    assert found[-2]["delta"]["stop_reason"] == "max_tokens"


# -- failures and silence ---------------------------------------------------------------------------------------------


def test_a_broken_answer_ends_with_one_error() -> None:
    error = HttpError(REASONS["UPSTREAM_IDLE_TIMEOUT"], "the stream fell silent")
    told = {"type": "timeout_error", "message": "the stream fell silent"}
    expected = [{"type": "error", "error": told, "request_id": "req_1"}]
    dialect = Events(ALL, "req_1")
    assert expected == events(dialect.failed(error)) == events(dialect.opened(START).failed(error))


def test_silence_is_broken_by_a_ping() -> None:
    assert events(PING) == [{"type": "ping"}]


def test_every_status_has_a_word() -> None:
    assert {row.status for row in (*REASONS.values(), *CODES.values())} <= TYPES.keys()


# -- any answer -------------------------------------------------------------------------------------------------------

texts = st.text(max_size=6)
objects = st.dictionaries(st.text(max_size=4), st.integers(), max_size=2)


@st.composite
def answers(draw: st.DrawFn) -> list[pb.ChatDelta]:
    """Texts, thoughts and calls in any order; the pieces of different calls may come mixed."""
    calls = draw(st.lists(objects.map(json.dumps), max_size=4))
    chance = Random(draw(st.integers(0, 1 << 32)))
    pieces = [split(arguments, chance) for arguments in calls]
    deltas = draw(st.lists(st.builds(said, texts, texts), max_size=6))
    at = begun = 0
    while any(pieces):
        # A call begins when the one before it has begun.
        index = chance.choice([one for one, rest in enumerate(pieces) if rest and one <= begun])
        name = f"tool_{index}" if index == begun else ""
        begun += index == begun
        at = chance.randint(at, len(deltas)) + 1
        deltas.insert(at - 1, step(index, pieces[index].pop(0), name))
    return [*deltas, CALLED if calls else STOP]


def split(text: str, chance: Random) -> list[str]:
    cuts = sorted(chance.randint(0, len(text)) for _ in range(chance.randint(0, 3)))
    return [text[before:after] for before, after in pairwise([0, *cuts, len(text)])]


@given(answers(), st.booleans())
def test_any_answer_is_told_in_whole_blocks_without_loss(deltas: list[pb.ChatDelta], thinking: bool) -> None:
    messages, wish = answer(*deltas, usage=USAGE), Wish(thinking=thinking)
    found = streamed(*messages, wish=wish)
    assert [
        found[0]["type"],
        *(one["type"] for one in found[-2:]),
    ] == ["message_start", "message_delta", "message_stop"]

    blocks, made = replayed(found), whole(folded(messages), wish)
    for kind in ("text", "thinking"):
        expected = "".join(block[kind] for block in made["content"] if block["type"] == kind)
        assert expected == "".join("".join(block["pieces"]) for block in blocks if block["type"] == kind)
    inputs = [(one["id"], one["input"]) for one in made["content"] if one["type"] == "tool_use"]
    streams = [(one["id"], json.loads("".join(one["pieces"]))) for one in blocks if one["type"] == "tool_use"]
    assert sorted(inputs, key=str) == sorted(streams, key=str)
    assert (made["stop_reason"], made["usage"]) == (found[-2]["delta"]["stop_reason"], found[-2]["usage"])
