"""The load: asks over REST or gRPC, and checks that every delta came once and in order.

A process of its own, so that its cost is not the gateway's. It takes one job
as JSON on its command line and prints one result as JSON.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import grpc
import httptools
import uvloop

from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest, StreamChatResponse
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

STAMPED = re.compile(r"w(\d+)@(\d+) ")
MODEL = "qwen-max"
PATIENCE_S = 60.0


@dataclass
class Job:
    """What to do: `kind` is stream, request (whole answers) or grpc; an answer has `deltas`, one per `pause_us`."""

    kind: str
    port: int
    token: str
    seconds: float
    concurrent: int = 16
    deltas: int = 100
    pause_us: int = 20_000

    @property
    def prompt(self) -> str:
        """What the fake upstream understands."""
        return f"n={self.deltas} us={0 if self.kind == 'request' else self.pause_us}"


@dataclass
class Tally:
    """What was seen, in nanoseconds where it is a time."""

    answers: int = 0
    deltas: int = 0
    busy_ns: int = 0
    first_ns: list[int] = field(default_factory=list)
    added_ns: list[int] = field(default_factory=list)
    whole_ns: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Answer:
    """One answer while it arrives."""

    def __init__(self, job: Job, tally: Tally) -> None:
        self._job = job
        self._tally = tally
        self._asked = time.monotonic_ns()
        self._seen = 0
        self._first = 0

    def take(self, text: str, *, live: bool = True) -> None:
        """Some text; what is not the next stamped delta is an error. `live` text tells how late it is."""
        now = time.monotonic_ns()
        end = 0
        for stamp in STAMPED.finditer(text):
            if int(stamp[1]) != self._seen or stamp.start() != end:
                self._tally.errors.append(f"expected delta {self._seen}, got {text[end : end + 60]!r}")
            self._seen, end = self._seen + 1, stamp.end()
            if live:
                self._tally.added_ns.append(now - int(stamp[2]))
        if end != len(text):
            self._tally.errors.append(f"unexpected text {text[end : end + 60]!r}")
        self._first = self._first or now

    def end(self, *, finished: bool) -> None:
        """Closes the account of this answer."""
        now, tally = time.monotonic_ns(), self._tally
        if self._seen != self._job.deltas or not finished:
            tally.errors.append(f"got {self._seen} of {self._job.deltas} deltas, finished: {finished}")
        tally.answers += 1
        tally.deltas += self._seen
        tally.busy_ns += now - self._asked
        tally.whole_ns.append(now - self._asked)
        tally.first_ns.append((self._first or now) - self._asked)


class Http(asyncio.Protocol):
    """A kept-alive connection that sends one request at a time; httptools calls the `on_` methods."""

    def __init__(self) -> None:
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits learns of it."""
        if not self._ended.done():
            self._ended.set_exception(error or ConnectionError("the server hung up"))

    async def ask(self, request: bytes, take: Callable[[bytes], None]) -> int:
        """Sends a request; gives the body to `take` as it comes and returns the status."""
        self._ended, self.on_body = asyncio.get_running_loop().create_future(), take
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(request)
        return await self._ended

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The response is complete."""
        self._ended.set_result(self._parser.get_status_code())


class Sse:
    """Cuts a body into records and reads OpenAI's chunks out of them."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._rest = b""
        self._finish = self._done = False

    @property
    def complete(self) -> bool:
        """Whether a finish reason and the end mark have come, and nothing after them."""
        return self._finish and self._done and not self._rest

    def take(self, data: bytes) -> None:
        """Some of the body."""
        *records, self._rest = (self._rest + data).split(b"\n\n")
        for record in records:
            if record == b"data: [DONE]":
                self._done = True
            elif record.startswith(b"data: "):
                self._chunk(json.loads(record[6:]))

    def _chunk(self, chunk: Any) -> None:
        for choice in chunk["choices"]:
            if content := choice["delta"].get("content"):
                self._answer.take(content)
            self._finish = self._finish or choice["finish_reason"] == "stop"


def http_request(job: Job) -> bytes:
    """The bytes of an OpenAI request."""
    messages = [{"role": "user", "content": job.prompt}]
    body = json.dumps({"model": MODEL, "stream": job.kind == "stream", "messages": messages}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\nAuthorization: Bearer {job.token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def over_http(job: Job, tally: Tally, ask: Callable[[Http, bytes, Job, Tally], Awaitable[int]]) -> None:
    """One connection that asks again and again until the time is over."""
    _, http = await asyncio.get_running_loop().create_connection(Http, "127.0.0.1", job.port)
    request, until = http_request(job), time.monotonic() + job.seconds
    while time.monotonic() < until:
        if (status := await ask(http, request, job, tally)) != 200:
            tally.errors.append(f"status {status}")
    http.transport.abort()


async def stream(http: Http, request: bytes, job: Job, tally: Tally) -> int:
    """One streamed answer."""
    answer = Answer(job, tally)
    sse = Sse(answer)
    status = await http.ask(request, sse.take)
    answer.end(finished=sse.complete)
    return status


async def whole(http: Http, request: bytes, job: Job, tally: Tally) -> int:
    """One whole answer."""
    answer, body = Answer(job, tally), bytearray()
    status = await http.ask(request, body.extend)
    if status == 200:
        choice = json.loads(body)["choices"][0]
        answer.take(choice["message"]["content"], live=False)
        answer.end(finished=choice["finish_reason"] == "stop")
    return status


async def over_grpc(job: Job, tally: Tally, channel: grpc.aio.Channel) -> None:
    """The same over ChatService.StreamChat."""
    stub: Any = ChatServiceStub(channel)
    request = CompleteChatRequest(model=MODEL, messages=[ChatMessage(role=ROLE_USER, content=job.prompt)])
    metadata, until = (("authorization", f"Bearer {job.token}"),), time.monotonic() + job.seconds
    while time.monotonic() < until:
        answer, finished = Answer(job, tally), False
        async for message in stub.StreamChat(request, metadata=metadata):
            finished = taken(message, answer) or finished
        answer.end(finished=finished)


def taken(message: StreamChatResponse, answer: Answer) -> bool:
    """Takes the deltas of a message; says whether one of them is the finish."""
    for delta in message.deltas:
        if delta.content:
            answer.take(delta.content)
    return any(delta.finish_reason for delta in message.deltas)


async def drive(job: Job) -> Tally:
    """All clients at once. They begin evenly spread over one answer and one pause, so that nothing is in step."""
    tally = Tally()
    spread_s = job.pause_us / 1e6 * (1 if job.kind == "request" else 1 + job.deltas)

    async def later(number: int, client: Awaitable[None]) -> None:
        await asyncio.sleep(number * spread_s / job.concurrent)
        try:
            await client
        except (OSError, grpc.aio.AioRpcError) as error:
            # This client is gone; the others go on, and the figures are marked as not valid.
            tally.errors.append(repr(error)[:200])

    async with grpc.aio.insecure_channel(f"127.0.0.1:{job.port}") as channel:
        clients = {
            "stream": lambda: over_http(job, tally, stream),
            "request": lambda: over_http(job, tally, whole),
            "grpc": lambda: over_grpc(job, tally, channel),
        }
        async with asyncio.timeout(job.seconds + PATIENCE_S):
            await asyncio.gather(*(later(number, clients[job.kind]()) for number in range(job.concurrent)))
    return tally


def result(job: Job, tally: Tally) -> dict[str, Any]:
    """What is reported: counts, errors, the delivered share of the offered pace, milliseconds at p50 and p99."""
    offered_ns = tally.answers * job.deltas * job.pause_us * 1000
    return {
        "answers": tally.answers,
        "deltas": tally.deltas,
        "delivered": round(offered_ns / max(1, tally.busy_ns), 4),
        "errors": len(tally.errors),
        "first_error": next(iter(tally.errors), ""),
        "first_ms": quantiles(tally.first_ns),
        "added_ms": quantiles(tally.added_ns),
        "whole_ms": quantiles(tally.whole_ns),
    }


def quantiles(values_ns: list[int]) -> tuple[float, float] | None:
    """The median and the 99th percentile, in milliseconds; None for too few values."""
    if len(values_ns) < 2:
        return None
    cuts = statistics.quantiles(values_ns, n=100, method="inclusive")
    return round(cuts[49] / 1e6, 3), round(cuts[98] / 1e6, 3)


def command(job: Job) -> str:
    """A job as the argument of this program."""
    return json.dumps(asdict(job))


if __name__ == "__main__":
    asked = Job(**json.loads(sys.argv[1]))
    print(json.dumps(result(asked, uvloop.run(drive(asked)))))
