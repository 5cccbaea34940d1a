"""Fetching what callers name: to nowhere but public addresses, and never more than media."""

import asyncio
import ipaddress
import itertools
from collections.abc import Sequence
from typing import Any

import httpcore
import pytest
from fetch_wire import PNG, PUBLIC, Wire, fetched, refused
from raw_server import Step, answer, raw_server, sent_headers

from qwen_grpc.errors import InvalidParameter, MediaUrlBlocked, QwenError, TooLarge
from qwen_grpc.upstreams.fetcher import Fetcher, Patience, plain_connection

# Each of these leads into a private network, to a machine's own services, or nowhere; each is also mapped below.
V4 = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
]
V6 = [
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2620:4f:8000::1",
    "3fff::1",
    "3ffe:1::5efe:7f00:1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
# A public range whose lower half says ISATAP stays blocked; everything else outside of the table is not.
OPEN = ("93.184.215.14", "8.8.8.8", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::808:808", "2a00:1450:4001::1")


def spellings(text: str) -> list[str]:
    """An address in three ways that some resolver or parser understands."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        number = int(address)
        octal = ".".join(f"0{byte:o}" for byte in address.packed)
        return [f"http://{text}/", f"http://{number}/", f"http://{octal}/"]
    full = address.exploded
    return [f"http://[{text}]/", f"https://[{full}]/", f"http://[{full.upper()}]:443/"]


@pytest.mark.asyncio
async def test_no_address_of_the_table_is_connected_to_however_it_is_spelt() -> None:
    wire = Wire()
    mapped = [f"::ffff:{text}" for text in V4[::5]]
    addresses = [*V4, *V6, *mapped]
    kinds = [type(await refused(wire.fetcher(), url)) for text in addresses for url in spellings(text)]

    assert (len(addresses) >= 60, set(kinds), wire.connected) == (True, {MediaUrlBlocked}, [])


@pytest.mark.asyncio
@pytest.mark.parametrize("address", OPEN)
async def test_a_public_address_is_connected_to(address: str) -> None:
    async with raw_server([answer(PNG)]) as server:
        wire = Wire(server, media_test=[address])
        found = await fetched(wire.fetcher(), "http://media.test/dir/cat.png?x=1")

    assert (found, wire.connected) == (("image/png", "cat.png", PNG), [(str(ipaddress.ip_address(address)), 80)])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://media.test/",
        "gopher://media.test/",
        "//media.test/",
        "media.test",
        "http:///x",
        "http://",
        "http://user@media.test/",
        "http://user:pass@media.test/",
        "http://media.test@127.0.0.1/",
        "http://media.test\\@127.0.0.1/",
        "http://127.0.0.1\\@media.test/",
        "http://media.test#@127.0.0.1/\r\n",
        "http://media.test/a b",
        "http://media.test/\r\nHost: x",
        "http://media.test/\x00",
        " http://media.test/",
        "http://media%2etest/",
        "http://[fe80::1%25eth0]/",
        "http://media.test:8080/",
        "http://media.test:22/",
        "http://media.test:0/",
        "http://media.test:99999/",
        "http://[::1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://0/",
        "http://localhost/",
        "http://media.test/" + "a" * 8200,
    ],
)
async def test_an_address_of_another_form_is_not_even_looked_at(url: str) -> None:
    wire = Wire(media_test=[PUBLIC])
    error = await refused(wire.fetcher(), url)

    assert (error.reason, wire.connected) == ("MEDIA_URL_BLOCKED", [])


@pytest.mark.asyncio
async def test_one_private_address_among_public_ones_is_enough() -> None:
    wire = Wire(media_test=[PUBLIC, "8.8.8.8", "10.0.0.1"])

    assert (await refused(wire.fetcher(), "http://media.test/")).reason == "MEDIA_URL_BLOCKED"
    assert wire.connected == []


@pytest.mark.asyncio
async def test_a_name_that_changes_its_address_leads_nowhere_else_in_a_thousand_tries() -> None:
    async with raw_server([answer(PNG)]) as server:
        wire = Wire(server)
        answers = itertools.cycle([[PUBLIC], ["127.0.0.1"]])

        async def resolve(host: str, port: int) -> Sequence[str]:
            wire.asked.append(host)
            return next(answers)

        fetcher = Fetcher(resolve=resolve, connect=wire.connect)
        outcomes = [await outcome(fetcher) for _ in range(1000)]

    assert outcomes == ["image/png", "MEDIA_URL_BLOCKED"] * 500
    # Looked up once for each fetch: what was checked is what is connected to.
    assert (len(wire.asked), set(wire.connected)) == (1000, {(PUBLIC, 80)})


async def outcome(fetcher: Fetcher) -> str:
    try:
        return (await fetched(fetcher, "http://media.test/x"))[0]
    except QwenError as error:
        return error.reason


@pytest.mark.asyncio
async def test_a_connection_that_ends_elsewhere_than_checked_is_not_used() -> None:
    async with raw_server([answer(PNG)]) as server:
        port = int(server.url.rpartition(":")[2])

        async def connect(address: str, _: int) -> httpcore.AsyncNetworkStream:
            return await plain_connection("127.0.0.1", port)

        error = await refused(Fetcher(resolve=Wire(x_test=[PUBLIC]).resolve, connect=connect), "http://x.test/")
        assert (error.reason, server.requests) == ("MEDIA_URL_BLOCKED", [])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "location",
    [
        b"http://127.0.0.1/x",
        b"//127.0.0.1/x",
        b"http://169.254.169.254/latest/meta-data/",
        b"http://[::1]/",
        b"file:///etc/passwd",
        b"http://media.test:8080/",
        b"http://user@media.test/",
        b"http://inner.test/",
        b"\\\\127.0.0.1\\x",
        b"",
    ],
)
async def test_a_redirect_into_a_private_network_is_not_followed(location: bytes) -> None:
    script = [[answer(b"", b"Location: " + location, status=b"302 Found")], [answer(b"", status=b"500 No")]]
    async with raw_server(*script) as server:
        wire = Wire(server, media_test=[PUBLIC], inner_test=["10.0.0.1"])
        error = await refused(wire.fetcher(), "http://media.test/")

    # An empty location is the same address again, which then answers 500.
    expected = ("INVALID_PARAMETER", 2) if not location else ("MEDIA_URL_BLOCKED", 1)
    assert (error.reason, len(wire.connected)) == expected


@pytest.mark.asyncio
async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    hop = [answer(b"", b"Location: /next", status=b"307 Temporary Redirect")]
    async with raw_server(hop, hop, hop, [answer(PNG)]) as server:
        assert (await fetched(Wire(server, m_test=[PUBLIC]).fetcher(), "http://m.test/"))[0] == "image/png"
        assert [request.split(b" ")[1] for request in server.requests] == [b"/", b"/next", b"/next", b"/next"]
    async with raw_server(hop) as server:
        error = await refused(Wire(server, m_test=[PUBLIC]).fetcher(), "http://m.test/")
        assert (error.reason, len(server.requests)) == ("INVALID_PARAMETER", 4)


@pytest.mark.asyncio
async def test_a_request_carries_nothing_of_anybody() -> None:
    async with raw_server([answer(PNG)]) as server:
        await fetched(Wire(server, media_test=[PUBLIC]).fetcher(), "http://Media.TEST/a%20b?c=d#e")
        (request,) = server.requests

    assert request.startswith(b"GET /a%20b?c=d HTTP/1.1\r\n")
    assert sent_headers(request) == [
        (b"accept", b"*/*"),
        (b"accept-encoding", b"identity"),
        (b"connection", b"close"),
        (b"host", b"media.test"),
        (b"user-agent", b"qwen-grpc/0.1.0"),
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("script", "kind", "error"),
    [
        ([answer(b"<html>" * 50)], "image", InvalidParameter),
        ([answer(PNG)], "video", InvalidParameter),
        ([answer(PNG)], "audio", InvalidParameter),
        ([answer(b"")], "image", InvalidParameter),
        ([answer(PNG, status=b"404 Not Found")], "image", InvalidParameter),
        ([answer(PNG, status=b"206 Partial")], "image", InvalidParameter),
        ([answer(PNG, b"Content-Encoding: gzip")], "image", InvalidParameter),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n" + PNG, Step.WAIT], "image", TooLarge),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + PNG, Step.CLOSE], "image", InvalidParameter),
        ([b"not http at all\r\n\r\n", Step.CLOSE], "image", InvalidParameter),
        ([Step.CLOSE], "image", InvalidParameter),
    ],
)
async def test_what_is_no_such_media_is_refused(script: list[Any], kind: str, error: type[QwenError]) -> None:
    async with raw_server(script) as server:
        found = await refused(Wire(server, media_test=[PUBLIC]).fetcher(), "http://media.test/x.png", kind)

    assert type(found) is error


@pytest.mark.asyncio
async def test_a_document_may_be_anything() -> None:
    async with raw_server([answer(b"words", b"Content-Type: text/plain; charset=utf-8")]) as server:
        found = await fetched(Wire(server, media_test=[PUBLIC]).fetcher(), "http://media.test/a.txt", "document")

    assert found == ("text/plain", "a.txt", b"words")


@pytest.mark.asyncio
async def test_an_endless_body_is_cut_at_the_limit() -> None:
    piece = b"HTTP/1.1 200 OK\r\n\r\n" + PNG
    async with raw_server([piece, *[b"x" * (1 << 20)] * 25, Step.WAIT]) as server:
        wire = Wire(server, media_test=[PUBLIC])
        sizes: list[int] = []
        with pytest.raises(TooLarge):
            await measured(wire.fetcher(), sizes)

    assert sum(sizes) <= 20 << 20


async def measured(fetcher: Fetcher, sizes: list[int]) -> None:
    async with fetcher.open("http://media.test/", "image") as found:
        async for chunk in found.chunks:
            sizes.append(len(chunk))


@pytest.mark.asyncio
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + PNG])
async def test_a_server_that_falls_silent_is_left(begun: bytes) -> None:
    async with raw_server([begun, Step.WAIT]) as server:
        fetcher = Wire(server, media_test=[PUBLIC]).fetcher(patience=Patience(first_s=0.1, whole_s=0.2))
        error = await refused(fetcher, "http://media.test/")
        await server.hang_ups(1, within=2)

    assert type(error) is InvalidParameter


@pytest.mark.asyncio
async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with raw_server([answer(PNG)]) as server:
        wire = Wire(server, media_test=["2606:4700::1", PUBLIC])

        async def connect(address: str, port: int) -> httpcore.AsyncNetworkStream:
            if ":" in address:
                raise httpcore.ConnectError("no route")
            return await wire.connect(address, port)

        found = await fetched(Fetcher(resolve=wire.resolve, connect=connect), "http://media.test/")

    assert found[0] == "image/png"


@pytest.mark.asyncio
async def test_a_reader_that_leaves_closes_the_connection() -> None:
    async with raw_server([b"HTTP/1.1 200 OK\r\n\r\n" + PNG, Step.WAIT]) as server:
        task = asyncio.create_task(fetched(Wire(server, media_test=[PUBLIC]).fetcher(), "http://media.test/"))
        await server.arrival()
        task.cancel()
        await server.hang_ups(1, within=2)
