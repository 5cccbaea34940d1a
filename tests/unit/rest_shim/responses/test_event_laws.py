"""None of the faults that break clients of `/v1/responses` can occur in a stream, whatever the answer."""

from collections import defaultdict
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from unit.rest_shim.responses.answers import head, streams, whole, wild_streams, written

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1.chat_pb2 import StreamChatResponse
from rest_shim.responses.write import response

any_stream = given(messages=wild_streams(), summary=st.sampled_from((None, "auto")))
# What a part or an item says when it is over, by the kind of its pieces.
LAST_WORDS = {
    "response.output_text": "text",
    "response.reasoning_text": "text",
    "response.reasoning_summary_text": "text",
    "response.function_call_arguments": "arguments",
}


@any_stream
def test_events_are_numbered_and_have_a_beginning_and_an_end(messages: list[StreamChatResponse], summary: str) -> None:
    found = written(head(summary=summary), messages)
    kinds = [event["type"] for event in found]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] in ("response.completed", "response.incomplete")
    assert found[-1]["response"]["status"] == kinds[-1].removeprefix("response.")
    assert {kind for kind in kinds[2:-1] if kind in ("response.created", "response.completed")} == set()


@any_stream
def test_an_item_is_opened_before_its_events_and_closed_after_them(
    messages: list[StreamChatResponse], summary: str
) -> None:
    found = written(head(summary=summary), messages)
    for index, events in by_item(found).items():
        kinds = [event["type"] for event in events]
        assert (kinds[0], kinds[-1]) == ("response.output_item.added", "response.output_item.done"), index
        assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 1
        ids = {event.get("item_id") or event["item"]["id"] for event in events}
        assert len(ids) == 1
        assert events[0]["item"]["status"] == "in_progress"
        assert_parts(events)


@any_stream
def test_items_come_in_the_order_of_their_indexes_and_stand_so_in_the_end(
    messages: list[StreamChatResponse], summary: str
) -> None:
    found = written(head(summary=summary), messages)
    opened = [event["output_index"] for event in found if event["type"] == "response.output_item.added"]
    closed = {event["output_index"]: event["item"] for event in found if event["type"] == "response.output_item.done"}
    output = found[-1]["response"]["output"]
    assert opened == list(range(len(opened)))
    assert [closed[index] for index in range(len(opened))] == output
    assert len({item["id"] for item in output}) == len(output)


@any_stream
def test_pieces_add_up_to_the_last_word(messages: list[StreamChatResponse], summary: str) -> None:
    joined: defaultdict[tuple[str, str], str] = defaultdict(str)
    for event in written(head(summary=summary), messages):
        kind, _, step = event["type"].rpartition(".")
        if kind not in LAST_WORDS:
            continue
        if step == "delta":
            joined[kind, event["item_id"]] += event["delta"]
        else:
            assert event[LAST_WORDS[kind]] == joined[kind, event["item_id"]]


@any_stream
def test_nothing_that_the_model_said_is_missing(messages: list[StreamChatResponse], summary: str) -> None:
    output = written(head(summary=summary), messages)[-1]["response"]["output"]
    message = whole(messages).choices[0].message
    texts = [part.get("text", "") for item in output if item["type"] == "message" for part in item["content"]]
    calls = [(item["name"], item["arguments"]) for item in output if item["type"] == "function_call"]
    assert "".join(texts) == message.content
    assert "".join(thoughts(item) for item in output) == message.reasoning_content
    assert sorted(calls) == sorted((call.name, call.arguments) for call in message.tool_calls)
    assert all(item["call_id"] for item in output if item["type"] == "function_call")


@given(messages=streams(), summary=st.sampled_from((None, "auto")))
def test_a_stream_ends_with_what_the_answer_would_have_been_at_once(
    messages: list[StreamChatResponse], summary: str
) -> None:
    one = head(summary=summary)
    last = written(one, messages)[-1]["response"]
    assert without_time(last) == without_time(response(one, whole(messages)))


def without_time(shown: JsonObject) -> JsonObject:
    return {name: value is None if name == "completed_at" else value for name, value in shown.items()}


def thoughts(item: JsonObject) -> str:
    if item["type"] != "reasoning":
        return ""
    return "".join(part["text"] for part in [*item["summary"], *item.get("content", ())])


def by_item(events: Sequence[JsonObject]) -> dict[int, list[JsonObject]]:
    found: defaultdict[int, list[JsonObject]] = defaultdict(list)
    for event in events:
        if "output_index" in event:
            found[event["output_index"]].append(event)
    return found


def assert_parts(events: Sequence[JsonObject]) -> None:
    """Each part is added, then grows, then is done, and the item holds what was told of it."""
    added = [part for event in events if event["type"].endswith("_part.added") for part in [event["part"]]]
    done = [part for event in events if event["type"].endswith("_part.done") for part in [event["part"]]]
    item = events[-1]["item"]
    held = [*item.get("content", ()), *item.get("summary", ())]
    assert [part["type"] for part in added] == [part["type"] for part in done] == [part["type"] for part in held]
    assert done == held
    pieces = [event["content_index"] for event in events if "content_index" in event]
    assert max(pieces, default=-1) < max(len(held), 1)
