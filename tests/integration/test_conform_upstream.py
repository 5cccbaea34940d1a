"""The fault upstream by itself, byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from qwen_grpc.conform import markers
from qwen_grpc.conform.answers import Asked
from qwen_grpc.conform.asking import witness
from qwen_grpc.conform.behaviours import SCRIPTS
from qwen_grpc.conform.markers import Marker
from qwen_grpc.conform.scripts import no_finish
from qwen_grpc.conform.upstream import FaultUpstream, running

PATH = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
ALL = -1


def asked(marker: Marker, *, stream: bool = True) -> bytes:
    """The body of a request."""
    said = {"role": "user", "content": f"Hello {marker}"}
    return json.dumps({"model": "conform", "stream": stream, "messages": [said]}).encode()


@asynccontextmanager
async def upstream() -> AsyncIterator[tuple[FaultUpstream, asyncio.StreamReader, asyncio.StreamWriter]]:
    """An upstream, and a connection to it."""
    async with running(SCRIPTS, "127.0.0.1", 0) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(served.url).port)
        try:
            yield served, reader, writer
        finally:
            writer.transport.abort()


def sized(body: bytes) -> bytes:
    return PATH + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.asyncio
async def test_a_body_in_chunks_is_read_and_the_connection_serves_again() -> None:
    body = asked(markers.new("answer"), stream=False)
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    async with upstream() as (_, reader, writer):
        answers = []
        for request in (PATH + b"transfer-encoding: chunked\r\n\r\n" + pieces, sized(body)):
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            answers.append(json.loads(await reader.readexactly(int(head.split(b"length: ")[1].split(b"\r")[0]))))
    assert [one["choices"][0]["message"]["content"] for one in answers] == ["One two three."] * 2


@pytest.mark.asyncio
async def test_a_stream_that_ends_cleanly_is_the_exact_bytes_of_its_script() -> None:
    marker = markers.new("no-finish")
    wanted = b"".join(step for step in no_finish(Asked(marker, "conform", True, False, 0.0)) if isinstance(step, bytes))
    async with upstream() as (served, reader, writer):
        writer.write(sized(asked(marker)))
        got = await asyncio.wait_for(reader.readexactly(len(wanted)), 5)
        (record,) = await served.book.when(marker.nonce, "over", 5)
    assert got == wanted
    assert got.endswith(b"0\r\n\r\n")
    assert (record.outcome, record.streamed, len(record.sent)) == ("answered", True, 4)


@pytest.mark.asyncio
async def test_a_cut_is_an_end_within_the_body() -> None:
    async with upstream() as (served, reader, writer):
        marker = markers.new("cut")
        writer.write(sized(asked(marker)))
        got = await asyncio.wait_for(reader.read(ALL), 5)
        (record,) = await served.book.when(marker.nonce, "over", 5)
    assert (b'"two "' in got, got.endswith(b"0\r\n\r\n"), record.outcome) == (True, False, "broken")


@pytest.mark.asyncio
async def test_a_reset_is_a_reset() -> None:
    async with upstream() as (_, reader, writer):
        writer.write(sized(asked(markers.new("reset"))))
        await reader.readuntil(b'"two "')
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(ALL), 5)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["cancel-before-first-byte", "cancel-mid-stream"])
async def test_a_caller_that_leaves_is_noticed(name: str) -> None:
    marker = markers.new(name)
    async with upstream() as (served, _, writer), witness(served.url) as sees:
        writer.write(sized(asked(marker)))
        assert [one.outcome for one in await sees.records(marker, "arrived", 5)] == ["open"]
        writer.close()
        assert [one.outcome for one in await sees.records(marker, "over", 5)] == ["left"]


@pytest.mark.asyncio
async def test_what_has_no_marker_is_answered_well_and_what_is_no_http_is_hung_up_on() -> None:
    async with upstream() as (served, reader, writer), httpx.AsyncClient(base_url=served.url) as http:
        models = [row["id"] for row in (await http.get("/v1/models")).json()["data"]]
        answer = await http.post("/v1/chat/completions", json={"model": "any", "messages": []})
        no_json = await http.post("/v1/chat/completions", content=b'{"model"')
        nowhere = await http.get("/v2")
        writer.write(b"hello\r\n\r\n")
        end = await asyncio.wait_for(reader.read(ALL), 5)
    assert "conform" in models
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    assert (no_json.status_code, nowhere.status_code, end) == (400, 404, b"")
