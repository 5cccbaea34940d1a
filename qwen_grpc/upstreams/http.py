"""What adapters over HTTP share: the clocks, the bounded reads, and what a broken connection means."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Self

import httpx

from qwen_grpc.errors import (
    AccessDenied,
    CredentialExpired,
    NotFound,
    QwenError,
    RateLimited,
    UpstreamConnect,
    UpstreamCrashed,
    UpstreamError,
    UpstreamHeadersTimeout,
    UpstreamIdleTimeout,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamTtfbTimeout,
    UpstreamUnavailable,
)
from qwen_grpc.upstreams.sse import EventDecoder
from qwen_grpc.upstreams.transport import is_tls_failure, open_client

CONNECT_ATTEMPTS = 3
MAX_BODY_BYTES = 8 << 20
MAX_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long to wait for an upstream, in seconds.

    `headers_s` runs from the sent request to the status line, `first_event_s`
    from there to the first event, `idle_s` from event to event.
    """

    connect_s: float = 5.0
    headers_s: float = 30.0
    first_event_s: float = 60.0
    idle_s: float = 120.0


class Reads:
    """A response body, read by read, each read within a clock."""

    def __init__(self, name: str, response: httpx.Response) -> None:
        self._name = name
        self._raw = response.stream.__aiter__()  # type: ignore[union-attr]

    async def next(self, deadline: float, late: type[QwenError]) -> bytes:
        """The next read, or `b""` at the end. `deadline` is in the event loop's time."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(self._raw, b"")
        except TimeoutError as error:
            raise late(f"{self._name} fell silent; nothing was retried because it may still be working") from error
        except httpx.TransportError as error:
            raise UpstreamTruncated(f"the connection to {self._name} broke in the middle of its answer") from error


class Origin:
    """One server that an adapter talks to: a pooled HTTP client that remembers no cookies and follows no redirects.

    An async context manager. `name` is how errors call the server.
    """

    name: ClassVar[str]

    def __init__(self, base_url: str, *, clocks: Clocks | None = None, verify: ssl.SSLContext | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.clocks = clocks or Clocks()
        self._verify = verify

    async def __aenter__(self) -> Self:
        self.http = await open_client(self._verify, self.clocks.connect_s).__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.http.aclose()

    @asynccontextmanager
    async def exchange(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Sends a request; gives the response with its body unread, and closes it on leaving."""
        response = await self._send(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(1, CONNECT_ATTEMPTS):
            try:
                return await self._attempt(request)
            except UpstreamConnect:
                # The request cannot have left, so it may be sent again.
                await asyncio.sleep(random.uniform(0, 0.1 * 2**attempt))
        return await self._attempt(request)

    async def _attempt(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self.clocks.headers_s):
                return await self.http.send(request, stream=True)
        except TimeoutError as error:
            raise UpstreamHeadersTimeout(f"{self.name} took the request and sent no response headers") from error
        except httpx.TransportError as error:
            raise self._broken(error) from error

    def _broken(self, error: httpx.TransportError) -> QwenError:
        if is_tls_failure(error):
            return UpstreamTls(f"the certificate of {self.name} is not valid; nothing was sent")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return UpstreamConnect(f"cannot reach {self.name} at {self.base_url}")
        return UpstreamTruncated(f"the connection to {self.name} broke before it answered; it may have got the request")

    def soon(self) -> float:
        """When the first event has to be there, in the event loop's time."""
        return asyncio.get_running_loop().time() + self.clocks.first_event_s

    async def body(self, response: httpx.Response, first: bytes = b"", limit: int = MAX_BODY_BYTES) -> bytes:
        """The rest of a body after `first`, at most `limit` bytes."""
        reads, deadline = Reads(self.name, response), self.soon()
        body = bytearray(first)
        while read := await reads.next(deadline, UpstreamTtfbTimeout):
            body += read
            if len(body) > limit:
                raise UpstreamProtocol(f"{self.name} sent a body of more than {limit} bytes")
        return bytes(body)

    async def events(self, reads: Reads, first: bytes) -> AsyncIterator[list[bytes]]:
        """The data of a stream's events, grouped as the reads brought them, from the read `first` on.

        Only a complete event winds the clock: an upstream that trickles one
        for ever, or sends nothing but comments, counts as silent.
        """
        decoder, loop = EventDecoder(), asyncio.get_running_loop()
        deadline = self.soon()
        late: type[QwenError] = UpstreamTtfbTimeout
        read = first
        while read:
            if data := decoder.feed(read):
                yield data
                deadline, late = loop.time() + self.clocks.idle_s, UpstreamIdleTimeout
            read = await reads.next(deadline, late)


def refused_status(name: str, response: httpx.Response) -> QwenError:
    """What an HTTP status of 300 or more means when the body says nothing better."""
    status = response.status_code
    where = f"{name} answered {status} to {response.request.method} {response.request.url.path}"
    if status < 400:
        return UpstreamRedirect(f"{where} and pointed elsewhere; credentials do not follow redirects")
    if status in (402, 429):
        return RateLimited(f"{where}: too many requests", retry_after=retry_after(response))
    return _STATUSES.get(status, UpstreamCrashed if status >= 500 else UpstreamError)(where)


_STATUSES: dict[int, type[QwenError]] = {
    401: CredentialExpired,
    403: AccessDenied,
    404: NotFound,
    502: UpstreamUnavailable,
    503: UpstreamUnavailable,
    504: UpstreamUnavailable,
}


def retry_after(response: httpx.Response) -> float | None:
    """The Retry-After header in seconds, if it is a sane number of them."""
    value = response.headers.get("retry-after", "")
    return min(float(value), MAX_RETRY_AFTER_S) if value.isascii() and value.isdigit() else None
