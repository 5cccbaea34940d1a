"""What adapters over HTTP share: the clocks, the bounded reads, and what a broken connection means."""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Self

import httpx

from qwen_grpc.errors import (
    AccessDenied,
    ChatBusy,
    CredentialExpired,
    InvalidParameter,
    NotFound,
    QwenError,
    RateLimited,
    TooLarge,
    UpstreamConnect,
    UpstreamCrashed,
    UpstreamEmpty,
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
from qwen_grpc.upstreams.clocks import Clocks, Waits, Work
from qwen_grpc.upstreams.connection import NotHttp
from qwen_grpc.upstreams.messages import Content, Head, Request, Response, Sink, server_of
from qwen_grpc.upstreams.sse import EventDecoder
from qwen_grpc.upstreams.transport import HEADERS, Transport, is_tls_failure

CONNECT_ATTEMPTS = 3
MAX_BODY_BYTES = 8 << 20
# What is waited for, and read, of the words of a refusal. Its status tells enough.
REFUSAL_S = 5.0
MAX_REFUSAL_BYTES = 64 * 1024
MAX_RETRY_AFTER_S = 86_400.0
# How long something that is under way elsewhere may take.
BUSY_S = 2.0

# After these a server may have done what it was asked to do.
_UNSURE = (
    UpstreamHeadersTimeout,
    UpstreamTtfbTimeout,
    UpstreamTruncated,
    UpstreamProtocol,
    UpstreamEmpty,
    UpstreamCrashed,
    UpstreamUnavailable,
)


class Reads:
    """A response body, read by read, each read within a clock."""

    def __init__(self, name: str, response: Response) -> None:
        self._name = name
        self._response = response

    async def next(self, deadline: float, late: type[QwenError]) -> bytes:
        """The next read, or `b""` at the end. `deadline` is in the event loop's time."""
        self.expect(deadline, late)
        if (arrival := self._response.arrival()) is not None:
            await arrival
        try:
            return self._response.take()
        except httpx.TransportError as error:
            raise self._broken(error) from error

    def expect(self, deadline: float, late: type[QwenError]) -> None:
        """Winds the clock of whoever waits."""
        self._late = late
        self._response.expect(deadline, self._silent)

    async def pour(self, sink: Sink) -> None:
        """Gives the reads to `sink` where they arrive, until it wants no more or the body is over."""
        try:
            await self._response.pour(sink)
        except httpx.TransportError as error:
            raise self._broken(error) from error

    def _broken(self, error: httpx.TransportError) -> QwenError:
        if isinstance(error, NotHttp):
            return UpstreamProtocol(f"{self._name} sent something in the middle of its answer that is no HTTP")
        return UpstreamTruncated(f"the connection to {self._name} broke in the middle of its answer")

    def _silent(self) -> QwenError:
        return self._late(f"{self._name} fell silent; nothing was retried because it may still be working")


class Events:
    """The data of a stream's events, grouped as the reads brought them.

    Only a complete event winds the clocks: an upstream that trickles one for
    ever counts as silent. Comments between events wind the shorter one. An
    iterator and not a generator, because it is passed once per token.
    """

    def __init__(self, reads: Reads, first: bytes, waits: Waits) -> None:
        self._reads = reads
        self._read: bytes | None = first
        self._waits = waits
        self._late: type[QwenError] = UpstreamTtfbTimeout
        self._decoder = EventDecoder()
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + waits.first_event_s

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[bytes]:
        read = self._read
        if read is None:
            # The time that the reader took for the last events is not the upstream's.
            self._deadline, self._late = self._loop.time() + self._waits.idle_s, UpstreamIdleTimeout
            self._told_at = self._loop.time()
            read = await self._reads.next(self._deadline, self._late)
        while read:
            if data := self._decoder.feed(read):
                self._read = None
                return data
            if self._late is UpstreamIdleTimeout and self._decoder.between_events:
                self._deadline = self._alive_until(self._told_at)
            read = await self._reads.next(self._deadline, self._late)
        raise StopAsyncIteration

    async def pour(self, take: Callable[[list[bytes]], bool]) -> bool:
        """Gives the events behind the first to `take` where they arrive, which wakes no task.

        Returns True once `take` wants no more, and False at the end of the stream.
        """
        reads, decoder, loop, idle_s = self._reads, self._decoder, self._loop, self._waits.idle_s
        wants_more, told_at = True, loop.time()

        def taken(read: bytes) -> bool:
            nonlocal wants_more, told_at
            if data := decoder.feed(read):
                told_at = loop.time()
                reads.expect(told_at + idle_s, UpstreamIdleTimeout)
                wants_more = take(data)
            elif decoder.between_events:
                reads.expect(self._alive_until(told_at), UpstreamIdleTimeout)
            return wants_more

        reads.expect(told_at + idle_s, UpstreamIdleTimeout)
        await reads.pour(taken)
        return not wants_more

    def _alive_until(self, told_at: float) -> float:
        """When an upstream that has just sent a comment has to have told something, `told_at` being the last time."""
        return min(self._loop.time() + self._waits.idle_s, told_at + self._waits.silence_s)


class Origin:
    """One server that an adapter talks to: pooled connections that remember no cookies and follow no redirects.

    An async context manager. `name` is how errors call the server.
    """

    name: str

    def __init__(self, base_url: str, *, clocks: Clocks | None = None, verify: ssl.SSLContext | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.clocks = clocks or Clocks()
        self._url = httpx.URL(self.base_url)
        self._verify = verify

    async def __aenter__(self) -> Self:
        self._server, self._prefix = server_of(self._url), self._url.raw_path.decode().rstrip("/")
        self._transport = Transport(self._verify, connect_s=self.clocks.connect_s)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._transport.close()

    @property
    def connections(self) -> int:
        """How many connections to the server are open now."""
        return self._transport.connections

    def request(self, method: str, url: str, headers: Mapping[str, str], content: Content = None) -> Request:
        """A request with our usual headers; names are in lower case. `url` may be an encoded path of this server."""
        headers = {**HEADERS, **headers}
        if url.startswith("/"):
            # To parse a URL costs as much as the rest of a request.
            return Request(method, self._server, self._prefix + url, headers, content)
        parsed = httpx.URL(url)
        return Request(method, server_of(parsed), parsed.raw_path.decode(), headers, content)

    def exchange(self, request: Request) -> "Exchange":
        """Sends a request; gives the response with its body unread, and closes it on leaving."""
        return Exchange(self, request)

    def check_coding(self, response: Head) -> None:
        """Raises `UpstreamProtocol` for an answer that came compressed: we say that we take none, and unpack none."""
        coding = response.headers.get("content-encoding", "").strip().lower()
        if response.is_success and coding not in ("", "identity"):
            raise UpstreamProtocol(f"{self.name} sent a compressed answer, which nobody asked for; it was not read")

    async def send(self, request: Request) -> Response:
        """Sends a request; who gets the response closes it."""
        for attempt in range(1, CONNECT_ATTEMPTS):
            try:
                return await self._attempt(request)
            except UpstreamConnect as error:
                # The request cannot have left, so it may be sent again; who has waited long enough does not wait on.
                if isinstance(error.__cause__, httpx.ConnectTimeout):
                    raise
                await asyncio.sleep(random.uniform(0, 0.1 * 2**attempt))
        return await self._attempt(request)

    async def _attempt(self, request: Request) -> Response:
        try:
            return await self._transport.send(request, self.clocks.headers_s)
        except httpx.ReadTimeout as error:
            raise UpstreamHeadersTimeout(f"{self.name} took the request and sent no response headers") from error
        except httpx.TransportError as error:
            raise self._broken(error) from error

    def _broken(self, error: httpx.TransportError) -> QwenError:
        if is_tls_failure(error):
            return UpstreamTls(f"the certificate of {self.name} is not valid; nothing was sent")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return UpstreamConnect(f"cannot reach {self.name} at {self.base_url}")
        if isinstance(error, NotHttp):
            return UpstreamProtocol(
                f"{self.name} answered with something that is no HTTP/1.1; it may have got the request"
            )
        return UpstreamTruncated(f"the connection to {self.name} broke before it answered; it may have got the request")

    def soon(self, work: Work = Work.ANSWERING) -> float:
        """When the first event has to be there, in the event loop's time."""
        return asyncio.get_running_loop().time() + self.clocks.waits(work).first_event_s

    async def body(self, response: Response, first: bytes = b"", limit: int = MAX_BODY_BYTES) -> bytes:
        """The rest of a body after `first`, at most `limit` bytes; of a refusal as much as comes."""
        if not response.is_success:
            return await self._refusal(response, first)
        reads, deadline = Reads(self.name, response), self.soon()
        body = bytearray(first)
        while read := await reads.next(deadline, UpstreamTtfbTimeout):
            body += read
            if len(body) > limit:
                raise UpstreamProtocol(f"{self.name} sent a body of more than {limit} bytes")
        return bytes(body)

    async def _refusal(self, response: Response, words: bytes) -> bytes:
        """What an upstream says of its refusal: it may break off, be endless, or never come."""
        reads = Reads(self.name, response)
        deadline = asyncio.get_running_loop().time() + min(REFUSAL_S, self.clocks.first_event_s)
        with suppress(UpstreamTruncated, UpstreamProtocol, UpstreamTtfbTimeout):
            while len(words) < MAX_REFUSAL_BYTES and (read := await reads.next(deadline, UpstreamTtfbTimeout)):
                words += read
        return words

    def events(self, reads: Reads, first: bytes, work: Work) -> Events:
        """The data of a stream's events, from the read `first` on, each within the clock of such work."""
        return Events(reads, first, self.clocks.waits(work))


class Exchange:
    """A request, and its response while inside. A class and no generator: a call has several of them."""

    def __init__(self, origin: Origin, request: Request) -> None:
        self._origin = origin
        self._request = request

    async def __aenter__(self) -> Response:
        self._response = await self._origin.send(self._request)
        try:
            self._origin.check_coding(self._response)
        except QwenError:
            self._response.close()
            raise
        return self._response

    async def __aexit__(self, *exc: object) -> None:
        self._response.close()


def refused_status(name: str, response: Head) -> QwenError:
    """What an HTTP status of 300 or more means when the body says nothing better."""
    status = response.status_code
    where = f"{name} answered {status} to {response.request.method} {response.request.path}"
    if status < 400:
        return UpstreamRedirect(f"{where} and pointed elsewhere; credentials do not follow redirects")
    if status in (402, 429):
        return RateLimited(f"{where}: too many requests", retry_after=retry_after(response))
    if status == 409:
        return ChatBusy(f"{where}: it is busy with the same thing", retry_after=retry_after(response) or BUSY_S)
    return _STATUSES.get(status, UpstreamCrashed if status >= 500 else UpstreamError)(where)


_STATUSES: dict[int, type[QwenError]] = {
    401: CredentialExpired,
    403: AccessDenied,
    404: NotFound,
    413: TooLarge,
    422: InvalidParameter,
    502: UpstreamUnavailable,
    503: UpstreamUnavailable,
    504: UpstreamUnavailable,
}


def retry_after(response: Head) -> float | None:
    """The Retry-After header in seconds from now, at most a day; None if it is neither a number nor a date."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S)


def may_be_taken(error: QwenError) -> bool:
    """Whether a server may have acted on the request that failed so. What costs money is then not sent again."""
    # A connection that was never made carried nothing; one that broke may have.
    if isinstance(error, UpstreamConnect):
        return not isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
    return isinstance(error, _UNSURE)
