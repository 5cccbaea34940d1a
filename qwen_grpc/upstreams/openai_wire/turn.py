"""One turn: a POST that is answered by a stream."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from qwen_grpc.answering import answering
from qwen_grpc.calls import trace
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import QwenError, TokenMalformed, UpstreamIdleTimeout, UpstreamTtfbTimeout
from qwen_grpc.upstreams import telling
from qwen_grpc.upstreams.clocks import Work
from qwen_grpc.upstreams.http import Origin, Reads
from qwen_grpc.upstreams.messages import Head
from qwen_grpc.upstreams.sse import EVENT_STREAM
from qwen_grpc.upstreams.telling import Ends, Telling
from qwen_grpc.v1.chat_pb2 import StreamChatResponse, StreamStart

JSON = {"content-type": "application/json"}
DRAIN_S = 0.1

# What a response means that is no stream, given its body.
Refusal = Callable[[Head, bytes], QwenError]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is sent: the path at the server, the headers, the JSON body. `model` is the id that the body names.

    `work` is what the model may do before and between its words.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    model: str
    work: Work = Work.THINKING


class Decoding(telling.Decoding, Protocol):
    """An answer while it arrives, such as `Answer`; `end` raises what is wrong with one that has no proper end."""

    start: StreamStart

    def end(self, message: StreamChatResponse) -> None:
        """Adds what comes last."""


def authorized(credentials: Credentials, name: str) -> dict[str, str]:
    """The headers of a call: the API key, none for `NO_KEY`, and the trace that it belongs to, if it does.

    `name` is how errors call the server.
    """
    if not isinstance(credentials, ApiKey):
        raise TokenMalformed(f"{name} takes an API key, not a web session (docs/credentials.md)")
    key = {"authorization": f"Bearer {credentials.value}"} if credentials.value else {}
    return {**key, **trace()}


@answering
async def stream(origin: Origin, ask: Ask, answer: Decoding, refusal: Refusal) -> AsyncIterator[Telling]:
    """The answer; see `Upstream.chat`. Leaving closes the connection."""
    async with _opened(origin, ask, refusal) as (reads, first):
        events = origin.events(reads, first, ask.work)
        yield Telling(answer, events, _ends(answer, ask.model))
        if answer.finished:
            with suppress(QwenError):
                # Usually the body ends right here; reading on lets the connection serve again.
                await reads.next(asyncio.get_running_loop().time() + DRAIN_S, UpstreamIdleTimeout)


def _ends(answer: Decoding, model: str) -> Ends:
    def first(message: StreamChatResponse) -> None:
        message.start.CopyFrom(_start(answer.start, model))

    async def last(message: StreamChatResponse) -> None:
        answer.end(message)

    return Ends(first, last)


@asynccontextmanager
async def _opened(origin: Origin, ask: Ask, refusal: Refusal) -> AsyncIterator[tuple[Reads, bytes]]:
    """The stream and its first read; raises the refusal that came in its place."""
    request = origin.request("POST", ask.path, {**JSON, **ask.headers}, ask.body)
    async with origin.exchange(request) as response:
        if not response.is_success or not response.headers.get("content-type", "").startswith(EVENT_STREAM):
            raise refusal(response, await origin.body(response))
        reads = Reads(origin.name, response)
        yield reads, await reads.next(origin.soon(ask.work), UpstreamTtfbTimeout)


def _start(told: StreamStart, model: str) -> StreamStart:
    """The constants of the stream, with ours where the server gave none."""
    told.id = told.id or f"chatcmpl-{uuid.uuid4().hex}"
    told.created = told.created or int(time.time())
    told.model = told.model or model
    return told
