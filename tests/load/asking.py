"""Clients of both doors that check every answer: no delta lost, doubled or out of order."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import httptools

from load.wish import Wish
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

MODEL = "qwen-max"
PATIENCE_S = 120.0
# One subchannel for each channel: else channels with the same options share a connection.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)

_numbered = re.compile(r"w(\d+)@(\d+) x*")


@dataclass
class Seen:
    """What one answer brought. `fault` is empty when it was whole and in order, or broken only where it was told to."""

    deltas: int = 0
    messages: int = 0
    asked_ns: int = field(default_factory=time.monotonic_ns)
    first_ns: int = 0
    ended_ns: int = 0
    worst_ns: int = 0
    late: int = 0
    finished: bool = False
    failure: str = ""
    disorder: str = ""
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, text: str, late_ns: int) -> None:
        """Some text; counts deltas that are older than `late_ns`."""
        now, end = time.monotonic_ns(), 0
        self.messages, self.first_ns = self.messages + 1, self.first_ns or now
        for stamp in _numbered.finditer(text):
            if int(stamp[1]) != self.deltas or stamp.start() != end:
                self.disorder = self.disorder or f"expected delta {self.deltas}, got {text[end : end + 40]!r}"
            age = now - int(stamp[2])
            self.deltas, end, self.worst_ns = self.deltas + 1, stamp.end(), max(self.worst_ns, age)
            self.late += age > late_ns
        if end != len(text):
            self.disorder = self.disorder or f"unexpected text {text[end : end + 40]!r}"
        self.begun.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended_ns = time.monotonic_ns()
        self.begun.set()

    def fault(self, wish: Wish) -> str:
        """What is wrong with an answer that was wanted whole."""
        if self.disorder or self.failure:
            return self.disorder or self.failure
        if not self.finished or self.deltas != wish.deltas:
            return f"got {self.deltas} of {wish.deltas} deltas, finished: {self.finished}"
        return ""


LATE_NS = 1_000_000_000


@dataclass(frozen=True)
class Door:
    """Where a caller goes, and as whom."""

    rest_port: int
    channel: grpc.aio.Channel
    token: str


@asynccontextmanager
async def channels(port: int, count: int) -> AsyncIterator[Sequence[grpc.aio.Channel]]:
    """So many connections to the gRPC port."""
    made = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OWN_CONNECTION) for _ in range(count)]
    try:
        yield made
    finally:
        await asyncio.gather(*(channel.close() for channel in made))


# -- gRPC -------------------------------------------------------------------------------------------------------------


def message(wish: Wish) -> CompleteChatRequest:
    return CompleteChatRequest(model=MODEL, messages=[ChatMessage(role=ROLE_USER, content=wish.prompt)])


def grpc_call(channel: grpc.aio.Channel, wish: Wish, token: str) -> Any:
    """A running `StreamChat`."""
    stub: Any = ChatServiceStub(channel)
    return stub.StreamChat(message(wish), metadata=(("authorization", f"Bearer {token}"),), timeout=PATIENCE_S)


async def grpc_stream(channel: grpc.aio.Channel, wish: Wish, token: str, seen: Seen) -> None:
    """One streamed answer; who is cancelled has left."""
    call = grpc_call(channel, wish, token)
    try:
        async for part in call:
            if text := "".join(delta.content for delta in part.deltas):
                seen.take(text, LATE_NS)
            seen.finished = seen.finished or any(delta.finish_reason for delta in part.deltas)
    except grpc.aio.AioRpcError as error:
        seen.failure = f"{error.code().name}: {error.details()}"
    finally:
        call.cancel()
        seen.end()


async def grpc_whole(channel: grpc.aio.Channel, wish: Wish, token: str, seen: Seen) -> None:
    """One whole answer."""
    stub: Any = ChatServiceStub(channel)
    call = stub.CompleteChat(message(wish), metadata=(("authorization", f"Bearer {token}"),), timeout=PATIENCE_S)
    try:
        choice = (await call).choices[0]
        seen.take(choice.message.content, PATIENCE_NS)
        seen.finished = bool(choice.finish_reason)
    except grpc.aio.AioRpcError as error:
        seen.failure = f"{error.code().name}: {error.details()}"
    finally:
        call.cancel()
        seen.end()


PATIENCE_NS = int(PATIENCE_S * 1e9)


# -- REST -------------------------------------------------------------------------------------------------------------


def http_request(wish: Wish, token: str, *, stream: bool) -> bytes:
    """The bytes of an OpenAI request."""
    said = [{"role": "user", "content": wish.prompt}]
    body = json.dumps({"model": MODEL, "stream": stream, "messages": said}).encode()
    lines = ("POST /v1/chat/completions HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}")
    return (
        "\r\n".join((*lines, "Content-Type: application/json", f"Content-Length: {len(body)}", "", "")).encode() + body
    )


class Http(asyncio.Protocol):
    """A connection for one request; httptools calls the `on_` methods."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.status = 0
        self.on_body = take
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the gateway hung up"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Sse:
    """Reads OpenAI's chunks out of a body that comes in pieces."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._rest = b""
        self._finish = False

    def take(self, data: bytes) -> None:
        *records, self._rest = (self._rest + data).split(b"\n\n")
        for record in records:
            if record == b"data: [DONE]":
                self._seen.finished = self._finish
            elif record.startswith(b"data: "):
                self._chunk(json.loads(record[6:]))

    def _chunk(self, value: Any) -> None:
        if "error" in value:
            self._seen.failure = value["error"]["message"]
            return
        for choice in value["choices"]:
            if content := choice["delta"].get("content"):
                self._seen.take(content, LATE_NS)
            self._finish = self._finish or choice["finish_reason"] == "stop"


async def rest_stream(port: int, wish: Wish, token: str, seen: Seen) -> None:
    """One streamed answer; who is cancelled has left."""
    body = bytearray()
    sse = Sse(seen)
    await _exchange(port, http_request(wish, token, stream=True), seen, [sse.take, body.extend])


async def rest_whole(port: int, wish: Wish, token: str, seen: Seen) -> None:
    """One whole answer."""
    body = bytearray()
    status = await _exchange(port, http_request(wish, token, stream=False), seen, [body.extend])
    if status == 200:
        choice = json.loads(body)["choices"][0]
        seen.take(choice["message"]["content"], PATIENCE_NS)
        seen.finished = choice["finish_reason"] == "stop"


async def _exchange(port: int, request: bytes, seen: Seen, takers: Sequence[Callable[[bytes], object]]) -> int:
    def take(piece: bytes) -> None:
        for taker in takers:
            taker(piece)

    loop = asyncio.get_running_loop()
    transport, http = await loop.create_connection(lambda: Http(take), "127.0.0.1", port)
    try:
        transport.write(request)
        await asyncio.wait_for(http.ended, PATIENCE_S)
        seen.failure = seen.failure or ("" if http.status == 200 else f"status {http.status}")
    except (OSError, TimeoutError) as error:
        seen.failure = repr(error)
    finally:
        transport.close()
        seen.end()
    return http.status


# -- all of them ------------------------------------------------------------------------------------------------------

Way = Callable[[Door, Wish, Seen], Awaitable[None]]
WAYS: dict[str, Way] = {
    "gRPC stream": lambda door, wish, seen: grpc_stream(door.channel, wish, door.token, seen),
    "SSE stream": lambda door, wish, seen: rest_stream(door.rest_port, wish, door.token, seen),
    "gRPC whole": lambda door, wish, seen: grpc_whole(door.channel, wish, door.token, seen),
    "REST whole": lambda door, wish, seen: rest_whole(door.rest_port, wish, door.token, seen),
}
STREAMS, WHOLE = ("gRPC stream", "SSE stream"), ("gRPC whole", "REST whole")
