"""Faults in place of an answer: pages, refusals, statuses, and wrong HTTP. Numbers 14 to 21 and 30 to 35."""

import gzip
import json
import time
from collections.abc import Iterator
from email.utils import formatdate

from broken_upstream import BrokenUpstream
from cases import SHORT, Fault, Variant, at
from faces import DASHSCOPE, ENGINE, SITE, Face
from outcomes import (
    BUSY,
    CHALLENGE,
    CRASHED,
    DENIED,
    DOWN,
    EMPTY,
    EXPIRED,
    FAILED,
    INVALID,
    LIMITED,
    NO_MODEL,
    NOT_FOUND,
    PROTOCOL,
    QUOTA,
    REDIRECT,
    TOO_LARGE,
    TRUNCATED,
    Answered,
    Failed,
)
from qwen_wire import JSON
from raw_server import LAST_CHUNK, STREAM_HEAD, Step, answer, chunk

ALL = (ENGINE, SITE, DASHSCOPE)
SSE = b"Content-Type: text/event-stream"
HTML = b"Content-Type: text/html"
PAGE = b"<!doctype html><html><body>canary-4711</body></html>"
HI = Answered("Hi")
CUT = TRUNCATED.after("Hi")
BODIES = {"JSON": (b'{"detail":"canary-4711"}', JSON), "a page": (PAGE, HTML), "nothing": (b"", b"X-Empty: yes")}
PHRASES = {
    401: b"401 Unauthorized", 403: b"403 Forbidden", 404: b"404 Not Found", 409: b"409 Conflict",
    413: b"413 Too Large", 422: b"422 Unprocessable", 429: b"429 Too Many", 500: b"500 Internal",
    502: b"502 Bad Gateway", 503: b"503 Unavailable", 504: b"504 Gateway Timeout",
}  # fmt: skip
BUSY_SOON = BUSY.waiting(2)
A_MOMENT = (1, 5)

# What each refusal means where the body says nothing better.
REFUSALS: dict[Face, dict[int, Failed]] = {
    ENGINE: {401: EXPIRED, 403: DENIED, 404: FAILED, 409: BUSY_SOON, 413: TOO_LARGE, 422: INVALID},
    SITE: {401: EXPIRED, 403: DENIED, 404: NOT_FOUND, 409: BUSY_SOON, 413: TOO_LARGE, 422: INVALID},
    DASHSCOPE: {401: EXPIRED, 403: DENIED, 404: NOT_FOUND, 409: BUSY_SOON, 413: TOO_LARGE, 422: INVALID},
}


def refusals(face: Face) -> Iterator[Variant]:
    """Each of the statuses with each of the bodies."""
    for status, means in REFUSALS[face].items():
        for kind, (body, header) in BODIES.items():
            meant = CHALLENGE if face is SITE and (status, kind) == (403, "a page") else means
            # The site is asked once more when it is busy.
            asked = 2 if face is SITE and status == 409 else 1
            play = [answer(body, header, status=PHRASES[status])]
            yield Variant(f"{status} with {kind}", meant, play, face=face, asked=asked)


def without_words(face: Face) -> Iterator[Variant]:
    """Refusals whose words break off, are endless, or never come: the status tells enough."""
    told = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    for name, rest in (("cut", [Step.CLOSE]), ("silent", [Step.WAIT]), ("endless", [b"x" * 65_536] * 50)):
        yield Variant(f"401 and then {name}", EXPIRED, [told + b'{"de', *rest], face=face, clocks=SHORT)


def outages(face: Face) -> Iterator[Variant]:
    """Statuses of the server's own trouble."""
    down = DOWN if face is SITE else DOWN.waiting(*A_MOMENT)
    for status in (500, 502, 503, 504):
        for kind in ("JSON", "a page"):
            body, header = BODIES[kind]
            play = [answer(body, header, status=PHRASES[status])]
            yield Variant(f"{status} with {kind}", CRASHED if status == 500 else down, play, face=face)


def limits(face: Face) -> Iterator[Variant]:
    """Waits as upstreams name them."""
    default = LIMITED if face is SITE else LIMITED.waiting(*A_MOMENT)
    told = {
        "7": LIMITED.waiting(7), "1000000000000": LIMITED.waiting(86_400), "-1": default, "soon": default,
        "": default, "7.5": default, "Wed, 99 Nov 2026 00:00:00 GMT": default,
    }  # fmt: skip
    for value, means in told.items():
        yield Variant(f"Retry-After: {value}", means, [_limit(value)], face=face)
    yield Variant("Retry-After: a date", LIMITED.waiting(30, 60), lambda _: [_limit(_date(60))], face=face)
    past = LIMITED.waiting(0) if face is SITE else default
    yield Variant("Retry-After: a date of yesterday", past, lambda _: [_limit(_date(-86_400))], face=face)


def _limit(value: str) -> bytes:
    body, header = BODIES["JSON"]
    return answer(body, header, b"Retry-After: " + value.encode(), status=PHRASES[429])


def _date(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


def elsewhere(status: str) -> Variant:
    """A redirect to another name of the same server, which would see who follows it."""

    def play(upstream: BrokenUpstream) -> list[bytes]:
        there = upstream.url.replace("127.0.0.1", "localhost").encode()
        return [answer(b"", b"Location: " + there + b"/elsewhere", status=status.encode())]

    return Variant(status, REDIRECT, play)


def framed(*headers: bytes) -> bytes:
    """The head of a stream with these headers about its length."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", SSE, *headers, b"", b""])


def cookies(count: int) -> list[bytes]:
    """A whole answer that sets so many cookies, some for other domains."""
    domains = (b"", b"; Domain=127.0.0.1", b"; Domain=example.com", b"; Path=/v1")
    lines = (b"Set-Cookie: jar%d=%s%s\r\n" % (at, b"canary-4711" * 8, domains[at % 4]) for at in range(count))
    return [ENGINE.whole().replace(b"\r\n\r\n", b"\r\n" + b"".join(lines) + b"\r\n", 1)]


def _encoded(face: Face) -> bytes:
    return face.whole().replace(b"\r\n\r\n", b"\r\nContent-Encoding: br\r\n\r\n", 1)


WORDS = ENGINE.says("Hi")
LIMITED_AT_THE_SITE = b'{"success":false,"data":{"code":"RateLimited","num":7,"details":"canary-4711"}}'
BOT_CHECK = b'{"ret":["FAIL_SYS_USER_VALIDATE","RGV587_ERROR::SM::canary-4711"],"data":{"url":"https://canary-4711/"}}'
NO_SUCH_MODEL = json.dumps({"error": {"message": "The model `canary-4711` does not exist.", "code": 404}}).encode()
BOMB = gzip.compress(b"data: " + b"0" * (32 << 20), compresslevel=9)

FAULTS = (
    Fault(
        14,
        "200 with a page",
        [
            Variant("a challenge", CHALLENGE, [answer(PAGE, HTML)], face=SITE),
            Variant("a challenge that calls itself a stream", CHALLENGE, [answer(PAGE, SSE)], face=SITE),
            *at((ENGINE, DASHSCOPE), "a page", PROTOCOL, lambda _: [answer(PAGE, HTML)]),
        ],
    ),
    Fault(
        15,
        "200 with JSON that says `RateLimited` for 7 hours",
        [Variant("an envelope", QUOTA.waiting(25_200), [answer(LIMITED_AT_THE_SITE, JSON)], face=SITE)],
    ),
    Fault(
        16,
        "200 with nothing",
        [
            *at(ALL, "no body", EMPTY, lambda _: [answer(b"", SSE)]),
            *at(ALL, "no body that is JSON", EMPTY, lambda _: [answer(b"", JSON)]),
            *at(ALL, "no event", EMPTY, lambda _: [STREAM_HEAD + LAST_CHUNK]),
        ],
    ),
    Fault(
        17,
        "200 with `FAIL_SYS_USER_VALIDATE`",
        [Variant("a bot check", CHALLENGE, [answer(BOT_CHECK, JSON)], face=SITE)],
    ),
    Fault(
        18,
        "401, 403, 404, 409, 413, 422, each with JSON, a page and nothing; words that break off or never come",
        [
            *(variant for face in ALL for variant in refusals(face)),
            Variant("404 of a model", NO_MODEL, [answer(NO_SUCH_MODEL, JSON, status=PHRASES[404])]),
            *(variant for face in ALL for variant in without_words(face)),
        ],
    ),
    Fault(
        19,
        "429 with `Retry-After`: a number, a date, -1, a word, 10^12",
        [variant for face in ALL for variant in limits(face)],
    ),
    Fault(20, "500, 502, 503, 504 with JSON and a page", [variant for face in ALL for variant in outages(face)]),
    Fault(
        21,
        "a redirect to another host",
        [elsewhere(status) for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent")],
    ),
    Fault(
        30,
        "a gzip bomb as `Content-Encoding`",
        [
            *at(ALL, "a stream", PROTOCOL, lambda _: [answer(BOMB, SSE, b"Content-Encoding: gzip")]),
            *at(ALL, "brotli, so it says", PROTOCOL, lambda face: [_encoded(face)]),
        ],
    ),
    Fault(
        31,
        "wrong lengths: too long, too short, two of them, beside chunks",
        [
            Variant("too long", CUT, [framed(b"Content-Length: 100000") + WORDS, Step.CLOSE]),
            Variant("too short", CUT, [framed(b"Content-Length: %d" % len(WORDS)) + WORDS + ENGINE.ends]),
            Variant("two", PROTOCOL, [framed(b"Content-Length: 9", b"Content-Length: 10") + WORDS]),
            Variant("not a number", PROTOCOL, [framed(b"Content-Length: 0x10") + WORDS]),
            Variant(
                "beside chunks", PROTOCOL, [framed(b"Content-Length: 9", b"Transfer-Encoding: chunked") + chunk(WORDS)]
            ),
            Variant("a chunk of no size", PROTOCOL.after("Hi"), [ENGINE.begun, 0.05, b"zz\r\ncanary-4711\r\n"]),
        ],
    ),
    Fault(
        32,
        "bytes behind the answer, for the next request to read",
        [
            Variant("another answer", HI, [ENGINE.whole() + ENGINE.whole("forged")]),
            Variant("noise", HI, [ENGINE.whole() + b"canary-4711\r\n\r\n"]),
        ],
        proofs=[
            "tests/integration/test_transport_framing.py::"
            "test_what_lies_unread_on_a_kept_connection_is_seen_before_a_post_is_written_to_it"
        ],
    ),
    Fault(
        33,
        "a kept connection is closed just as it is used again",
        [
            Variant("a goodbye", HI, state=BrokenUpstream.hanging_up),
            Variant("after the request was read: nobody knows what was done", TRUNCATED, [Step.CLOSE]),
        ],
        proofs=[
            "tests/integration/test_transport_framing.py::"
            "test_what_lies_unread_on_a_kept_connection_is_seen_before_a_post_is_written_to_it"
        ],
    ),
    Fault(
        34,
        "GOAWAY, REFUSED_STREAM, RST_STREAM from an HTTP/2 upstream",
        absent="calls to upstreams speak HTTP/1.1 and nothing else, so there is no frame of HTTP/2 to come back",
    ),
    Fault(
        35,
        "storms of `Set-Cookie`",
        [Variant("400 cookies", HI, cookies(400)), Variant("4000 cookies", PROTOCOL, cookies(4000))],
        proofs=[
            "tests/integration/test_transport.py::test_a_cookie_that_an_upstream_sets_is_seen_once_and_never_sent_back"
        ],
    ),
)
