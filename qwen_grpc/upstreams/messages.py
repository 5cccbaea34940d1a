"""HTTP/1.1 as adapters see it: a request as a value, and a response whose body arrives piece by piece."""

import asyncio
import re
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from qwen_grpc.upstreams.alarm import Alarm

# What has arrived and was not read yet; beyond this, the connection reads no more.
HIGH_WATER = 8 * 1024

Content = bytes | AsyncIterable[bytes] | None
# Takes what one read brought; says whether it wants more.
Sink = Callable[[bytes], bool]

_names = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_control = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_target = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True)
class Server:
    """Where connections go. `authority` is what the Host header says."""

    tls: bool
    host: str
    port: int
    authority: str


def server_of(url: httpx.URL) -> Server:
    """The server of a URL. Raises `httpx.UnsupportedProtocol` unless it is a whole http or https one."""
    if url.scheme not in ("http", "https") or not url.host:
        raise httpx.UnsupportedProtocol("the URL is not a whole http or https one")
    tls = url.scheme == "https"
    return Server(tls, url.raw_host.decode(), url.port or (443 if tls else 80), url.netloc.decode())


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `target` is path and query, encoded already; it is sent as it is."""

    method: str
    server: Server
    target: str
    headers: Mapping[str, str]
    content: Content = None

    @property
    def path(self) -> str:
        """The target without its query, which may hold secrets."""
        return self.target.partition("?")[0]

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once, and can be done."""
        whole = self.content is None or isinstance(self.content, bytes)
        return whole and self.method in ("GET", "PUT", "DELETE")

    def head(self) -> bytes:
        """The request line and the headers. Raises `httpx.LocalProtocolError` for what cannot be sent."""
        headers = {"host": self.server.authority, **self.headers, **self._framing()}
        values = "\t".join(headers.values())
        if not _names.fullmatch("".join(headers)) or "" in headers or _control.search(values):
            raise httpx.LocalProtocolError(_fault(headers))
        if not _target.fullmatch(self.target):
            raise httpx.LocalProtocolError("the target of the request is not an encoded path")
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        return f"{self.method} {self.target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()

    def _framing(self) -> dict[str, str]:
        if "content-length" in self.headers:
            return {}
        if isinstance(self.content, bytes):
            return {"content-length": str(len(self.content))}
        if self.content is not None:
            return {"transfer-encoding": "chunked"}
        return {"content-length": "0"} if self.method in ("POST", "PUT") else {}


def _fault(headers: Mapping[str, str]) -> str:
    """Which header is wrong; the value is kept out, because it may be a credential."""
    for name, value in headers.items():
        if not _names.fullmatch(name):
            return f"{name!r} is not a header name"
        if _control.search(value):
            return f"header {name!r} holds a control character"
    return "a header cannot be sent"


class Line(Protocol):
    """What a response wants of the connection that it arrives on."""

    def resume(self) -> None:
        """Reads on, after so much had come that it stopped."""

    def abort(self) -> None:
        """Closes at once."""


@dataclass(slots=True)
class Head:
    """What is known of a response before its body: names of headers are in lower case, repeated ones are joined."""

    request: Request
    status_code: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """Whether the status is one of the 200s."""
        return 200 <= self.status_code < 300


class Response(Head):
    """A response while it arrives.

    One task waits for it at a time. `expect` says until when; nothing else
    bounds the waiting. Who reads many small pieces has them poured out, which
    wakes no task for each of them.
    """

    def __init__(self, request: Request, line: Line) -> None:
        super().__init__(request)
        self._line: Line | None = line
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes] = []
        self._held = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._timer: Alarm | None = None

    # -- for who reads ------------------------------------------------------------------------------------------------

    def expect(self, deadline: float, late: Callable[[], Exception]) -> None:
        """From now on, who still waits at `deadline`, in the event loop's time, gets the error that `late` makes.

        One timer serves all waits: it looks at the deadline when it fires, and
        winds itself again. A timer for each wait would cost more than the rest.
        """
        self._deadline, self._late = deadline, late
        if self._timer is None or deadline < self._due:
            self._wind()

    async def head(self) -> None:
        """Returns when status and headers have come."""
        while not self.status_code:
            if self._error is not None:
                raise self._error
            self._waiter = waiter = self._loop.create_future()
            await waiter

    async def read(self) -> bytes:
        """What has arrived of the body, or `b""` at its end."""
        if (arrival := self.arrival()) is not None:
            await arrival
        return self.take()

    def arrival(self) -> asyncio.Future[None] | None:
        """What to await before there is something to `take`; None for nothing."""
        if self._pieces or self._line is None:
            return None
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def take(self) -> bytes:
        """What has arrived of the body, or `b""` at its end."""
        pieces = self._pieces
        if not pieces:
            if self._error is not None:
                raise self._error
            return b""
        self._pieces = []
        if self._held > HIGH_WATER and self._line is not None:
            self._line.resume()
        self._held = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def pour(self, sink: Sink) -> Awaitable[None]:
        """Gives what arrives to `sink`, where it arrives; returns what to await until the sink has had enough.

        That ends, too, with the body; what broke it, what came too late and
        what the sink raises are raised there.
        """
        self._waiter, self._sink = self._loop.create_future(), sink
        waiter = self._waiter
        if self._pieces:
            self._sunk(sink)
        if self._line is None:
            self._end_pouring()
        return waiter

    def close(self) -> None:
        """Closes the connection, unless the body has come to its end and the pool has it back already."""
        # Nobody reads on, so nobody needs to be told of the end that this makes.
        self._sink = self._waiter = None
        if self._timer is not None:
            self._timer.cancel()
        if self._line is not None:
            self._line.abort()

    # -- for the connection -------------------------------------------------------------------------------------------

    def open(self, status_code: int) -> None:
        """The head is complete."""
        self.status_code = status_code
        self._wake()

    def feed(self, piece: bytes) -> bool:
        """Takes a piece of the body; says whether there is room for more."""
        self._pieces.append(piece)
        self._held += len(piece)
        return self._held <= HIGH_WATER

    def arrived(self) -> None:
        """The pieces of one read are all there."""
        if self._pieces:
            if self._sink is not None:
                self._sunk(self._sink)
            elif self._waiter is not None:
                self._wake()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will come; what has come can still be read before the error."""
        self._error, self._line = error, None
        if self._sink is not None:
            if self._pieces:
                self._sunk(self._sink)
            self._end_pouring()
        self._wake()

    # -- pouring ------------------------------------------------------------------------------------------------------

    def _sunk(self, sink: Sink) -> None:
        """Gives what is there to the sink, if the reader still waits; the reader learns how that went."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        try:
            wants_more = sink(self.take())
        except asyncio.CancelledError:
            # So says a client that has left; it is for the reader, and not for the loop that brought the bytes.
            self._sink = self._waiter = None
            waiter.cancel()
            return
        except Exception as error:  # noqa: BLE001
            self._sink = self._waiter = None
            if not waiter.done():
                waiter.set_exception(error)
            return
        if not wants_more:
            self._sink = None
            self._wake()

    def _end_pouring(self) -> None:
        waiter, self._sink = self._waiter, None
        if self._error is not None and waiter is not None and not waiter.done():
            self._waiter = None
            waiter.set_exception(self._error)
        self._wake()

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = self._deadline
        self._timer = Alarm(self._loop, self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            # Nobody waits; whoever comes next winds it.
            return
        if self._loop.time() < self._deadline:
            self._wind()
        else:
            waiter.set_exception(self._late())
