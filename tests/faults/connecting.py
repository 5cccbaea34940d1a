"""Faults before an answer: no connection, no headers, no event. Numbers 1 to 8; 3 and 4 need more than an upstream."""

from collections.abc import Iterator

from broken_upstream import BrokenUpstream
from cases import SHORT, Fault, Variant
from faces import ENGINE, SITE, says, step
from outcomes import CONNECT, IDLE, NO_EVENT, NO_HEADERS, PROTOCOL, TOTAL
from raw_server import STREAM_HEAD, Step, chunk

PING = chunk(b": ping\n\n")
PIECE = says("x" * 500_000)


def pings(_: BrokenUpstream) -> Iterator[bytes | float]:
    """Words, and then comments for ever."""
    yield ENGINE.begun
    while True:
        yield 0.05
        yield PING


def trickle(_: BrokenUpstream) -> Iterator[bytes | float]:
    """Words, and then an event of which a byte comes now and then."""
    yield ENGINE.begun + chunk(b"data: ")
    while True:
        yield 0.05
        yield chunk(b"x")


def without_end(_: BrokenUpstream) -> Iterator[bytes]:
    """Words for ever, as fast as they are taken."""
    yield ENGINE.begun
    while True:
        yield chunk(PIECE)


def nothing_much(_: BrokenUpstream) -> Iterator[bytes | float]:
    """Events without words, in time for every clock but that of the call."""
    yield ENGINE.begun
    while True:
        yield 0.05
        yield chunk(step({"content": ""}))


FAULTS = (
    Fault(1, "connection refused", [Variant("nobody listens", CONNECT, state=BrokenUpstream.absent, asked=0)]),
    Fault(
        2,
        "connection into a black hole: the listen queue is full",
        [Variant("no answer to SYN", CONNECT, state=BrokenUpstream.deaf, clocks=SHORT, asked=0)],
    ),
    Fault(
        5,
        "the request is taken and never answered",
        [Variant("no headers", NO_HEADERS, [Step.WAIT], clocks=SHORT)],
    ),
    Fault(
        6,
        "headers, and then nothing",
        [Variant("no event", NO_EVENT, [STREAM_HEAD, Step.WAIT], clocks=SHORT)],
    ),
    Fault(
        7,
        "one event, and then silence, or comments for ever",
        [
            Variant("silence", IDLE.after("Hi"), [ENGINE.begun, Step.WAIT], clocks=SHORT),
            Variant("silence", IDLE.after("Hi"), [SITE.begun, Step.WAIT], clocks=SHORT, face=SITE),
            Variant("comments", IDLE.after("Hi"), pings, clocks=SHORT),
        ],
    ),
    Fault(
        8,
        "content without end: cut at 64 MiB, or when the call has taken as long as one may",
        [
            Variant("64 MiB", PROTOCOL.after("x*"), without_end),
            Variant("10 minutes, in small", TOTAL.after("Hi"), nothing_much, total_s=1.0),
        ],
    ),
    Fault(
        29,
        "an event that trickles in byte by byte",
        [Variant("a byte now and then", IDLE.after("Hi"), trickle, clocks=SHORT)],
    ),
)
