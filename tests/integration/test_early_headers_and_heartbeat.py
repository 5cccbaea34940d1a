import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from both_doors import COMPLETIONS, open_doors, question, site
from http_wire import Wire, post, wire
from qwen_wire import CREATED, FINISHED, GOODBYE, MODELS, NEW_CHAT, said
from raw_server import LAST_CHUNK, STREAM_HEAD, chunk, raw_server
from support import House, bearer, open_house, records

from qwen_grpc.simulator import Behaviour

COMMENT = b": keep-alive\n\n"
SILENCE = {"early_headers": 0.2, "heartbeat": 0.1}


@asynccontextmanager
async def streaming(house: House, content: str, **headers: str) -> AsyncIterator[Wire]:
    """A connection that has just asked for a stream."""
    assert house.gateway.rest is not None
    async with wire(house.gateway.rest.port) as line:
        line.send(post(COMPLETIONS, question(content, stream=True), **bearer(), **headers))
        yield line


@pytest.mark.asyncio
async def test_a_silent_upstream_gets_its_headers_early_and_comments_while_it_is_silent() -> None:
    async with open_house(shim=SILENCE) as house, streaming(house, "[[sim:headers_only]]") as line:
        begun = time.monotonic()
        status, headers = await line.head()
        committed = time.monotonic() - begun
        comments = [await line.chunk() for _ in range(5)]
        took = time.monotonic() - begun - committed

    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert 0.19 <= committed < 1.0
    assert comments == [COMMENT] * 5
    assert 0.3 <= took < 1.5


@pytest.mark.asyncio
async def test_early_headers_do_not_wait_for_the_first_heartbeat() -> None:
    rare = {"early_headers": 0.05, "heartbeat": 600}
    async with open_house(shim=rare) as house, streaming(house, "[[sim:headers_only]]") as line:
        assert (await asyncio.wait_for(line.head(), 10))[0] == 200
        assert await asyncio.wait_for(line.chunk(), 10) == COMMENT


@pytest.mark.asyncio
async def test_a_failure_after_early_headers_comes_in_band() -> None:
    async with open_house(Behaviour(stall_s=0.6), shim=SILENCE) as house:
        reply = await house.http.post(COMPLETIONS, json=question("[[sim:stall]]", stream=True), headers=bearer())

    assert reply.status_code == 200
    assert "x-should-retry" not in reply.headers
    *comments, error, end = reply.text.split("\n\n")
    assert set(comments) == {": keep-alive"}
    assert len(comments) >= 2
    assert end == ""
    (only,) = records(error + "\n")
    assert (list(only), only["error"]["code"]) == (["error"], "upstream_error")


@pytest.mark.asyncio
async def test_an_answer_after_early_headers_is_complete() -> None:
    async with open_house(Behaviour(pace_s=0.15), shim={"early_headers": 0.05, "heartbeat": 0.04}) as house:
        reply = await house.http.post(COMPLETIONS, json=question("Hello", stream=True), headers=bearer())

    assert COMMENT.decode() in reply.text
    *chunks, done = records(reply.text)
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in chunks) == "You said: Hello"
    assert (chunks[-1]["choices"][0]["finish_reason"], done) == ("stop", "[DONE]")


@pytest.mark.asyncio
async def test_a_stream_in_the_middle_of_an_answer_gets_comments_only_while_it_is_silent() -> None:
    async with open_house(shim=SILENCE) as house, streaming(house, "[[sim:silent]]") as line:
        await line.head()
        assert b"Part 1." in await line.chunk()
        assert [await line.chunk() for _ in range(3)] == [COMMENT] * 3


@pytest.mark.asyncio
async def test_without_silence_there_is_no_comment() -> None:
    async with open_house(Behaviour(pace_s=0.02), shim={"early_headers": 5, "heartbeat": 2}) as house:
        reply = await house.http.post(COMPLETIONS, json=question("[[sim:long:30]]", stream=True), headers=bearer())

    assert ": keep-alive" not in reply.text
    assert reply.text.count("data: ") == 33


@pytest.mark.asyncio
async def test_a_failure_before_early_headers_keeps_its_status(house: House) -> None:
    reply = await house.http.post(COMPLETIONS, json=question("[[sim:http_429]]", stream=True), headers=bearer())

    told = {name: reply.headers[name] for name in ("content-type", "retry-after", "x-should-retry")}
    assert (reply.status_code, told) == (
        429,
        {"content-type": "application/json", "retry-after": "7", "x-should-retry": "true"},
    )


@pytest.mark.asyncio
async def test_every_chunk_of_a_stream_begins_with_the_same_bytes(house: House) -> None:
    reply = await house.http.post(COMPLETIONS, json=question("[[sim:long:20]]", stream=True), headers=bearer())

    lines = [line for line in reply.text.split("\n\n") if line.startswith("data: {")]
    prefixes = {line.partition(',"choices":')[0] for line in lines if '"conversation"' not in line}
    (prefix,) = prefixes
    assert re.fullmatch(
        r'data: {"id":"chatcmpl-[0-9a-f-]{36}","object":"chat.completion.chunk","created":\d+,"model":"[\w.-]+"', prefix
    )
    assert lines[0].startswith(prefix)
    assert len(lines) == 22


# -- what is written at once ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_what_one_read_of_the_upstream_brought_is_written_at_once() -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    many = b"".join(said(f"{number} ") for number in range(40))
    script = [STREAM_HEAD + chunk(CREATED + said("Hi")), gates[0], chunk(many), gates[1], chunk(FINISHED), LAST_CHUNK]
    async with (
        raw_server([MODELS], [NEW_CHAT], script, [GOODBYE]) as server,
        open_doors(site(server.url)) as doors,
        wire(doors.http.base_url.port or 0) as line,
    ):
        line.send(post(COMPLETIONS, question("Hello", stream=True), **bearer()))
        await line.head()
        written = []
        for gate in gates:
            written.append(texts(await line.chunk()))
            gate.set()
        end = b"".join([part async for part in chunks_of(line)])

    assert written == [["", "Hi"], [f"{number} " for number in range(40)]]
    assert end.endswith(b"data: [DONE]\n\n")


def texts(chunk: bytes) -> Sequence[str]:
    return [part["choices"][0]["delta"]["content"] for part in records(chunk.decode())]


async def chunks_of(line: Wire) -> AsyncIterator[bytes]:
    while part := await line.chunk():
        yield part


# -- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_stream_has_the_headers_that_keep_it_one(house: House) -> None:
    headers = {**bearer(), "x-request-id": "mine-1"}
    reply = await house.http.post(COMPLETIONS, json=question("Hello", stream=True), headers=headers)

    names = ("content-type", "cache-control", "x-accel-buffering", "x-request-id", "x-qwen-model")
    assert {name: reply.headers[name] for name in names} == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-request-id": "mine-1",
        "x-qwen-model": "qwen3.8-max",
    }
    assert "content-length" not in reply.headers


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_without_a_request_id_of_the_caller_gets_one(house: House, stream: bool) -> None:
    replies = [
        await house.http.post(COMPLETIONS, json=question("Hello", stream=stream), headers={**bearer(), **given})
        for given in ({}, {}, {"x-request-id": "no spaces, please"}, {"x-request-id": "x" * 200})
    ]

    made = [reply.headers["x-request-id"] for reply in replies]
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", request_id) for request_id in made)
    assert len(set(made)) == 4
    assert {reply.headers["x-qwen-model"] for reply in replies} == {"qwen3.8-max"}


@pytest.mark.asyncio
async def test_the_request_id_of_the_caller_reaches_failures_and_the_grpc_side(house: House) -> None:
    headers = {**bearer(), "x-request-id": "mine-2"}
    reply = await house.http.post(COMPLETIONS, json=question("[[sim:http_500]]"), headers=headers)
    unknown = await house.http.get("/nowhere", headers=headers)

    assert [reply.headers["x-request-id"], unknown.headers["x-request-id"]] == ["mine-2", "mine-2"]
