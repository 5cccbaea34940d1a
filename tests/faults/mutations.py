"""Answers that no upstream has planned: good and bad ones, broken at random, the same for the same seed."""

import random
from collections.abc import Callable, Sequence

from answering import BODIES, BOT_CHECK, LIMITED_AT_THE_SITE, PHRASES, framed
from faces import DONE, Face, event, step
from qwen_wire import JSON
from raw_server import LAST_CHUNK, STREAM_HEAD, answer, chunk

WORDS = (
    b"\r\n", b"\n\n", b"\r", b"data: ", b"data:", b": ping\n\n", b"[DONE]", b"event: error\n", b"id: 7\n", b"null",
    b"true", b"-1", b"9" * 40, b"1e400", b"{}", b"[]", b'"', b"\\ud800", b"\\u0000", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\x00", b"0\r\n\r\n", b"ffffffff\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n", b"Content-Type: text/html\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", b'"error":{}',
    b'{"error":"x"}', b'"code":429', b'"choices":[]', b'"index":4096', b'"finish_reason":"error"', b"[" * 3000,
    b"HTTP/1.1 100 Continue\r\n\r\n",
)  # fmt: skip


def bases(face: Face) -> Sequence[bytes]:
    """Answers to begin with."""
    streams = [
        face.whole("Hi"), face.whole("Grüße 你好 😀"), face.begun + LAST_CHUNK, face.begun + chunk(DONE) + LAST_CHUNK,
        STREAM_HEAD + chunk(face.begins + face.says("a") + face.says("b") + face.ends) + LAST_CHUNK,
        framed() + face.begins + face.says("Hi") + face.ends, STREAM_HEAD + LAST_CHUNK,
        face.begun + chunk(event({"error": {"message": "m", "code": 500}})) + LAST_CHUNK,
        face.begun + chunk(step({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}) + face.ends) + LAST_CHUNK,
    ]  # fmt: skip
    refusals = [answer(body, header, status=phrase) for phrase in PHRASES.values() for body, header in BODIES.values()]
    return [*streams * 4, *refusals, answer(LIMITED_AT_THE_SITE, JSON), answer(BOT_CHECK, JSON)]


def flipped(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]


def cut_short(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body))]


def holed(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + body[at + chance.randrange(1, 40) :]


def doubled(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    end = at + chance.randrange(1, 120)
    return body[:end] + body[at:end] + body[end:]


def worded(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + chance.choice(WORDS) + body[at:]


def noisy(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + chance.randbytes(chance.randrange(1, 60)) + body[at:]


MUTATIONS: Sequence[Callable[[random.Random, bytes], bytes]] = (
    flipped,
    cut_short,
    holed,
    doubled,
    worded,
    worded,
    noisy,
)


def broken(chance: random.Random, made: Sequence[bytes]) -> bytes:
    """One of the answers, broken in a few places; now and then pieced together from two, or plain noise."""
    kind = chance.randrange(20)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 400))
    body = chance.choice(made)
    if kind == 1:
        other = chance.choice(made)
        body = body[: chance.randrange(len(body))] + other[chance.randrange(len(other)) :]
    for _ in range(chance.randrange(1, 5)):
        body = chance.choice(MUTATIONS)(chance, body) if body else chance.randbytes(9)
    return body
