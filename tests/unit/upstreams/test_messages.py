import asyncio

import httpx
import pytest

from qwen_grpc.upstreams.messages import HIGH_WATER, Request, Response, server_of

SERVER = server_of(httpx.URL("https://here:8443/path"))


class Watched:
    """A line that notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resume(self) -> None:
        self.asked.append("resume")

    def abort(self) -> None:
        self.asked.append("abort")


def request(target: str = "/", **headers: str) -> Request:
    return Request("POST", SERVER, target, headers, b"body")


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_request_says_where_it_goes_and_how_long_it_is() -> None:
    assert request("/a?b=c", accept="x").head() == (
        b"POST /a?b=c HTTP/1.1\r\nhost: here:8443\r\naccept: x\r\ncontent-length: 4\r\n\r\n"
    )


@pytest.mark.parametrize("target", ["", "no-slash", "/a b", "/a\r\nX: y", "/\u00e9", "http://elsewhere/"])
def test_a_target_that_is_no_encoded_path_is_refused(target: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        request(target).head()


def test_the_path_of_a_request_shows_no_query() -> None:
    assert request("/a?key=secret").path == "/a"


@pytest.mark.parametrize("url", ["/relative", "ftp://here/", "http:///path"])
def test_a_url_without_a_host_or_of_another_scheme_has_no_server(url: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        server_of(httpx.URL(url))


# -- responses --------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_who_does_not_read_is_given_no_more_than_fits() -> None:
    line = Watched()
    response = Response(request(), line)
    half = b"x" * (HIGH_WATER // 2)

    assert [response.feed(half), response.feed(half), response.feed(b"x")] == [True, True, False]
    assert await response.read() == half + half + b"x"
    assert line.asked == ["resume"]
    assert response.feed(half)


@pytest.mark.asyncio
async def test_a_reader_that_keeps_up_never_lets_the_line_wait() -> None:
    line = Watched()
    response = Response(request(), line)
    for piece in (b"a", b"b"):
        response.feed(piece)
        assert await response.read() == piece
    assert line.asked == []


@pytest.mark.asyncio
async def test_who_leaves_early_closes_the_line_and_who_has_read_all_does_not() -> None:
    early, late = Watched(), Watched()
    Response(request(), early).close()
    read = Response(request(), late)
    read.end()
    read.close()

    assert (early.asked, late.asked) == (["abort"], [])


@pytest.mark.asyncio
async def test_a_deadline_that_moves_on_does_not_end_the_waiting() -> None:
    loop = asyncio.get_running_loop()
    response = Response(request(), Watched())
    response.expect(loop.time(), LookupError)
    response.expect(loop.time() + 60.0, AssertionError)
    loop.call_later(0.05, response.feed, b"late")

    assert await asyncio.wait_for(response.read(), 5.0) == b"late"
    response.close()


@pytest.mark.asyncio
async def test_a_deadline_that_is_drawn_nearer_ends_the_waiting() -> None:
    loop = asyncio.get_running_loop()
    response = Response(request(), Watched())
    response.expect(loop.time() + 60.0, AssertionError)
    response.expect(loop.time(), LookupError)

    with pytest.raises(LookupError):
        await asyncio.wait_for(response.read(), 5.0)
    response.close()
