"""Misbehaviour below the dialect: statuses, bodies and connections that no Qwen of good will sends."""

import asyncio
from collections.abc import Sequence

import grpc
import pytest
from both_doors import WAYS, Outcome, grpc_failure, metadata, open_doors, question, request_of, site
from grpc import StatusCode
from qwen_wire import CREATED, FINISHED, GOODBYE, JSON, MODELS, NEW_CHAT, Refused, said, wordless
from raw_server import LAST_CHUNK, STREAM_HEAD, Script, Step, answer, chunk, raw_server
from support import session

SERVER = "server_error"
CHALLENGE = Refused(StatusCode.FAILED_PRECONDITION, "UPSTREAM_CHALLENGE", 403, "permission_error", "upstream_challenge")
DENIED = Refused(StatusCode.PERMISSION_DENIED, "ACCESS_DENIED", 403, "permission_error", "access_denied")
EXPIRED = Refused(StatusCode.UNAUTHENTICATED, "CREDENTIAL_EXPIRED", 401, "authentication_error", "credential_expired")
GONE = Refused(StatusCode.NOT_FOUND, "NOT_FOUND", 404, "invalid_request_error", "not_found")
DOWN = Refused(
    StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", 503, "service_unavailable_error", "upstream_unavailable", retry=True
)
FAILED = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_ERROR", 502, SERVER, "upstream_error", retry=True)
CRASHED = Refused(StatusCode.INTERNAL, "UPSTREAM_ERROR", 502, SERVER, "upstream_error", retry=True)
ELSEWHERE = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_REDIRECT", 502, SERVER, "upstream_redirect")
PROTOCOL = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL", 502, SERVER, "upstream_protocol", retry=True)
EMPTY = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_EMPTY", 502, SERVER, "upstream_empty", retry=True)
CUT_SHORT = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_TRUNCATED", 502, SERVER, "stream_interrupted")
FAILED_LATE = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_ERROR", 502, SERVER, "upstream_error", said="Hi")
CUT = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_TRUNCATED", 502, SERVER, "stream_interrupted", said="Hi")

HTML = b"Content-Type: text/html"
CANARY = b"canary-4711"
BEGUN = STREAM_HEAD + chunk(CREATED + said("Hi"))
FAILURE = b'data: {"error":"canary-4711"}\n\n'
UNKNOWN = b'{"success":false,"data":{"code":"canary-4711","details":"canary-4711"}}'

TABLE: dict[str, tuple[Sequence[bytes | Step], Refused]] = {
    "401 without a word": ([answer(b"", status=b"401 Unauthorized")], EXPIRED),
    "403 with JSON": ([answer(b'{"detail":"canary-4711"}', JSON, status=b"403 Forbidden")], DENIED),
    "403 with a page": ([answer(b"<html>canary-4711</html>", HTML, status=b"403 Forbidden")], CHALLENGE),
    "405 with a page": ([answer(b"<html>canary-4711</html>", HTML, status=b"405 Method Not Allowed")], CHALLENGE),
    "404 with JSON": ([answer(b'{"detail":"canary-4711"}', JSON, status=b"404 Not Found")], GONE),
    "400 with JSON": ([answer(UNKNOWN, JSON, status=b"400 Bad Request")], FAILED),
    "418": ([answer(CANARY, status=b"418 canary-4711")], FAILED),
    "500 with text": ([answer(CANARY, status=b"500 canary-4711")], CRASHED),
    "503 with JSON": ([answer(b'{"detail":"canary-4711"}', JSON, status=b"503 Unavailable")], DOWN),
    "504 with a page": ([answer(b"<html>canary-4711</html>", HTML, status=b"504 Gateway Timeout")], DOWN),
    "301": ([answer(b"", b"Location: https://canary-4711.example/", status=b"301 Moved")], ELSEWHERE),
    "200 with JSON of an unknown failure": ([answer(UNKNOWN, JSON)], FAILED),
    "200 with JSON of no failure": ([answer(b'{"canary-4711":1}', JSON)], FAILED),
    "200 with text": ([answer(CANARY)], PROTOCOL),
    "200 with a broken envelope": ([answer(b'{"success":false,"data":{"code":"canary-4711"', JSON)], PROTOCOL),
    "200 with nothing": ([answer(b"")], EMPTY),
    "a stream of nothing": ([STREAM_HEAD, LAST_CHUNK], EMPTY),
    "a stream with text that is no event": ([STREAM_HEAD + chunk(b"canary-4711\n\n") + LAST_CHUNK], EMPTY),
    "hung up before the answer": ([Step.CLOSE], CUT_SHORT),
    "reset before the answer": ([Step.RESET], CUT_SHORT),
    "not HTTP": ([b"canary-4711\r\n\r\n", Step.CLOSE], PROTOCOL),
    "cut after the headers": ([STREAM_HEAD, Step.CLOSE], CUT_SHORT),
    "cut before the first delta": ([STREAM_HEAD + chunk(CREATED), Step.CLOSE], CUT_SHORT),
    "words and a failure in one read": ([STREAM_HEAD + chunk(CREATED + said("Hi") + FAILURE), Step.CLOSE], FAILED_LATE),
    "cut in the middle": ([BEGUN, Step.CLOSE], CUT),
    "ended in the middle of an event": ([BEGUN + chunk(b'data: {"choi') + LAST_CHUNK], CUT),
}


async def asked(way: str, script: Script) -> tuple[Outcome, list[bytes]]:
    async with raw_server([MODELS], [NEW_CHAT], script, [GOODBYE]) as server, open_doors(site(server.url)) as doors:
        outcome = await WAYS[way](doors, question("Hello"), session(refresh=False))
        return outcome, server.requests


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TABLE)
async def test_each_door_tells_truly_what_was_on_the_wire_and_repeats_none_of_it(name: str, way: str) -> None:
    script, refused = TABLE[name]
    outcome, requests = await asked(way, script)

    assert wordless(outcome) == refused.by(way)
    assert CANARY.decode() not in repr(outcome)
    assert len([request for request in requests if b"/chat/completions?" in request]) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_is_whole_when_it_said_so_even_if_the_connection_then_breaks(way: str) -> None:
    outcome, _ = await asked(way, [BEGUN + chunk(said(" there") + FINISHED), Step.CLOSE])
    assert outcome == Outcome("Hi there", None)


@pytest.mark.asyncio
async def test_broken_chunks_in_the_middle_end_the_answer() -> None:
    arrived = asyncio.Event()
    script = [BEGUN, arrived, CANARY + b"\r\n", Step.CLOSE]
    async with raw_server([MODELS], [NEW_CHAT], script, [GOODBYE]) as server, open_doors(site(server.url)) as doors:
        call = doors.chat.StreamChat(request_of(question("Hello")), metadata=metadata(), timeout=20)
        assert [delta.content for delta in (await call.read()).deltas] == ["Hi"]
        arrived.set()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(call.read(), 5)

    failure = grpc_failure(caught.value)
    assert (failure.code, failure.reason) == (StatusCode.UNAVAILABLE, "UPSTREAM_PROTOCOL")
    assert CANARY.decode() not in repr(failure)
