"""One turn: a POST that is answered by a stream."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import QwenError, TokenMalformed, UpstreamIdleTimeout, UpstreamTtfbTimeout
from qwen_grpc.upstreams.http import Origin, Reads
from qwen_grpc.upstreams.messages import Head
from qwen_grpc.upstreams.sse import EVENT_STREAM
from qwen_grpc.v1.chat_pb2 import StreamChatResponse, StreamStart

JSON = {"content-type": "application/json"}
DRAIN_S = 0.1

# What a response means that is no stream, given its body.
Refusal = Callable[[Head, bytes], QwenError]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is sent: the path at the server, the headers, the JSON body. `model` is the id that the body names."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    model: str


class Decoding(Protocol):
    """An answer while it arrives, such as `Answer`.

    `over` says that nothing more will come, `finished` that nothing more has
    to; `end` raises what is wrong with an answer that has no proper end.
    """

    start: StreamStart

    @property
    def over(self) -> bool:
        """Whether the server has said its last word."""

    @property
    def finished(self) -> bool:
        """Whether every choice has its finish reason."""

    def decode(self, data: Sequence[bytes], message: StreamChatResponse) -> None:
        """Adds the events of one read to a message."""

    def end(self, message: StreamChatResponse) -> None:
        """Adds what comes last."""


def authorized(credentials: Credentials, name: str) -> dict[str, str]:
    """The header of an API key; none for `NO_KEY`. `name` is how errors call the server."""
    if not isinstance(credentials, ApiKey):
        raise TokenMalformed(f"{name} takes an API key, not a web session (docs/credentials.md)")
    return {"authorization": f"Bearer {credentials.value}"} if credentials.value else {}


async def stream(
    origin: Origin, ask: Ask, answer: Decoding, refusal: Refusal
) -> AsyncGenerator[StreamChatResponse, None]:
    """Yields the answer; see `Upstream.chat`. Leaving closes the connection."""
    async with _opened(origin, ask, refusal) as (reads, first):
        begun = False
        async for message in _messages(origin.events(reads, first, origin.clocks.idle_s), answer):
            if not begun:
                message.start.CopyFrom(_start(answer.start, ask.model))
                begun = True
            yield message
        with suppress(QwenError):
            # Usually the body ends right here; reading on lets the connection serve again.
            await reads.next(asyncio.get_running_loop().time() + DRAIN_S, UpstreamIdleTimeout)


@asynccontextmanager
async def _opened(origin: Origin, ask: Ask, refusal: Refusal) -> AsyncIterator[tuple[Reads, bytes]]:
    """The stream and its first read; raises the refusal that came in its place."""
    request = origin.request("POST", ask.path, {**JSON, **ask.headers}, ask.body)
    async with origin.exchange(request) as response:
        if not response.is_success or not response.headers.get("content-type", "").startswith(EVENT_STREAM):
            raise refusal(response, await origin.body(response))
        reads = Reads(origin.name, response)
        yield reads, await reads.next(origin.soon(), UpstreamTtfbTimeout)


async def _messages(events: AsyncIterator[list[bytes]], answer: Decoding) -> AsyncGenerator[StreamChatResponse, None]:
    """A message for each read that brought deltas, and a last one with the end.

    The first one comes with the first delta: an upstream that opens a stream
    and fails then has not begun to answer.
    """
    message, begun = StreamChatResponse(), False
    try:
        while not answer.over and (data := await _next(events, answer)) is not None:
            answer.decode(data, message)
            if message.deltas and not answer.over:
                yield message
                message, begun = StreamChatResponse(), True
        answer.end(message)
    except QwenError as error:
        # What came before the failure is delivered first; to ask again would pay twice.
        if message.deltas:
            yield message
        if message.deltas or begun:
            error.facts["partial"] = "true"
        raise
    if message.ListFields() or not begun:
        yield message


async def _next(events: AsyncIterator[list[bytes]], answer: Decoding) -> list[bytes] | None:
    """What the next read brought; None at the end, and when the connection breaks after all was said."""
    try:
        return await anext(events, None)
    except QwenError:
        if answer.finished:
            return None
        raise


def _start(told: StreamStart, model: str) -> StreamStart:
    """The constants of the stream, with ours where the server gave none."""
    told.id = told.id or f"chatcmpl-{uuid.uuid4().hex}"
    told.created = told.created or int(time.time())
    told.model = told.model or model
    return told
