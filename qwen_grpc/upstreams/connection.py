"""One HTTP/1.1 connection: writes a request, and hands the response over as the bytes come."""

import asyncio
import select
from collections.abc import AsyncIterable
from contextlib import suppress
from typing import Any, Protocol, cast

import httptools
import httpx

from qwen_grpc.upstreams.messages import Request, Response, Server

# Some sites send policy headers of many kilobytes. Trailers and what else is no body count likewise.
MAX_HEAD_BYTES = 64 * 1024


class NotHttp(httpx.RemoteProtocolError):
    """The server sent something that HTTP/1.1 does not have, or more of a head than anybody needs."""


class Pool(Protocol):
    """Who keeps connections."""

    @property
    def inbox(self) -> memoryview:
        """Where each read of one of them goes; what comes is taken out before the next read of any."""

    def release(self, connection: "Connection") -> None:
        """Takes back a connection whose exchange is complete."""

    def forget(self, connection: "Connection") -> None:
        """Learns that a connection is gone."""


class Connection(asyncio.BufferedProtocol):
    """Carries one exchange at a time. The loop and httptools' parser call its methods."""

    def __init__(self, pool: Pool, server: Server) -> None:
        self.server = server
        self.closed = False
        # Whether anything of the present response has come: if not, the server may not have seen the request.
        self.answered = False
        self.free_since = 0.0
        # Bytes since the last piece of a body.
        self._bare = 0
        self._pool = pool
        self._response: Response | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._upload: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    # -- an exchange --------------------------------------------------------------------------------------------------

    def start(self, request: Request, head: bytes) -> Response:
        """Writes the request; returns the response that is to come."""
        content = request.content
        response = self._response = Response(request, self)
        self.answered = self._headed = self._until_eof = False
        self._bare = 0
        if content is None or isinstance(content, bytes):
            self._transport.write(head + content if content else head)
        else:
            self._transport.write(head)
            chunked = "content-length" not in request.headers
            self._upload = asyncio.get_running_loop().create_task(self._send(content, chunked=chunked))
        return response

    async def _send(self, content: AsyncIterable[bytes], *, chunked: bool) -> None:
        try:
            async for piece in content:
                if piece:
                    self._transport.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                if self._writable is not None:
                    await self._writable
            if chunked:
                self._transport.write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001
            # Nobody awaits this task: whoever waits for the response is told.
            self._fail(error)

    def is_quiet(self) -> bool:
        """Whether nothing lies unread: no goodbye of the server's, and no answer that nobody has asked for."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def resume(self) -> None:
        """Reads on."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Closes at once, and forgets the exchange."""
        self._fail(httpx.ReadError("the connection was closed"))

    def _fail(self, error: Exception) -> None:
        self.closed = True
        self._transport.abort()
        self._end(error)

    def _end(self, error: Exception | None = None) -> None:
        response, self._response = self._response, None
        upload, self._upload = self._upload, None
        if upload is not None and upload is not asyncio.current_task():
            upload.cancel()
        if response is not None:
            response.end(error)

    # -- asyncio's side -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._pool.inbox

    def buffer_updated(self, nbytes: int) -> None:
        """Some bytes of a response."""
        if self.closed:
            return
        self.answered = True
        self._bare += nbytes
        try:
            self._parser.feed_data(self._pool.inbox[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttp("the server's answer is not valid HTTP"))
        if self._response is not None:
            self._response.arrived()
        if self._bare > MAX_HEAD_BYTES:
            # The parser keeps a header or trailer until it is complete.
            self._fail(NotHttp("the head of the server's answer, or what follows its body, is too large"))

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone; a body without length or chunks is complete by that."""
        self.closed = True
        self._parser = None
        self._pool.forget(self)
        self.resume_writing()
        if self._response is None:
            return
        if error is not None:
            self._end(httpx.ReadError("the connection broke"))
        elif not self._headed:
            self._end(httpx.RemoteProtocolError("the server hung up before it answered"))
        else:
            broken = httpx.RemoteProtocolError("the response ended before it was complete")
            self._end(None if self._until_eof else broken)

    def pause_writing(self) -> None:
        """The server takes bytes more slowly than they come."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It has taken enough."""
        if self._writable is not None:
            with suppress(asyncio.InvalidStateError):
                self._writable.set_result(None)
            self._writable = None

    # -- the parser's side --------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A response begins."""
        if self._response is None:
            raise ValueError("nobody has asked")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or a trailer, which is dropped."""
        if self._headed or self._response is None:
            return
        headers, key, text = self._response.headers, name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """The head is complete; that of an interim response is forgotten."""
        status, response = self._parser.get_status_code(), self._response
        assert response is not None
        if status < 200:
            response.headers.clear()
            return
        self._headed = True
        framed = "content-length" in response.headers or "chunked" in response.headers.get("transfer-encoding", "")
        self._until_eof = not framed and status not in (204, 304)
        response.open(status)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._bare = 0
        if self._response is not None and not self._response.feed(piece):
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The response is complete: the connection may serve again."""
        if not self._headed:
            return
        kept = self._parser.should_keep_alive() and self._sent()
        self._end()
        if kept:
            if not self._transport.is_reading():
                self._transport.resume_reading()
            self._pool.release(self)
        else:
            self.closed = True
            self._transport.abort()

    def _sent(self) -> bool:
        """Whether the server has taken the whole request; it may answer before."""
        return (self._upload is None or self._upload.done()) and not self._transport.get_write_buffer_size()
