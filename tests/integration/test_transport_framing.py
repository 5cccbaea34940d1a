import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from upstream_client import open_client

from qwen_grpc.upstreams.messages import Request, server_of
from qwen_grpc.upstreams.transport import Transport
from tests.raw_server import STREAM_HEAD, Step, answer, chunk, raw_server

TO_THE_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"


# -- where a response begins and ends -----------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("interim", [b"100 Continue", b"103 Early Hints"])
async def test_an_interim_response_is_not_the_answer(interim: bytes) -> None:
    early = b"HTTP/1.1 " + interim + b"\r\nX-Early: 1\r\n\r\n"
    async with raw_server([early + answer(b"late")]) as server, open_client() as client:
        responses = [await client.post(server.url) for _ in range(2)]

    assert [(response.status_code, response.content) for response in responses] == [(200, b"late")] * 2
    assert "x-early" not in responses[0].headers
    assert server.connections == 1


@pytest.mark.asyncio
async def test_a_body_without_length_or_chunks_ends_with_the_connection() -> None:
    async with raw_server([TO_THE_END + b"all", Step.CLOSE]) as server, open_client() as client:
        assert (await client.post(server.url)).content == b"all"


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_that_has_no_body_is_complete_with_its_headers(status: bytes) -> None:
    async with raw_server([b"HTTP/1.1 " + status + b"\r\n\r\n"]) as server, open_client() as client:
        for _ in range(2):
            assert (await client.post(server.url)).content == b""

    assert server.connections == 1


@pytest.mark.asyncio
async def test_trailers_are_no_headers() -> None:
    script = [STREAM_HEAD + chunk(b"hi") + b"0\r\nX-Late: 1\r\n\r\n"]
    async with raw_server(script) as server, open_client() as client:
        response = await client.post(server.url)

    assert (response.content, response.headers.get("x-late")) == (b"hi", None)


@pytest.mark.asyncio
async def test_a_switch_of_protocols_that_nobody_asked_for_is_no_answer() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n"
    async with raw_server([switch + b"other"]) as server, open_client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(server.url)


@pytest.mark.asyncio
async def test_headers_without_end_are_given_up() -> None:
    endless = [b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 40_000, b"a" * 40_000, Step.WAIT]
    async with raw_server(endless) as server, open_client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(server.url)
        await server.hang_ups(1, within=1.0)


@pytest.mark.asyncio
async def test_what_came_before_a_break_is_read_before_the_error() -> None:
    async with raw_server([STREAM_HEAD + chunk(b"words"), Step.CLOSE]) as server:
        transport = Transport()
        response = await transport.send(Request("POST", server_of(httpx.URL(server.url)), "/", {}), 5.0)

        assert await response.read() == b"words"
        with pytest.raises(httpx.RemoteProtocolError):
            await response.read()
        transport.close()


# -- which connection is used again -------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_get_on_a_kept_connection_that_dies_is_sent_again() -> None:
    async with raw_server([answer()], [Step.CLOSE], [answer(b"again")]) as server, open_client() as client:
        await client.get(server.url)

        assert (await client.get(server.url)).content == b"again"
    assert (server.connections, len(server.requests)) == (2, 3)


@pytest.mark.asyncio
async def test_a_get_on_a_new_connection_that_dies_is_an_error() -> None:
    async with raw_server([Step.CLOSE]) as server, open_client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url)

    assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_a_get_whose_answer_had_begun_is_not_sent_again() -> None:
    async with raw_server([answer()], [b"HTTP/1.1 200 OK\r\n", Step.CLOSE]) as server, open_client() as client:
        await client.get(server.url)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url)

    assert len(server.requests) == 2


@pytest.mark.asyncio
async def test_a_connection_that_says_close_is_not_used_again() -> None:
    async with raw_server([answer(b"ok", b"Connection: close"), Step.WAIT]) as server, open_client() as client:
        for _ in range(3):
            assert (await client.get(server.url)).content == b"ok"
            await server.hang_ups(1, within=1.0)

    assert server.connections == 3


@pytest.mark.asyncio
@pytest.mark.parametrize("more", [answer(b"forged"), b"noise"], ids=["another answer", "noise"])
async def test_what_a_server_says_unasked_is_no_answer_to_the_next_request(more: bytes) -> None:
    async with raw_server([answer() + more, Step.WAIT], [answer(b"true")]) as server, open_client() as client:
        assert (await client.post(server.url)).content == b"ok"
        await server.hang_ups(1, within=1.0)
        assert (await client.post(server.url)).content == b"true"

    assert server.connections == 2


@pytest.mark.asyncio
async def test_an_answer_that_comes_before_the_upload_is_over_ends_both() -> None:
    cancelled = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with raw_server([answer(b"no", status=b"413 Too Large"), Step.WAIT]) as server, open_client() as client:
        sent = asyncio.create_task(client.put(server.url, content=pieces(), headers={"Content-Length": "5"}))
        assert (await asyncio.wait_for(sent, 5.0)).status_code == 413
        await asyncio.wait_for(cancelled.wait(), 1.0)
        await server.hang_ups(1, within=1.0)


@pytest.mark.asyncio
async def test_an_upload_that_fails_ends_the_request_with_its_own_error() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("the file is gone")

    async with raw_server([answer()]) as server, open_client() as client:
        with pytest.raises(LookupError):
            await client.put(server.url, content=pieces())
        assert server.requests == []


@pytest.mark.asyncio
@pytest.mark.parametrize("last_words", [b"", answer(b"forged")], ids=["a goodbye", "an answer that nobody asked for"])
async def test_what_lies_unread_on_a_kept_connection_is_seen_before_a_post_is_written_to_it(last_words: bytes) -> None:
    async with raw_server([answer()], [answer(b"true")]) as server, open_client() as client:
        await client.post(server.url)
        server.hang_up(last_words)

        assert (await client.post(server.url)).content == b"true"
    assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.asyncio
@pytest.mark.parametrize("tail", [b"0\r\nX-Late: ", b"2;ext="], ids=["a trailer", "the size of a chunk"])
async def test_what_follows_a_body_without_end_is_given_up(tail: bytes) -> None:
    endless = [STREAM_HEAD + chunk(b"hi") + tail, *[b"a" * 40_000] * 20, Step.WAIT]
    async with raw_server(endless) as server, open_client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(server.url)
        await server.hang_ups(1, within=1.0)
