"""Server-sent events from bytes, however the reads cut them."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams import sse
from qwen_grpc.upstreams.sse import EventDecoder

PIECES = (
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"data: ", b"data:", b"data", b": ping", b"event: x", b" ", b"{}"),
    *("\u2028".encode(), "\u0085".encode(), "é".encode(), b"\xef\xbb\xbf"),
)
streams = st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join)


def decoded(reads: Iterable[bytes]) -> list[bytes]:
    decoder = EventDecoder()
    return [event for read in reads for event in decoder.feed(read)]


def singly(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


@given(streams, st.lists(st.integers(0, 80), max_size=12))
def test_reads_that_cut_anywhere_give_the_same_events(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert decoded(stream[start:end] for start, end in itertools.pairwise(edges)) == decoded([stream])


@given(streams)
def test_single_bytes_give_the_same_events(stream: bytes) -> None:
    assert decoded(singly(stream)) == decoded([stream])


@given(streams)
def test_all_line_ends_mean_the_same(stream: bytes) -> None:
    plain = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for end in (b"\r", b"\r\n"):
        assert decoded([plain.replace(b"\n", end)]) == decoded([plain])


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a \n\n", [b" a "]),
        (b"data: one\ndata: two\n\n", [b"one\ntwo"]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
        (b": keep-alive\n\ndata: a\n\n", [b"a"]),
        (b": note\ndata: a\nevent: x\nid: 1\nretry: 5\nodd\n\n", [b"a"]),
        (b"data:\n\n", []),
        (b"\n\n\ndata: a\n\n\n\n", [b"a"]),
        ("data: a\u2028b\u0085c\x0bd\n\n".encode(), ["a\u2028b\u0085c\x0bd".encode()]),
        (b"data: not ended\n", []),
        (b"data: not ended", []),
        (b"data: a\n\ndata: not ended\n", [b"a"]),
    ],
)
def test_a_stream_is_read_as_the_standard_says(stream: bytes, events: list[bytes]) -> None:
    assert decoded([stream]) == events
    assert decoded(singly(stream)) == events


def test_events_come_out_with_the_read_that_completes_them() -> None:
    decoder = EventDecoder()
    assert [decoder.feed(read) for read in (b"data: a\n", b"\ndata: b\n\nda", b"ta: c\r", b"\n", b"\r\n")] == [
        [],
        [b"a", b"b"],
        [],
        [],
        [b"c"],
    ]


def test_an_event_may_be_as_large_as_the_limit_and_no_larger() -> None:
    text = b"x" * (sse.MAX_EVENT_BYTES - len("data: "))
    assert decoded([b"data: " + text + b"\n\n"]) == [text]
    with pytest.raises(UpstreamProtocol, match="^the upstream sent an event of more than 1 MiB$"):
        decoded([b"data: x" + text + b"\n\n"])


def test_an_event_without_end_is_refused_while_it_arrives() -> None:
    with pytest.raises(UpstreamProtocol, match="^the upstream sent an event of more than 1 MiB$"):
        decoded([b"x" * (1 << 15)] * 40)


def test_a_stream_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_STREAM_BYTES", 2 << 20)
    decoder = EventDecoder()
    record = b"data: " + b"x" * (1 << 19) + b"\n\n"
    assert [len(decoder.feed(record)) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(UpstreamProtocol, match="^the upstream's stream is longer than 2 MiB$"):
        decoder.feed(record)


def test_a_large_event_in_single_bytes_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    class Counting(bytearray):
        def find(self, sub: bytes, start: int = 0) -> int:  # type: ignore[override]
            nonlocal looked_at
            looked_at += len(self) - start
            return super().find(sub, start)

    monkeypatch.setattr(sse, "bytearray", Counting, raising=False)
    record = b"data: " + b"x" * 30_000 + b"\n\n"

    assert decoded(singly(record)) == [b"x" * 30_000]
    assert len(record) <= looked_at <= 3 * len(record)
