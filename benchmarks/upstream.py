"""A fake chat.qwen.ai that costs little, so that what is measured is the gateway.

The prompt says what is answered: `n=50 us=20000` is 50 deltas, one every 20 ms,
each in a write of its own; with `us=0` the whole answer is one write. A delta
reads `w<sequence>@<CLOCK_MONOTONIC in ns> `, so loss, order and added latency
are exact. The form of the events is that of the browser's own traffic, Sep 2026.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import cast

import httptools
import uvloop

from qwen_grpc.simulator.models import CURRENT, describe

ASKED = re.compile(rb"n=(\d+) us=(\d+)")
CHAT, ANSWER, PARENT = (f"{letter}0000000-0000-4000-8000-000000000001" for letter in "cab")
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"x-actual-status-code: 200\r\nTransfer-Encoding: chunked\r\n\r\n"
)
JSON_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-actual-status-code: 200\r\nContent-Length: %d\r\n\r\n"
)
CREATED = (
    f'data: {{"response.created":{{"chat_id": "{CHAT}", "parent_id": "{PARENT}", '
    f'"response_id":"{ANSWER}", "response_index": "0"}}}} \n\n'
).encode()
DELTA = (
    'data: {"choices": [{"delta": {"role": "assistant", "content": "%s", "phase": "answer", "status": "typing"}}], '
    f'"response_id": "{ANSWER}", '
    '"usage": {"input_tokens": 1011, "output_tokens": %d, "characters": 0, "total_tokens": %d, '
    '"input_tokens_details": {"text_tokens": 1011}, "output_tokens_details": {"text_tokens": %d}, '
    '"prompt_tokens_details": {"cached_tokens": 512}}, "timestamp": 1790356323}\n\n'
)
FINISHED = (
    'data: {"choices": [{"delta": {"content": "", "role": "assistant", "status": "finished", "phase": "answer"}}], '
    f'"response_id": "{ANSWER}"}}\n\n'
).encode()


def delta(number: int) -> bytes:
    """The event of one delta, stamped now."""
    return event(f"w{number}@{time.monotonic_ns()} ", number + 1)


def event(content: str, tokens: int) -> bytes:
    """An event with its usage, which is that of the answer so far."""
    return (DELTA % (content, tokens, 1011 + tokens, tokens)).encode()


def ending(count: int) -> bytes:
    """What follows the last delta: two empty ones, and the end of the phase."""
    return event("", count) * 2 + FINISHED


def chunk(data: bytes) -> bytes:
    """A chunk of HTTP/1.1."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def whole(body: bytes) -> bytes:
    """A JSON response."""
    return JSON_HEAD % len(body) + body


class Site:
    """The bodies that never change, and the count of chats."""

    def __init__(self) -> None:
        self.opened = self.removed = 0
        self.models = whole(json.dumps({"data": [describe(model) for model in CURRENT]}).encode())
        self.done = whole(b'{"success":true,"request_id":"r1","data":{"status":true}}')
        self.unknown = whole(b'{"success":false,"request_id":"r1","data":{"code":"Not_Found","details":"unknown"}}')

    def counts(self) -> bytes:
        """How many chats were opened and removed; not a route of the real site."""
        return whole(json.dumps({"opened": self.opened, "removed": self.removed}).encode())

    def new_chat(self) -> bytes:
        """Opens a chat."""
        self.opened += 1
        return whole(b'{"success":true,"request_id":"r1","data":{"id":"%s"}}' % CHAT.encode())

    def remove(self) -> bytes:
        """Removes one."""
        self.removed += 1
        return self.done


class Connection(asyncio.Protocol):
    """One client connection, kept alive; httptools calls the `on_` methods."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Ends the answer that is being written."""
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._path = self._body = b""

    def on_url(self, url: bytes) -> None:
        """The request's target."""
        self._path += url

    def on_body(self, body: bytes) -> None:
        """Some of its body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answers."""
        path, _, _ = self._path.partition(b"?")
        if path == b"/api/v2/chat/completions":
            self._complete()
        else:
            self._transport.write(self._short(self._parser.get_method(), path))

    def _short(self, method: bytes, path: bytes) -> bytes:
        site = self._site
        if method == b"DELETE" and path.startswith(b"/api/v2/chats/"):
            return site.remove()
        answers: dict[bytes, Callable[[], bytes]] = {
            b"/api/v2/chats/new": site.new_chat,
            b"/api/v2/chat/completions/stop": lambda: site.done,
            b"/api/models": lambda: site.models,
            b"/counts": site.counts,
        }
        return answers.get(path, lambda: site.unknown)()

    def _complete(self) -> None:
        asked = ASKED.search(self._body)
        count, pause_us = (int(number) for number in asked.groups()) if asked else (1, 0)
        if not pause_us:
            events = CREATED + b"".join(map(delta, range(count))) + ending(count)
            self._transport.write(STREAM_HEAD + chunk(events) + b"0\r\n\r\n")
            return
        self._transport.write(STREAM_HEAD + chunk(CREATED))
        self._count, self._pause_s = count, pause_us / 1e6
        self._due = asyncio.get_running_loop().time()
        self._next(0)

    def _next(self, number: int) -> None:
        if number == self._count:
            self._transport.write(chunk(ending(number)) + b"0\r\n\r\n")
            return
        self._transport.write(chunk(delta(number)))
        self._due += self._pause_s
        self._timer = asyncio.get_running_loop().call_at(self._due, self._next, number + 1)


async def main() -> None:
    """Serves until the process is ended; the port goes to standard output."""
    site = Site()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(site), "127.0.0.1", 0, backlog=1024)
    print("upstream", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
