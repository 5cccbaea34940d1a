"""Fetches media from addresses that callers name, without becoming their way into private networks.

Every name is resolved once, every address that it has must be public, and the
connection goes to exactly that address. Redirects are followed by hand and
checked like the first address. Nothing of a caller's credential is sent, and
nothing of what comes is decoded.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpcore
from yarl import URL

from qwen_grpc.errors import InvalidParameter, MediaUrlBlocked
from qwen_grpc.upstreams.kinds import AUDIO, DOCUMENT, IMAGE, MIB, SNIFFED_BYTES, VIDEO, fits, sniffed, too_large
from qwen_grpc.upstreams.public_addresses import is_public
from qwen_grpc.upstreams.transport import HEADERS, authorities

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
Connect: TypeAlias = Callable[[str, int], Awaitable[httpcore.AsyncNetworkStream]]

MAX_URL_CHARACTERS = 8192
MAX_REDIRECTS = 3
MAX_FETCHED = {IMAGE: 20 * MIB, DOCUMENT: 20 * MIB, AUDIO: 100 * MIB, VIDEO: 200 * MIB}
PORTS = {"http": 80, "https": 443}

# A backslash and friends are read differently by different parsers; ours shall be the only one.
_suspicious = re.compile(r"[\x00-\x20\x7f\\]")
_authority = re.compile(r"[^:/?#]+://([^/?#]*)")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until the first byte, connecting included, and until the last one."""

    first_s: float = 10.0
    whole_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """Media on its way in. Its type is what its first bytes say, or else what the server said."""

    mime_type: str
    filename: str
    chunks: AsyncGenerator[bytes, None]


async def look_up(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the system resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def plain_connection(address: str, port: int) -> httpcore.AsyncNetworkStream:
    """A TCP connection to an address."""
    return await httpcore.AnyIOBackend().connect_tcp(address, port)


class Fetcher:
    """Fetches from public addresses only.

    `resolve` and `connect` are the system's, `verify` replaces the default trust store.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = look_up,
        connect: Connect = plain_connection,
        patience: Patience | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._network = _CheckedNetwork(resolve, connect)
        self._patience = patience or Patience()
        self._tls = verify or authorities()

    @asynccontextmanager
    async def open(self, text: str, kind: str) -> AsyncIterator[Fetched]:
        """Opens media for reading within the same task.

        Raises `MediaUrlBlocked` for an address that is not for us,
        `InvalidParameter` for one that does not give media of the kind, and
        `TooLarge`.
        """
        url = checked_url(text)
        try:
            async with asyncio.timeout(self._patience.whole_s), _Hops(self._get, url) as response:
                yield await self._fetched(response, url, kind)
        except TimeoutError as error:
            raise _failed(f"took longer than {self._patience.whole_s:g} s") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise _failed("cannot be reached, or broke off") from error

    async def check(self, text: str) -> None:
        """Looks whether an address may be fetched, for somebody else who will. Raises `MediaUrlBlocked`."""
        url = checked_url(text)
        try:
            async with asyncio.timeout(self._patience.first_s):
                await self._network.checked(url.raw_host or "", url.port or PORTS[url.scheme])
        except OSError as error:
            raise _failed("cannot be found by its name") from error

    async def _fetched(self, response: httpcore.Response, url: URL, kind: str) -> Fetched:
        chunks = _bounded(response, kind)
        head = b""
        async with asyncio.timeout(self._patience.first_s):
            while len(head) < SNIFFED_BYTES and (chunk := await anext(chunks, b"")):
                head += chunk
        seen = sniffed(head[:SNIFFED_BYTES])
        if kind != DOCUMENT and not (seen and fits(seen, kind)):
            raise InvalidParameter(f"what the media URL gives does not look like media of kind {kind}")
        said = _header(response, b"content-type").partition(";")[0].strip().lower()
        return Fetched(seen if kind != DOCUMENT else said, url.name, _joined(head, chunks))

    async def _get(self, url: URL) -> tuple[httpcore.AsyncConnectionPool, httpcore.Response]:
        """One request, on a connection of its own."""
        pool = httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network, max_connections=1)
        try:
            async with asyncio.timeout(self._patience.first_s):
                return pool, await pool.handle_async_request(_request(url))
        except BaseException:
            await pool.aclose()
            raise


class _Hops:
    """The response at the end of at most three redirects, each checked like the first address."""

    def __init__(
        self, get: Callable[[URL], Awaitable[tuple[httpcore.AsyncConnectionPool, httpcore.Response]]], url: URL
    ) -> None:
        self._get = get
        self._url = url

    async def __aenter__(self) -> httpcore.Response:
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            self._pool, response = await self._get(url)
            try:
                if not 300 <= response.status < 400:
                    _check_answer(response)
                    self._response = response
                    return response
                url = redirected(url, _header(response, b"location"))
            except BaseException:
                await self._pool.aclose()
                raise
            await self._pool.aclose()
        raise _failed(f"redirects more than {MAX_REDIRECTS} times")

    async def __aexit__(self, *exc: object) -> None:
        await self._response.aclose()
        await self._pool.aclose()


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, and to the very address that was checked."""

    def __init__(self, resolve: Resolve, connect: Connect) -> None:
        self._resolve = resolve
        self._connect = connect

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolves once, checks every address, connects to the first that answers, and compares the peer."""
        failure: Exception = OSError("the name has no address")
        for address in await self.checked(host, port):
            try:
                stream = await self._connect(str(address), port)
            except (httpcore.NetworkError, OSError) as error:
                failure = error
                continue
            if _peer_of(stream) != address:
                await stream.aclose()
                raise _blocked("the connection went elsewhere than to the address that was checked")
            return stream
        raise failure

    async def checked(self, host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        """All addresses of a name, each of them public."""
        addresses = [ipaddress.ip_address(text) for text in await self._resolve(host, port)]
        if not all(is_public(address) for address in addresses):
            raise _blocked("its host has an address that is not public")
        return addresses


def _peer_of(stream: httpcore.AsyncNetworkStream) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(stream.get_extra_info("server_addr")[0])


# -- addresses ----------------------------------------------------------------------------------------------------


def checked_url(text: str) -> URL:
    """The address as the one parser reads it. Raises `MediaUrlBlocked`."""
    if len(text) > MAX_URL_CHARACTERS or _suspicious.search(text):
        raise _blocked("it is too long, or holds spaces, control characters or backslashes")
    authority = _authority.match(text)
    if authority is None or "@" in authority[1] or "%" in authority[1]:
        raise _blocked("it names no plain host: expected http(s)://host/path without user and escapes")
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        raise _blocked("it is not a URL") from None
    if url.scheme not in PORTS or not url.raw_host:
        raise _blocked("its scheme is not http or https")
    if port not in PORTS.values():
        raise _blocked("its port is neither 80 nor 443")
    return url


def redirected(url: URL, location: str) -> URL:
    """Where a redirect leads. Raises `MediaUrlBlocked`."""
    if _suspicious.search(location):
        raise _blocked("it redirects to an address with spaces, control characters or backslashes")
    try:
        target = checked_url(str(url.join(URL(location))))
    except ValueError:
        raise _blocked("it redirects to something that is not a URL") from None
    if url.scheme == "https" and target.scheme != "https":
        raise _blocked("it redirects from https to http")
    return target


def _request(url: URL) -> httpcore.Request:
    host, port = url.raw_host or "", url.port or PORTS[url.scheme]
    # An IPv6 address stands in brackets in the header, and without them everywhere else.
    named = f"[{host}]" if ":" in host else host
    shown = named if port == PORTS[url.scheme] else f"{named}:{port}"
    target = httpcore.URL(scheme=url.scheme, host=host, port=port, target=url.raw_path_qs)
    headers = [
        ("Host", shown),
        ("User-Agent", HEADERS["user-agent"]),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    return httpcore.Request("GET", target, headers=headers)


# -- answers ------------------------------------------------------------------------------------------------------


def _check_answer(response: httpcore.Response) -> None:
    if response.status != 200:
        raise _failed(f"answered {response.status}")
    if _header(response, b"content-encoding") not in ("", "identity"):
        raise _failed("sent compressed content that nobody asked for")


async def _bounded(response: httpcore.Response, kind: str) -> AsyncGenerator[bytes, None]:
    limit, told = MAX_FETCHED[kind], _header(response, b"content-length")
    if told.isdigit() and int(told) > limit:
        raise too_large(kind, limit=limit)
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > limit:
            raise too_large(kind, limit=limit)
        yield chunk


async def _joined(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if head:
        yield head
    async for chunk in chunks:
        yield chunk


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")


def _blocked(why: str) -> MediaUrlBlocked:
    return MediaUrlBlocked(f"the media URL is not fetched: {why}; upload the file instead (POST /v1/files)")


def _failed(why: str) -> InvalidParameter:
    return InvalidParameter(f"the server of the media URL {why}; upload the file instead (POST /v1/files)")
