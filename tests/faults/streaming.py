"""Faults in the middle of a stream, and streams that are odd and whole. Numbers 9 to 13, 22 to 28, 36 and 37."""

from collections.abc import Iterator

from broken_upstream import BrokenUpstream
from cases import Fault, Variant, at
from faces import DASHSCOPE, DONE, ENGINE, SITE, STOP, event, says, step
from outcomes import CRASHED, LIMITED, PROTOCOL, TRUNCATED, Answered
from raw_server import LAST_CHUNK, STREAM_HEAD, Step, chunk

ALL = (ENGINE, SITE, DASHSCOPE)
# A body without length and chunks ends with the connection.
TO_THE_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CUT = TRUNCATED.after("Hi")
BROKEN = PROTOCOL.after("Hi")
ODD_TEXT = "Grüße 你好 😀 a\u2028b\u0085c\x0bd"
MANY = 200_000


def whole(*events: bytes) -> list[bytes]:
    """A complete stream of these events of an engine."""
    return [STREAM_HEAD + chunk(b"".join(events) + STOP + DONE) + LAST_CHUNK]


def bytewise(body: bytes) -> list[bytes | float]:
    """A stream that comes byte by byte, each in a read of its own."""
    pieces = (part for at in range(len(body)) for part in (chunk(body[at : at + 1]), 0.0))
    return [STREAM_HEAD, *pieces, LAST_CHUNK]


def endless_line(_: BrokenUpstream) -> Iterator[bytes]:
    """A line of 100 MiB."""
    yield ENGINE.begun + chunk(b"data: ")
    for _at in range(1600):
        yield chunk(b"x" * 65_536)


def digits(_: BrokenUpstream, *, count: int = MANY) -> Iterator[bytes]:
    """Events of one digit each, a thousand in a write."""
    yield STREAM_HEAD
    thousand = b"".join(b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % (at % 10) for at in range(1000))
    for _at in range(count // 1000):
        yield chunk(thousand)
    yield chunk(STOP + DONE) + LAST_CHUNK


def usage(value: object) -> list[bytes]:
    """An answer with such a word about its cost."""
    last = event({"id": "c-1", "created": 1, "model": "m", "choices": [], "usage": value})
    return [STREAM_HEAD + chunk(says("Hi") + STOP + last + DONE) + LAST_CHUNK]


def call(index: int, **function: str) -> bytes:
    """A fragment of a tool call."""
    return step({"tool_calls": [{"index": index, "function": function}]})


HI = Answered("Hi")
CALLS_IN_DISORDER = (
    call(1, arguments='{"a":'), call(0, name="second"), call(1, name="first"), call(0, arguments="{}"),
    call(1, arguments="1}"),
)  # fmt: skip
ODD_USAGE = {
    "missing": None, "negative": {"prompt_tokens": -1, "completion_tokens": 1, "total_tokens": 0},
    "huge": {"prompt_tokens": 10**30, "completion_tokens": 1, "total_tokens": 1}, "text": "much", "a list": [1, 2],
    "words": {"prompt_tokens": "many"},
}  # fmt: skip

FAULTS = (
    Fault(
        9,
        "the end, without a finish reason and without `[DONE]`",
        [
            *at(ALL, "in chunks", CUT, lambda face: [face.begun + LAST_CHUNK]),
            Variant("with the connection", CUT, [TO_THE_END + says("Hi"), Step.CLOSE]),
        ],
    ),
    Fault(10, "the chunked body is cut", [*at(ALL, "no last chunk", CUT, lambda face: [face.begun, Step.CLOSE])]),
    Fault(11, "TCP reset in the middle", [*at(ALL, "reset", CUT, lambda face: [face.begun, 0.05, Step.RESET])]),
    Fault(
        12,
        "the finish reason came, `[DONE]` did not",
        [
            Variant("ended", HI, [ENGINE.begun + chunk(STOP) + LAST_CHUNK]),
            *at(ALL, "cut", HI, lambda face: [face.begun + chunk(face.ends.removesuffix(DONE)), Step.CLOSE]),
        ],
    ),
    Fault(
        13,
        "`[DONE]` without a finish reason",
        [
            Variant("done", CUT, [ENGINE.begun + chunk(DONE) + LAST_CHUNK]),
            Variant("done", CUT, [DASHSCOPE.begun + chunk(DONE) + LAST_CHUNK], face=DASHSCOPE),
        ],
    ),
    Fault(
        22,
        "an event that is no JSON",
        [*at(ALL, "half an object", BROKEN, lambda face: [face.begun + chunk(b"data: {canary-4711\n\n") + LAST_CHUNK])],
    ),
    Fault(
        23,
        "an error event in the middle",
        [
            Variant(
                "of its own",
                CRASHED.after("Hi"),
                [ENGINE.begun + chunk(event({"error": {"message": "canary-4711", "code": 500}})) + LAST_CHUNK],
            ),
            Variant(
                "of a limit",
                LIMITED.after("Hi").waiting(1, 5),
                [ENGINE.begun + chunk(event({"error": {"message": "canary-4711", "code": 429}})) + LAST_CHUNK],
            ),
        ],
    ),
    Fault(
        24,
        "bytes that are no UTF-8",
        [
            *at(
                ALL,
                "in the words",
                BROKEN,
                lambda face: [face.begun + chunk(face.says("?").replace(b"?", b"\xff\xfe")) + LAST_CHUNK],
            )
        ],
    ),
    Fault(
        25,
        "reads that split characters, events, and CR from LF",
        [
            Variant("byte by byte", Answered(ODD_TEXT), bytewise(says(ODD_TEXT) + STOP + DONE)),
            Variant("CRLF", HI, bytewise((says("Hi") + STOP + DONE).replace(b"\n", b"\r\n"))),
            Variant("CR", HI, bytewise((says("Hi") + STOP + DONE).replace(b"\n", b"\r"))),
        ],
        proofs=["tests/unit/upstreams/test_event_decoder.py"],
    ),
    Fault(
        26,
        "U+2028, U+0085 and U+000B in the text",
        [Variant("in one event", Answered(ODD_TEXT), whole(says(ODD_TEXT)))],
    ),
    Fault(
        27,
        "a line of 2 MiB, a line without end",
        [
            Variant("2 MiB", BROKEN, [ENGINE.begun + chunk(says("x" * (2 << 20)) + STOP + DONE) + LAST_CHUNK]),
            Variant("without end", BROKEN, endless_line),
        ],
        proofs=["tests/faults/test_bounds.py::test_a_line_without_end_is_not_kept"],
    ),
    Fault(
        28,
        "a million tiny events at full speed",
        [Variant("two hundred thousand digits", Answered("0123456789" * (MANY // 10)), digits)],
        proofs=["tests/faults/test_bounds.py::test_a_million_events_come_in_order_and_none_holds_the_loop_for_long"],
    ),
    Fault(
        36,
        "odd chunks: no role, null content, calls in disorder, two finishes",
        [
            Variant("no role, null content", HI, whole(step({"content": None}), says("Hi"), step({"role": None}))),
            Variant(
                "another id each time", HI, [ENGINE.begun + chunk(STOP.replace(b"c-1", b"c-2") + DONE) + LAST_CHUNK]
            ),
            Variant("calls in disorder", HI, whole(says("Hi"), *CALLS_IN_DISORDER)),
            Variant("a call without a name", BROKEN, whole(says("Hi"), call(0, arguments="{}"))),
            Variant("two finishes", HI, whole(says("Hi"), STOP)),
            Variant("two finishes that differ", HI, whole(says("Hi"), step({}, "length"))),
            Variant("an unknown member", HI, whole(says("Hi"), step({"whatever": {"deep": [None]}}))),
            Variant("a choice that is none", BROKEN, whole(says("Hi"), event({"choices": [7]}))),
        ],
        proofs=["tests/faults/test_oddities.py::test_the_first_finish_reason_stands"],
    ),
    Fault(
        37,
        "token counts that are missing, negative or huge",
        [Variant(f"usage: {name}", HI, usage(value)) for name, value in ODD_USAGE.items()],
        proofs=["tests/faults/test_oddities.py::test_no_count_is_better_than_a_wrong_one"],
    ),
)
