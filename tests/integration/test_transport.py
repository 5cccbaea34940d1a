import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from upstream_client import open_client

from qwen_grpc import __version__
from qwen_grpc.upstreams.transport import is_tls_failure
from tests.raw_server import (
    EVENT,
    LAST_CHUNK,
    OPEN_STREAM,
    STREAM_HEAD,
    Script,
    Step,
    answer,
    chunk,
    deaf_port,
    raw_server,
    self_signed,
    sent_headers,
)


async def read_all(client: httpx.AsyncClient, url: str, method: str = "GET") -> bytes:
    async with client.stream(method, url) as response:
        return b"".join([piece async for piece in response.aiter_raw()])


async def error_of(client: httpx.AsyncClient, url: str, method: str = "POST") -> type[Exception]:
    with pytest.raises(httpx.TransportError) as caught:
        await read_all(client, url, method)
    return caught.type


# -- what is sent -------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_bare_request_carries_only_the_headers_that_we_know_of() -> None:
    async with raw_server([answer()]) as server, open_client() as client:
        await client.post(server.url, json={"a": 1})

    assert server.requests[0].endswith(b'\r\n\r\n{"a":1}')
    assert sent_headers(server.requests[0]) == [
        (b"accept", b"*/*"),
        (b"accept-encoding", b"identity"),
        (b"connection", b"keep-alive"),
        (b"content-length", b"7"),
        (b"content-type", b"application/json"),
        (b"host", server.url.removeprefix("http://").encode()),
        (b"user-agent", f"qwen-grpc/{__version__}".encode()),
    ]


@pytest.mark.asyncio
async def test_the_callers_headers_replace_ours() -> None:
    name = "é".encode()
    headers = [(b"User-Agent", b"mine"), (b"Accept-Encoding", b"br"), (b"X-N", name)]
    async with raw_server([answer()]) as server, open_client() as client:
        client.headers.clear()
        await client.post(server.url, content=b"body", headers=headers)

    assert sent_headers(server.requests[0]) == [
        (b"accept-encoding", b"br"),
        (b"content-length", b"4"),
        (b"host", server.url.removeprefix("http://").encode()),
        (b"user-agent", b"mine"),
        (b"x-n", name),
    ]


@pytest.mark.asyncio
async def test_every_byte_in_a_header_value_is_sent_as_it_is_or_refused_before_anything_is_sent() -> None:
    refused = []
    async with raw_server([answer()]) as server, open_client() as client:
        for byte in range(128):
            value = b"a" + bytes([byte]) + b"b"
            sent_before = len(server.requests)
            try:
                await client.get(server.url, headers={b"X-A": value})
            except httpx.LocalProtocolError:
                assert len(server.requests) == sent_before
                refused.append(byte)
            else:
                assert (b"x-a", value) in sent_headers(server.requests[-1])

    assert refused == [byte for byte in range(128) if byte != 0x09 and not 0x20 <= byte < 0x7F]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", [b"X-A\r\nX-B", b"X A", b"X:A", b""])
async def test_a_malformed_header_name_is_refused(name: bytes) -> None:
    async with open_client() as client:
        with pytest.raises(httpx.LocalProtocolError):
            await client.get("http://127.0.0.1:9", headers=[(name, b"v")])


@pytest.mark.asyncio
async def test_a_refused_header_value_is_not_quoted() -> None:
    async with open_client() as client:
        with pytest.raises(httpx.LocalProtocolError) as caught:
            await client.get("http://127.0.0.1:9", headers={"Authorization": "Bearer se\x7fcret"})

    assert str(caught.value) == "header 'Authorization' holds a control character"


@pytest.mark.asyncio
async def test_the_path_and_query_of_a_signed_url_are_not_encoded_again() -> None:
    async with raw_server([answer()]) as server, open_client() as client:
        await client.get(f"{server.url}/a%2Fb?sign=x%2Fy%2B%3D&t=%20z")

    assert server.requests[0].startswith(b"GET /a%2Fb?sign=x%2Fy%2B%3D&t=%20z HTTP/1.1\r\n")


@pytest.mark.asyncio
async def test_a_streamed_upload_arrives_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        yield b"second"

    async with raw_server([answer()]) as server, open_client() as client:
        await client.put(server.url, content=pieces())
        await client.put(server.url, content=pieces(), headers={"Content-Length": "11"})

    assert server.requests[0].endswith(b"\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n")
    assert (b"transfer-encoding", b"chunked") in sent_headers(server.requests[0])
    assert server.requests[1].endswith(b"\r\n\r\nfirstsecond")


@pytest.mark.asyncio
async def test_a_cookie_that_an_upstream_sets_is_seen_once_and_never_sent_back() -> None:
    async with raw_server([answer(b"", b"Set-Cookie: sid=1; Path=/")]) as server, open_client() as client:
        # Cookie jars have rules of their own for numeric hosts.
        url = server.url.replace("127.0.0.1", "localhost")
        responses = [await client.get(url, headers={"Cookie": "own=1"}) for _ in range(2)]
        await client.get(url)

    assert [response.headers["set-cookie"] for response in responses] == ["sid=1; Path=/"] * 2
    cookies = [[value for name, value in sent_headers(r) if name == b"cookie"] for r in server.requests]
    assert cookies == [[b"own=1"], [b"own=1"], []]


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary Redirect", b"308 Permanent Redirect"])
async def test_a_redirect_is_returned_and_not_followed(status: bytes) -> None:
    async with raw_server([answer(b"", b"Location: /elsewhere", status=status)]) as server, open_client() as client:
        response = await client.post(server.url, json={}, headers={"Authorization": "Bearer secret"})

    assert (response.status_code, len(server.requests)) == (int(status[:3]), 1)


@pytest.mark.asyncio
async def test_proxy_variables_and_netrc_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    async with raw_server([answer()]) as server, open_client() as client:
        response = await client.get(server.url)

    assert response.status_code == 200
    assert b"authorization" not in server.requests[0].lower()


# -- what is received ---------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["aiter_raw", "aiter_bytes"])
async def test_each_event_is_there_before_the_next_one_is_sent(method: str) -> None:
    gates = [asyncio.Event() for _ in range(5)]
    script: Script = [STREAM_HEAD, *(step for gate in gates for step in (gate, chunk(EVENT))), LAST_CHUNK]
    async with raw_server(script) as server, open_client() as client, client.stream("POST", server.url) as response:
        pieces, received = getattr(response, method)(), []
        for gate in gates:
            gate.set()
            received.append(await asyncio.wait_for(anext(pieces), 1.0))
        rest = [piece async for piece in pieces]

    assert (received, rest) == ([EVENT] * 5, [])


@pytest.mark.asyncio
async def test_response_headers_that_repeat_or_are_long_or_are_no_utf8_arrive() -> None:
    policy = b"Content-Security-Policy: " + b"a" * 60_000
    headers = (b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X-Name: caf\xe9", policy)
    async with raw_server([answer(b"ok", *headers)]) as server, open_client() as client:
        response = await client.get(server.url)

    assert response.headers.raw[:2] == [(b"set-cookie", b"a=1, b=2"), (b"x-name", b"caf\xe9")]
    assert len(response.headers["content-security-policy"]) == 60_000


@pytest.mark.asyncio
async def test_compressed_bodies_are_raw_in_aiter_raw_and_decoded_in_content() -> None:
    packed = gzip.compress(b"hello")
    async with raw_server([answer(packed, b"Content-Encoding: gzip")]) as server, open_client() as client:
        assert await read_all(client, server.url) == packed
        assert (await client.get(server.url)).content == b"hello"


BROKEN: dict[str, Script] = {
    "in the middle of a chunk": [STREAM_HEAD + chunk(EVENT) + b"20\r\ndata", Step.CLOSE],
    "before the last chunk": [STREAM_HEAD + chunk(EVENT), Step.CLOSE],
    "before the promised length": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Step.CLOSE],
    "before any answer": [Step.CLOSE],
    "in the middle of the headers": [b"HTTP/1.1 200 OK\r\nContent-", Step.CLOSE],
    "with no HTTP": [b"nonsense\r\n\r\n", Step.CLOSE],
    "with a chunk size that is no number": [STREAM_HEAD + b"zz\r\nabc\r\n", Step.CLOSE],
    "with two lengths": [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", Step.CLOSE],
}


@pytest.mark.asyncio
@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
async def test_an_answer_that_breaks_off_is_an_error_and_a_post_is_sent_once(script: Script) -> None:
    async with raw_server(script) as server, open_client() as client:
        assert issubclass(await error_of(client, server.url), httpx.RemoteProtocolError)

    assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_a_reset_connection_is_a_read_error() -> None:
    async with raw_server([Step.RESET]) as server, open_client() as client:
        assert await error_of(client, server.url) is httpx.ReadError


# -- connections --------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_two_hundred_streams_are_open_at_once() -> None:
    async with raw_server(OPEN_STREAM) as server, open_client() as client:
        all_open = asyncio.Barrier(200)

        async def hold() -> bytes:
            async with client.stream("POST", server.url) as response:
                first = await anext(response.aiter_raw())
                await all_open.wait()
                return first

        async with asyncio.timeout(10):
            assert await asyncio.gather(*(hold() for _ in range(200))) == [EVENT] * 200
        await server.hang_ups(200, within=1.0)


@pytest.mark.asyncio
async def test_a_connection_is_used_again_after_a_body_was_read_to_its_end() -> None:
    stream = [STREAM_HEAD + chunk(EVENT) + LAST_CHUNK]
    async with raw_server([answer()], stream, [answer()]) as server, open_client() as client:
        assert [await read_all(client, server.url) for _ in range(3)] == [b"ok", EVENT, b"ok"]

    assert server.connections == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_the_server_has_closed_is_not_used_again(method: str) -> None:
    async with raw_server([answer(), Step.HALF_CLOSE, Step.WAIT]) as server, open_client() as client:
        for _ in range(5):
            assert await read_all(client, server.url, method) == b"ok"
            await server.hang_ups(1, within=1.0)

    assert (server.connections, len(server.requests)) == (5, 5)


@pytest.mark.asyncio
async def test_a_post_on_a_kept_connection_that_dies_is_an_error_and_is_not_sent_again() -> None:
    async with raw_server([answer()], [Step.CLOSE], [answer()]) as server, open_client() as client:
        await client.post(server.url)
        assert await error_of(client, server.url) is httpx.RemoteProtocolError

    assert len(server.requests) == 2


# -- failures to connect ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_refused_connection_and_an_unknown_host_are_connect_errors_but_no_tls_failures() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        urls = [f"http://127.0.0.1:{unused.getsockname()[1]}", "http://host.invalid"]
        async with open_client() as client:
            for url in urls:
                with pytest.raises(httpx.ConnectError) as caught:
                    await client.get(url)
                assert not is_tls_failure(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["/relative", "ftp://127.0.0.1/"])
async def test_a_url_that_is_not_http_is_an_unsupported_protocol(url: str) -> None:
    async with open_client() as client:
        assert await error_of(client, url) is httpx.UnsupportedProtocol


@pytest.mark.asyncio
async def test_a_server_that_does_not_accept_is_a_connect_timeout() -> None:
    with deaf_port() as port:
        async with open_client(connect_timeout_s=0.2) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await asyncio.wait_for(client.get(f"http://127.0.0.1:{port}"), 5.0)


@pytest.mark.asyncio
@pytest.mark.parametrize("script", [[Step.WAIT], OPEN_STREAM], ids=["headers", "body"])
async def test_after_connecting_only_the_callers_clock_ticks(script: Script) -> None:
    async with raw_server(script) as server, open_client(connect_timeout_s=0.1) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await read_all(client, server.url)
        await server.hang_ups(1, within=1.0)


@pytest.mark.asyncio
@pytest.mark.parametrize("script", [[Step.WAIT], OPEN_STREAM], ids=["headers", "body"])
async def test_a_read_timeout_of_the_request_is_kept(script: Script) -> None:
    async with raw_server(script) as server, open_client() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(server.url, timeout=httpx.Timeout(None, read=0.1))
        await server.hang_ups(1, within=1.0)


@pytest.mark.asyncio
async def test_a_certificate_is_accepted_only_if_it_is_trusted_and_names_the_host(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    accepting.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=certificate)
    async with (
        raw_server([answer()], tls=accepting) as server,
        open_client() as stranger,
        open_client(verify=trusting) as friend,
    ):
        for client, url in [(stranger, server.url), (friend, server.url.replace("127.0.0.1", "localhost"))]:
            with pytest.raises(httpx.ConnectError) as caught:
                await client.get(url)
            assert is_tls_failure(caught.value)
        assert server.requests == []
        assert (await friend.get(server.url)).content == b"ok"


@pytest.mark.asyncio
async def test_a_server_that_speaks_no_tls_is_a_tls_failure() -> None:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listener, open_client() as client:
        with pytest.raises(httpx.ConnectError) as caught:
            await client.get(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}")

    assert is_tls_failure(caught.value)
