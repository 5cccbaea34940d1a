"""The transport for upstream calls: httpx's requests, responses and errors over aiohttp's connections.

httpx's own transport costs several times the CPU per streamed event, so the
bytes are moved by aiohttp (docs/decisions/0013-transport.md). Callers see httpx
only. The transport keeps no cookies, follows no redirects, reads no proxy or
`.netrc` settings, and opens as many connections as there are calls; a request
that is cancelled, or whose response is left early, closes its connection. GET,
PUT and DELETE are sent a second time if the server hangs up without an answer;
POST never is.
"""

import re
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
from yarl import URL

from qwen_grpc import __version__

# Some sites send policy headers above aiohttp's limit of 8190 bytes.
MAX_HEADER_BYTES = 64 * 1024

# aiohttp adds these when they are absent; what is sent is for the caller to say.
AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

# We say who we are, and do not ask for compressed answers: a stream would wait for its compressor.
HEADERS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "keep-alive",
    "user-agent": f"qwen-grpc/{__version__}",
}

HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class TlsFailure(httpx.ConnectError):
    """The TLS handshake failed: the certificate was not accepted, or no common protocol was found."""


# The most specific class first: the first match decides.
ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout, "no connection to the server in time"),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout, "no bytes from the server in time"),
    (aiohttp.ClientSSLError, TlsFailure, "the TLS handshake with the server failed"),
    (aiohttp.ClientConnectorError, httpx.ConnectError, "the server cannot be reached"),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError, "the server hung up before it answered"),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError, "the response ended before it was complete"),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError, "the server's answer is not valid HTTP"),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol, "the URL is not a whole http or https one"),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol, "the URL is not a whole http or https one"),
    (aiohttp.ClientError, httpx.ReadError, "the connection broke"),
)


def is_tls_failure(error: httpx.TransportError) -> bool:
    """Whether the connection failed because TLS did, which no retry can mend."""
    return isinstance(error, TlsFailure)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests through one aiohttp session, opened by the first request: it needs a running loop."""

    def __init__(self, verify: ssl.SSLContext | None = None) -> None:
        self._verify = verify or httpx.create_ssl_context(trust_env=False)
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and return when the response's headers have arrived."""
        options = request_options(request)
        session = self._session = self._session or self._open()
        try:
            response = await session.request(request.method, **options)
        except aiohttp.ClientError as error:
            raise as_httpx(error, request) from error
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=Body(response, request),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": (response.reason or "").encode()},
        )

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._verify),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=AUTOMATIC_HEADERS,
            auto_decompress=False,
            trust_env=False,
            max_field_size=MAX_HEADER_BYTES,
        )


class Body(httpx.AsyncByteStream):
    """The body as it arrives: one piece per read, nothing held back, nothing decoded."""

    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response = response
        self._content = response.content
        self._request = request
        # Set by whoever watches over the reading; called when the body is closed.
        self.at_close: Callable[[], None] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def read(self) -> bytes:
        """What has arrived, or `b""` at the end; the short way for who reads token by token."""
        try:
            return await self._content.readany()
        except aiohttp.ClientError as error:
            raise as_httpx(error, self._request) from error
        except RuntimeError as error:
            # aiohttp's way to say that the connection went away while the body was broken.
            raise httpx.ReadError("the connection broke", request=self._request) from error

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end and the pool has it back already."""
        self._response.close()
        if self.at_close is not None:
            self.at_close()


def request_options(request: httpx.Request) -> dict[str, Any]:
    """What aiohttp's `request` takes besides the method; raises `httpx.LocalProtocolError` for bad headers."""
    timeout = request.extensions.get("timeout", {})
    headers = checked_headers(request)
    try:
        body: Any = request.content or None
    except httpx.RequestNotRead:
        body = request.stream
        headers = [(name, value) for name, value in headers if name.lower() != "transfer-encoding"]
    return {
        # The URL is encoded already; signed URLs break if it is done again.
        "url": URL(address(request), encoded=True),
        "headers": headers,
        "data": body,
        "allow_redirects": False,
        # With no limit on connections, `connect` is the time for name look-up, TCP and TLS.
        "timeout": aiohttp.ClientTimeout(connect=timeout.get("connect"), sock_read=timeout.get("read")),
    }


def address(request: httpx.Request) -> str:
    """Where the request goes; httpx's extension `target` replaces path and query."""
    # httpx has made an Authorization header of the user part; aiohttp would make a second one.
    url = request.url.copy_with(userinfo=b"") if request.url.userinfo else request.url
    target: bytes = request.extensions.get("target", b"")
    return str(url).rstrip("/") + target.decode() if target else str(url)


def checked_headers(request: httpx.Request) -> list[tuple[str, str]]:
    """The headers as text, byte for byte what will be sent.

    The values are kept out of the error, because they may be credentials.
    """
    headers = []
    for name, value in request.headers.raw:
        if not HEADER_NAME.fullmatch(name):
            raise httpx.LocalProtocolError(f"{name!r} is not a header name", request=request)
        if CONTROL_CHARACTER.search(value):
            raise httpx.LocalProtocolError(f"header {name!r} holds a control character", request=request)
        try:
            headers.append((name.decode(), value.decode()))
        except UnicodeDecodeError:
            raise httpx.LocalProtocolError(f"header {name!r} is not UTF-8", request=request) from None
    return headers


def as_httpx(error: aiohttp.ClientError, request: httpx.Request) -> httpx.TransportError:
    """The httpx error for an aiohttp one; its text is ours and quotes nothing that the server sent."""
    kind, text = next((kind, text) for seen, kind, text in ERRORS if isinstance(error, seen))
    return kind(f"{text} ({request.method} {request.url.host})", request=request)
