"""What the upstream does, one function for each behaviour: the steps of its answer to one request."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import TypeAlias

from qwen_grpc.conform.answers import (
    DONE,
    END,
    HEAD,
    HTML,
    TEXT,
    Asked,
    Break,
    Pause,
    Step,
    answer,
    chunk,
    completion,
    dump,
    error,
    event,
    finished,
    piece,
    said,
    whole,
)

Script: TypeAlias = Callable[[Asked], Iterator[Step]]

# Longer than anybody should need to notice that a client left.
HOLD_S = 8.0
PACE_S = 0.1
# So that what was sent before a break is read before it.
SETTLE_S = 0.1
NEXT_S, LAST_S = 0.005, 0.4
AGAIN = "Once more."
SEPARATORS = "before\u2028after\u0085then\u000bend"
MANY_BYTES = "Größe 漢字 🙂 ends"
TOOL = {"name": "look_up", "arguments": '{"city":"Köln"}'}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def call_id(nonce: str) -> str:
    """The id of the tool call that a request gets."""
    return f"call_{nonce}"


# -- good answers -----------------------------------------------------------------------------------------------------


def plain(asked: Asked) -> Iterator[Step]:
    """An answer in three steps."""
    return answer(asked, *TEXT)


def tool_call(asked: Asked) -> Iterator[Step]:
    """A tool call, whose id comes with the first of its steps."""
    call = {"id": call_id(asked.marker.nonce), "type": "function", "function": TOOL}
    if not asked.streamed:
        yield whole(completion(asked, {"content": None, "tool_calls": [call]}, "tool_calls"))
        return
    name, arguments = {**TOOL, "arguments": ""}, {"arguments": TOOL["arguments"]}
    yield HEAD
    yield piece(chunk(asked, {"role": "assistant", "tool_calls": [{**call, "index": 0, "function": name}]}))
    yield piece(chunk(asked, {"tool_calls": [{"index": 0, "function": arguments}]}))
    yield piece(finished(asked, "tool_calls")) + piece(DONE) + END


def separators(asked: Asked) -> Iterator[Step]:
    """Text with the separators that some line readers take for line ends."""
    return answer(asked, SEPARATORS)


def split(asked: Asked) -> Iterator[Step]:
    """Characters of several bytes, each byte in a write of its own."""
    if not asked.streamed:
        yield from (bytes([byte]) for byte in whole(completion(asked, {"content": MANY_BYTES})))
        return
    yield HEAD
    yield from (piece(bytes([byte])) for byte in said(asked, MANY_BYTES))
    yield piece(finished(asked)) + piece(DONE) + END


def no_done(asked: Asked) -> Iterator[Step]:
    """A finish reason and a proper end, without `[DONE]`."""
    yield HEAD
    yield from (piece(said(asked, text)) for text in TEXT)
    yield piece(finished(asked)) + END


def paced(asked: Asked) -> Iterator[Step]:
    """A second event right after the first, and the third much later."""
    first, second, third = (piece(said(asked, text)) for text in TEXT)
    yield HEAD + first
    yield Pause(NEXT_S)
    yield second
    yield Pause(LAST_S)
    yield third
    yield piece(finished(asked)) + piece(DONE) + END


def picture(asked: Asked) -> Iterator[Step]:
    """A picture of one pixel."""
    yield whole(dump({"created": int(asked.now), "data": [{"b64_json": base64.b64encode(PIXEL).decode()}]}))


# -- silence ----------------------------------------------------------------------------------------------------------


def silent_start(asked: Asked) -> Iterator[Step]:
    """Headers, then nothing for a while, then a good answer."""
    yield HEAD
    yield Pause(asked.marker.seconds)
    yield from (piece(said(asked, text)) for text in TEXT)
    yield piece(finished(asked)) + piece(DONE) + END


def silent_middle(asked: Asked) -> Iterator[Step]:
    """One event, then nothing for a while, then the rest."""
    first, *rest = TEXT
    yield HEAD + piece(said(asked, first))
    yield Pause(asked.marker.seconds)
    yield from (piece(said(asked, text)) for text in rest)
    yield piece(finished(asked)) + piece(DONE) + END


def held(asked: Asked) -> Iterator[Step]:
    """Nothing at all for long."""
    yield Pause(HOLD_S)
    yield from plain(asked)


def slow(asked: Asked) -> Iterator[Step]:
    """A word every now and then, for long."""
    if not asked.streamed:
        yield from held(asked)
        return
    yield HEAD
    for number in range(int(HOLD_S / PACE_S)):
        yield piece(said(asked, f"{number} "))
        yield Pause(PACE_S)
    yield piece(finished(asked)) + piece(DONE) + END


# -- refusals ---------------------------------------------------------------------------------------------------------


def limited(asked: Asked) -> Iterator[Step]:
    """429 with the seconds to wait."""
    yield _limited(f"{asked.marker.seconds:.0f}")


def limited_until(asked: Asked) -> Iterator[Step]:
    """429 with the time to wait for."""
    yield _limited(formatdate(asked.now + asked.marker.seconds, usegmt=True))


def _limited(wait: str) -> bytes:
    body = error("Rate limit reached.", "rate_limit_error", "rate_limit_exceeded")
    return whole(body, status="429 Too Many Requests", more={"retry-after": wait})


def unavailable(_: Asked) -> Iterator[Step]:
    """503, for ever."""
    yield whole(error("Overloaded.", "service_unavailable_error", "overloaded"), status="503 Service Unavailable")


def refused(_: Asked) -> Iterator[Step]:
    """400 in OpenAI's form."""
    body = error("max_tokens is too large.", "invalid_request_error", "invalid_value", "max_tokens")
    yield whole(body, status="400 Bad Request")


def unknown(asked: Asked) -> Iterator[Step]:
    """404 for a model that is not there."""
    body = error(f"The model `{asked.model}` does not exist.", "invalid_request_error", "model_not_found", "model")
    yield whole(body, status="404 Not Found")


# -- failures that look like success ----------------------------------------------------------------------------------


def html(_: Asked) -> Iterator[Step]:
    """200 with a page."""
    yield whole(b"<!doctype html><html><head><title>One moment</title></head><body>Checking.</body></html>", HTML)


def error_in_200(_: Asked) -> Iterator[Step]:
    """200 with a JSON error."""
    yield whole(_crashed())


def _crashed() -> bytes:
    return error("The model crashed.", "server_error", "internal_error")


def empty(asked: Asked) -> Iterator[Step]:
    """200 with nothing in it."""
    yield HEAD + END if asked.streamed else whole(b"")


def no_finish(asked: Asked) -> Iterator[Step]:
    """Some words and a clean end, without a finish reason."""
    return _unfinished(asked, b"")


def done_only(asked: Asked) -> Iterator[Step]:
    """Some words and `[DONE]`, without a finish reason."""
    return _unfinished(asked, piece(DONE))


def _unfinished(asked: Asked, last: bytes) -> Iterator[Step]:
    if not asked.streamed:
        yield whole(completion(asked, {"content": "".join(TEXT[:2])}, None))
        return
    yield HEAD
    yield from (piece(said(asked, text)) for text in TEXT[:2])
    yield last + END


def garbage(asked: Asked) -> Iterator[Step]:
    """An event in the middle that is no JSON; everything around it is good."""
    return _spoilt(asked, event(b"{not json"), b'{"choices": [{"mess')


def bad_utf8(asked: Asked) -> Iterator[Step]:
    """Words in the middle that are no UTF-8; everything around them is good."""
    text, bad = "@@@@", b"\xff\xfe\xc3\x28"
    body = completion(asked, {"content": text})
    return _spoilt(asked, said(asked, text).replace(text.encode(), bad), body.replace(text.encode(), bad))


def _spoilt(asked: Asked, middle: bytes, body: bytes) -> Iterator[Step]:
    if not asked.streamed:
        yield whole(body)
        return
    yield HEAD
    yield piece(said(asked, TEXT[0]))
    yield piece(middle)
    yield piece(said(asked, TEXT[2]))
    yield piece(finished(asked)) + piece(DONE) + END


def error_event(asked: Asked) -> Iterator[Step]:
    """An error event after some words, and then a clean end."""
    if not asked.streamed:
        yield whole(_crashed())
        return
    yield HEAD
    yield from (piece(said(asked, text)) for text in TEXT[:2])
    yield piece(event(_crashed())) + END


# -- broken connections -----------------------------------------------------------------------------------------------


def cut(asked: Asked) -> Iterator[Step]:
    """Some words, then the connection is closed in the middle of the body."""
    return _broken(asked, Break.CUT)


def reset(asked: Asked) -> Iterator[Step]:
    """Some words, then the connection is reset."""
    return _broken(asked, Break.RESET)


def _broken(asked: Asked, how: Break) -> Iterator[Step]:
    if asked.streamed:
        yield HEAD
        yield from (piece(said(asked, text)) for text in TEXT[:2])
    else:
        body = whole(completion(asked, {"content": "".join(TEXT)}))
        yield body[: len(body) - 40]
    yield Pause(SETTLE_S)
    yield how


def broken_once(asked: Asked) -> Iterator[Step]:
    """The first time a broken connection after some words, later a good answer."""
    return cut(asked) if asked.attempt == 1 else answer(asked, AGAIN)
