"""A chat.qwen.ai, and an engine, for load: paced, silent, failing or pushing as the prompt says.

A process of its own, which records how streams ended. The prompt holds the words of `Wish.prompt`; a delta
reads `w<sequence>@<CLOCK_MONOTONIC in ns> `, so loss, order and delay are
exact. `GET /load/record` gives the record; the site has no such route.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import httptools
import uvloop

from load.wish import WISHED, Act, Wish
from qwen_grpc.simulator.models import CURRENT, describe

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"x-actual-status-code: 200\r\nTransfer-Encoding: chunked\r\n\r\n"
)
SHORT_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
DONE = {"success": True, "request_id": "r1", "data": {"status": True}}
RECORD = b"/load/record"
# How many pieces are pushed before other connections get their turn.
PUSHED_AT_ONCE = 16


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


class SiteFace:
    """How the site writes an answer."""

    begun = event({"response.created": {"chat_id": "chat", "parent_id": "question", "response_id": "answer"}})

    @staticmethod
    def delta(text: str, *, last: bool = False) -> bytes:
        status = "finished" if last else "typing"
        said = {"role": "assistant", "content": text, "phase": "answer", "status": status}
        return event({"choices": [{"delta": said}], "response_id": "answer"})


class EngineFace:
    """How an engine does, which has nothing to say before its first word."""

    begun = b": begun\n\n"

    @staticmethod
    def delta(text: str, *, last: bool = False) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop" if last else None}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_356_323, "model": "qwen-max"}
        return event({**head, "choices": [choice]})


FACES = {b"/api/v2/chat/completions": SiteFace, b"/v1/chat/completions": EngineFace}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(value: object, status: bytes = b"200 OK") -> bytes:
    body = json.dumps(value).encode()
    return SHORT_HEAD % (status, len(body)) + body


@dataclass
class Told:
    """How one answer went: times in nanoseconds of CLOCK_MONOTONIC; `end` is empty while it runs."""

    begun: int
    sent: int = 0
    closed: int = 0
    end: str = ""


@dataclass
class Site:
    """What all connections share."""

    told: dict[str, Told] = field(default_factory=dict)
    connections: set["Connection"] = field(default_factory=set)
    chats: int = 0

    def new_chat(self) -> dict[str, Any]:
        self.chats += 1
        return {"success": True, "request_id": "r1", "data": {"id": f"chat-{self.chats}"}}

    def record(self) -> dict[str, Any]:
        running = sum(1 for one in self.connections if one.told is not None)
        told = {name: vars(one) for name, one in self.told.items()}
        return {"connections": sum(not one.asks for one in self.connections), "running": running, "told": told}


class Connection(asyncio.Protocol):
    """One connection of the gateway, kept alive; httptools calls the `on_` methods."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._timer: asyncio.Handle | None = None
        self._writable = True
        self.told: Told | None = None
        # Whether it is one that asks for the record.
        self.asks = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._site.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._site.connections.discard(self)
        self._over("left")

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        if self.told is not None and not self._wish.pause_us:
            self._go_on()

    # -- requests -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path = self._path.partition(b"?")[0]
        if face := FACES.get(path):
            self._complete(face)
            return
        self.asks = path == RECORD
        answers: dict[bytes, Callable[[], object]] = {
            b"/api/v2/chats/new": self._site.new_chat,
            b"/api/models": lambda: {"data": [describe(model) for model in CURRENT]},
            b"/v1/models": lambda: {"object": "list", "data": [{"id": "qwen-max", "object": "model"}]},
            RECORD: self._site.record,
        }
        self._transport.write(whole(answers.get(path, lambda: DONE)()))

    # -- answers ------------------------------------------------------------------------------------------------------

    def _complete(self, face: type[SiteFace] | type[EngineFace]) -> None:
        self._face = face
        found = WISHED.search(self._body.decode())
        self._wish = wish = Wish.read(found) if found else Wish()
        self.told = self._site.told[wish.name] = Told(time.monotonic_ns())
        self._padding = "x" * wish.bytes
        if wish.act in (Act.FAIL, Act.LIMIT):
            status = b"500 Internal Server Error" if wish.act is Act.FAIL else b"429 Too Many Requests"
            self._transport.write(whole({"success": False, "data": {"code": "load"}}, status))
            self._over("finished")
        elif wish.act is not Act.NO_HEAD:
            self._transport.write(STREAM_HEAD + chunk(face.begun))
            self._due = asyncio.get_running_loop().time()
            self._go_on()

    def _go_on(self) -> None:
        """Sends what is due, and comes again for the rest."""
        told, wish, loop = self.told, self._wish, asyncio.get_running_loop()
        for _ in range(1 if wish.pause_us else PUSHED_AT_ONCE):
            if told is None or told.sent == wish.deltas or not self._writable:
                break
            self._transport.write(chunk(self._face.delta(f"w{told.sent}@{time.monotonic_ns()} {self._padding}")))
            told.sent += 1
        if told is None or (not wish.pause_us and not self._writable):
            return
        if told.sent == wish.deltas and not wish.pause_us:
            self._finish()
        elif told.sent == wish.deltas:
            self._timer = loop.call_at(self._due + wish.pause_us / 1e6, self._finish)
        elif wish.pause_us:
            self._due += wish.pause_us / 1e6
            self._timer = loop.call_at(self._due, self._go_on)
        else:
            self._timer = loop.call_soon(self._go_on)

    def _finish(self) -> None:
        if self._wish.act is Act.HOLD:
            return
        if self._wish.act is Act.CUT:
            self._transport.abort()
        else:
            self._transport.write(chunk(self._face.delta("", last=True)) + b"0\r\n\r\n")
        self._over("finished")

    def _over(self, end: str) -> None:
        told, self.told = self.told, None
        if self._timer is not None:
            self._timer.cancel()
        if told is not None:
            told.closed, told.end = time.monotonic_ns(), end


async def main() -> None:
    """Serves until the process is ended; the port goes to standard output."""
    site = Site()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(site), "127.0.0.1", 0, backlog=4096)
    print("upstream", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
