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


def arrive(response: Response, *pieces: bytes) -> None:
    """One read of the connection."""
    for piece in pieces:
        response.feed(piece)
    response.arrived()


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
    loop.call_later(0.05, arrive, response, b"late")

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


# -- poured responses -------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_sink_is_given_each_read_where_it_arrives_until_it_has_had_enough() -> None:
    response, seen = Response(request(), Watched()), list[bytes]()

    def sink(read: bytes) -> bool:
        seen.append(read)
        return len(seen) < 3

    arrive(response, b"before")
    poured = response.pour(sink)
    arrive(response, b"o", b"ne")
    arrive(response, b"two")
    arrive(response, b"three")

    assert seen == [b"before", b"one", b"two"]
    await asyncio.wait_for(poured, 5.0)  # type: ignore[arg-type]
    assert await response.read() == b"three"


@pytest.mark.asyncio
async def test_pouring_ends_with_the_body_and_gives_its_last_pieces() -> None:
    response, seen = Response(request(), Watched()), list[bytes]()
    poured = response.pour(lambda read: seen.append(read) is None)
    response.feed(b"last")
    response.end()

    await asyncio.wait_for(poured, 5.0)  # type: ignore[arg-type]
    assert seen == [b"last"]
    await asyncio.wait_for(response.pour(lambda _: True), 5.0)  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_what_breaks_a_body_is_raised_behind_all_that_came_before() -> None:
    response, seen = Response(request(), Watched()), list[bytes]()
    poured = response.pour(lambda read: seen.append(read) is None)
    response.feed(b"last")
    response.end(httpx.ReadError("cut"))

    with pytest.raises(httpx.ReadError):
        await asyncio.wait_for(poured, 5.0)  # type: ignore[arg-type]
    assert seen == [b"last"]


@pytest.mark.asyncio
async def test_what_a_sink_raises_is_raised_where_the_reader_waits_and_no_more_is_given() -> None:
    response, seen = Response(request(), Watched()), list[bytes]()

    def sink(read: bytes) -> bool:
        seen.append(read)
        raise LookupError

    poured = response.pour(sink)
    arrive(response, b"one")
    arrive(response, b"two")

    with pytest.raises(LookupError):
        await poured
    assert seen == [b"one"]


@pytest.mark.asyncio
async def test_nothing_is_poured_once_the_reader_has_gone() -> None:
    response, seen = Response(request(), Watched()), list[bytes]()
    poured = asyncio.ensure_future(response.pour(lambda read: seen.append(read) is None))
    poured.cancel()
    arrive(response, b"one")

    assert seen == []
    assert await response.read() == b"one"


@pytest.mark.asyncio
async def test_a_silence_ends_pouring_at_its_deadline_which_moves_with_what_comes() -> None:
    loop = asyncio.get_running_loop()
    response = Response(request(), Watched())

    def sink(_: bytes) -> bool:
        response.expect(loop.time(), LookupError)
        return True

    response.expect(loop.time() + 60.0, AssertionError)
    poured = response.pour(sink)
    arrive(response, b"one")

    with pytest.raises(LookupError):
        await asyncio.wait_for(poured, 5.0)  # type: ignore[arg-type]
    response.close()


@pytest.mark.asyncio
async def test_a_sink_whose_client_has_left_cancels_the_reader_and_not_the_connection() -> None:
    response = Response(request(), Watched())

    def sink(_: bytes) -> bool:
        raise asyncio.CancelledError

    poured = response.pour(sink)
    arrive(response, b"one")

    with pytest.raises(asyncio.CancelledError):
        await poured


@pytest.mark.asyncio
async def test_who_closes_while_pouring_is_told_of_no_error() -> None:
    response = Response(request(), Watched())
    poured = response.pour(lambda _: True)

    response.close()
    response.end(httpx.ReadError("the connection was closed"))

    assert isinstance(poured, asyncio.Future)
    assert not poured.done()
