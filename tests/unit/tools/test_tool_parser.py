"""The rules by which calls are found in text, one by one; each at any cut."""

import re

import pytest
from transcripts import read

from qwen_grpc.tools.parser import MAX_CALL, ToolParser, call_id

WEATHER = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
CALLED = ("weather", '{"city": "Paris"}')


def at_any_cut(text: str, *, parallel: bool = True) -> tuple[str, list[tuple[str, str]]]:
    """What is found, which has to be the same however the text is cut."""
    whole = read(text, parallel=parallel)
    for size in (1, 2, 3, 5, 8, 13):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert read(*pieces, parallel=parallel) == whole, size
    return whole


def test_text_without_markup_is_told_to_the_last_character() -> None:
    text = '  Hello <b>you</b>,\n a < b and {"json": true} \n\n'
    assert at_any_cut(text) == (text, [])


def test_a_call_alone_leaves_no_content() -> None:
    assert at_any_cut(WEATHER) == ("", [CALLED])


def test_several_calls_are_told_in_order() -> None:
    second = '<tool_call>{"name":"run","arguments":{}}</tool_call>'
    assert at_any_cut(f"{WEATHER}\n{second}\n") == ("", [CALLED, ("run", "{}")])


def test_text_around_calls_is_content_and_keeps_its_distance() -> None:
    assert at_any_cut(f"Let me look.\n\n{WEATHER}\n{WEATHER}\n\n\nDone.\n") == (
        "Let me look.\n\nDone.",
        [CALLED, CALLED],
    )
    assert at_any_cut(f"Look:{WEATHER}\n\nDone.") == ("Look:\n\nDone.", [CALLED])


def test_arguments_are_the_text_that_the_model_wrote() -> None:
    written = '{ "city" : "Par\\u0069s",\n  "n": 1.50, "big": 123456789012345678901 }'
    text = f'<tool_call>{{"arguments": {written}, "name": "weather"}}</tool_call>'
    assert at_any_cut(text) == ("", [("weather", written)])


def test_arguments_may_hold_the_tags() -> None:
    arguments = '{"text": "write <tool_call>{}</tool_call> like this"}'
    text = f'<tool_call>{{"name": "note", "arguments": {arguments}}}</tool_call>'
    assert at_any_cut(text) == ("", [("note", arguments)])


def test_arguments_written_as_a_text_are_that_text() -> None:
    text = '<tool_call>{"name": "f", "arguments": "{\\"a\\": \\"\\u00e9\\"}"}</tool_call>'
    assert at_any_cut(text) == ("", [("f", '{"a": "é"}')])


@pytest.mark.parametrize("rest", ["", ', "arguments": null', ', "arguments": ""', ', "arguments": {}'])
def test_a_call_without_arguments_has_an_empty_object(rest: str) -> None:
    assert at_any_cut(f'<tool_call>{{"name": "now"{rest}}}</tool_call>') == ("", [("now", "{}")])


def test_a_function_that_nobody_offered_is_called_all_the_same() -> None:
    assert at_any_cut('<tool_call>{"name": "no_such_tool"}</tool_call>')[1] == [("no_such_tool", "{}")]


def test_a_call_whose_closing_tag_is_missing_is_a_call_if_its_json_is_whole() -> None:
    assert at_any_cut(WEATHER.removesuffix("</tool_call>")) == ("", [CALLED])


def test_two_calls_may_share_their_tags() -> None:
    assert at_any_cut('<tool_call>{"name": "f"}\n{"name": "g"}</tool_call>') == ("", [("f", "{}"), ("g", "{}")])


REPAIRED = {
    '{"name": "f", "arguments": {"a": [1, {"b": 2}': '{"a":[1,{"b":2}]}',
    '{"name": "f", "arguments": {"a": 1,},}': '{"a":1}',
    '{"name": "f", "arguments": {"a": 1}}}}': '{"a": 1}',
    '{"name": "f", "arguments": {"a": "one\ntwo\tthree"}}': '{"a":"one\\ntwo\\tthree"}',
    '{"name": "f", "arguments": {"a": "one\ntwo", "b": [1,': '{"a":"one\\ntwo","b":[1]}',
    '{"name": "f", "arguments": {"a": "half \\ud83d"}}': '{"a":"half \\ud83d"}',
}


@pytest.mark.parametrize("written", REPAIRED)
def test_what_is_almost_json_is_repaired(written: str) -> None:
    assert at_any_cut(f"<tool_call>\n{written}\n</tool_call>") == ("", [("f", REPAIRED[written])])


BROKEN = [
    '{"name": "f", "arguments": {"path": "/tmp/x}}',
    '{"name": "f", "arguments": {"a": "say "hi""}}',
    "{'name': 'f', 'arguments': {}}",
    '{"name": "f", "arguments": [1]}',
    '{"name": "f", "arguments": 5}',
    '{"name": "f", "arguments": {"a": NaN}}',
    '{"name": "", "arguments": {}}',
    '{"name": "\\ud800", "arguments": {}}',
    '{"arguments": {}}',
    '{"name": 5}',
    '{"name": "f"',
    "{}",
    "weather(city=Paris)",
    "",
]


@pytest.mark.parametrize("written", BROKEN[:-4] + BROKEN[-3:])
def test_what_is_no_call_is_content_without_its_tags(written: str) -> None:
    assert at_any_cut(f"<tool_call>{written}</tool_call>") == (written, [])


def test_after_a_broken_call_the_next_one_counts() -> None:
    broken = BROKEN[0]
    assert at_any_cut(f"<tool_call>{broken}\n</tool_call>\n{WEATHER}") == (broken, [CALLED])
    assert at_any_cut(f'<tool_call>{{"name": {WEATHER}') == ('{"name":', [CALLED])


def test_a_call_that_the_answer_ended_in_does_not_run() -> None:
    cut = '{"name": "run", "arguments": {"command": "rm -rf /tmp'
    assert at_any_cut(f"Now.\n<tool_call>\n{cut}") == (f"Now.\n{cut}", [])


@pytest.mark.parametrize("fence", ["```", "~~~~", "```xml", "  ```"])
def test_what_is_shown_in_a_code_block_does_not_run(fence: str) -> None:
    shown = f"Like this:\n{fence}\n{WEATHER}\n{fence.rstrip('xml')}\n"
    assert at_any_cut(shown) == (shown, [])
    assert at_any_cut(shown + WEATHER) == (shown.rstrip(), [CALLED])


def test_what_is_shown_in_a_line_does_not_run() -> None:
    shown = 'Write `<tool_call>{"name": "f"}</tool_call>` for that.'
    assert at_any_cut(shown) == (shown, [])
    assert at_any_cut(f"`a` and `b`: {WEATHER}") == ("`a` and `b`:", [CALLED])


def test_a_stray_closing_tag_is_no_content() -> None:
    assert at_any_cut(f"{WEATHER}</tool_call> Well </tool_call>then") == ("Well then", [CALLED])


def test_no_tag_arises_where_another_was() -> None:
    assert at_any_cut("<tool_<tool_call>call>") == ("<tool_ call>", [])
    assert at_any_cut(f"</tool_{WEATHER}call>") == ("</tool_ call>", [CALLED])


def test_without_parallel_calls_only_the_first_one_counts() -> None:
    second = '<tool_call>{"name":"run"}</tool_call>'
    assert at_any_cut(f"{WEATHER}{second} Well.", parallel=False) == ("Well.", [CALLED])


def test_text_is_told_as_soon_as_it_is_known_to_be_text() -> None:
    parser = ToolParser()
    told = ["".join(delta.content for delta in parser.feed(piece)) for piece in ("Hello", " you", " <to", "p>", " \n")]
    assert told == ["Hello", " you", "", " <top>", ""]


def test_a_call_is_one_step_with_an_id_of_its_own() -> None:
    parser = ToolParser()
    steps = [call for delta in parser.feed(WEATHER * 2) for call in delta.tool_calls]
    assert [(step.index, step.type, step.name, step.arguments) for step in steps] == [
        (0, "function", *CALLED),
        (1, "function", *CALLED),
    ]
    assert len({step.id for step in steps}) == 2
    assert re.fullmatch("call_[0-9a-f]{24}", call_id())


@pytest.mark.parametrize("size", [1000, 100_000, 10 * MAX_CALL])
def test_a_call_that_never_ends_is_held_up_to_a_limit(size: int) -> None:
    parser, told, held = ToolParser(), 0, 0
    body = '{"name": "f", "arguments": {"a": "' + "x" * (3 * MAX_CALL)
    text = "<tool_call>" + body
    for at in range(0, len(text), size):
        told += sum(len(delta.content) for delta in parser.feed(text[at : at + size]))
        held = max(held, at + size - told)
    assert told + sum(len(delta.content) for delta in parser.finish()) == len(body)
    assert held <= MAX_CALL + 2 * size + 100


def test_the_limit_is_the_same_at_any_cut() -> None:
    def call_of(length: int) -> str:
        body = '{"name": "f", "arguments": {"a": "%s"}}'
        return "<tool_call>" + body % ("x" * (length - len(body) + 2)) + "</tool_call>"

    for size in (100_000, 1 << 23):
        for length, calls in ((MAX_CALL, 1), (MAX_CALL + 1, 0)):
            text = call_of(length)
            assert len(read(*[text[at : at + size] for at in range(0, len(text), size)])[1]) == calls
