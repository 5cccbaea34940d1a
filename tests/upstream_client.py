"""httpx's own client over the transport under test, for tests that want its whole API."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from qwen_grpc.upstreams.messages import Content, Request, Response, server_of
from qwen_grpc.upstreams.transport import HEADERS, Transport

# The headers that the transport itself makes.
OWN = ("host", "content-length", "transfer-encoding")


def open_client(verify: ssl.SSLContext | None = None, connect_timeout_s: float = 5.0) -> httpx.AsyncClient:
    """A pooled client; close it with `aclose()` or by leaving `async with`.

    `verify` replaces the default trust store. `connect_timeout_s` covers name
    look-up, TCP and TLS; a request may bring a read timeout. The client keeps
    no cookies and follows no redirects.
    """
    return httpx.AsyncClient(
        transport=Adapter(Transport(verify, connect_s=connect_timeout_s)),
        headers=HEADERS,
        # A jar whose policy accepts no domain: what is sent back would be the transport's doing.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=None,
        follow_redirects=False,
        trust_env=False,
    )


class Adapter(httpx.AsyncBaseTransport):
    """The transport behind httpx's interface."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def aclose(self) -> None:
        self._transport.close()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.decode(): value.decode() for name, value in request.headers.raw}
        kept = {name: value for name, value in headers.items() if name.lower() not in OWN}
        if "content-length" in request.headers:
            kept["content-length"] = request.headers["content-length"]
        target = request.url.raw_path.decode()
        sent = Request(request.method, server_of(request.url), target, kept, _content(request))
        within_s = request.extensions["timeout"]["read"] or 60.0
        response = await self._transport.send(sent, within_s)
        received = [(name.encode(), value.encode("latin-1")) for name, value in response.headers.items()]
        return httpx.Response(response.status_code, headers=received, stream=Body(response, within_s))


class Body(httpx.AsyncByteStream):
    """One piece per read."""

    def __init__(self, response: Response, within_s: float) -> None:
        self._response = response
        self._within_s = within_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._read():
            yield piece

    async def _read(self) -> bytes:
        self._response.expect(asyncio.get_running_loop().time() + self._within_s, _late)
        return await self._response.read()

    async def aclose(self) -> None:
        self._response.close()


def _late() -> httpx.ReadTimeout:
    return httpx.ReadTimeout("no bytes in time")


def _content(request: httpx.Request) -> Content:
    try:
        return request.content or None
    except httpx.RequestNotRead:
        stream = request.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return stream
