"""Streams over the wire: life while the upstream is silent, and an end for who does not read."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc.aio import AbortError, ServerInterceptor

from qwen_grpc.calls import OURS, Context
from qwen_grpc.interceptors.around import Continuation, Handler
from qwen_grpc.v1.chat_pb2 import StreamChatResponse

STREAM_CHAT = f"{OURS}ChatService/StreamChat"
# What a client that does not read gets to take its status; then that waits for it, and nobody else does.
LAST_WORDS_S = 1.0


class Pulse(ServerInterceptor):
    """Outermost, and of the wire alone: the REST door does both itself.

    An answer that has begun and is silent for `heartbeat_s` seconds gets a
    message without any field, as proxies do not pass on the pings of HTTP/2; 0
    sends none. A client that takes nothing for `patience_s` seconds fails with
    CLIENT_TOO_SLOW, and what is made for it ends.
    """

    def __init__(self, heartbeat_s: float, patience_s: float) -> None:
        self._heartbeat_s = heartbeat_s
        self._patience_s = patience_s
        self._last_words: set[asyncio.Future[None]] = set()

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Replaces the handler of a stream by one whose writes are watched."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not handler.response_streaming or not method.startswith(OURS):
            return handler
        serializers = (handler.request_deserializer, handler.response_serializer)
        heartbeat_s = self._heartbeat_s if method == STREAM_CHAT else 0.0
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._watched(handler.unary_stream, heartbeat_s), *serializers)
        return grpc.stream_stream_rpc_method_handler(self._watched(handler.stream_stream, heartbeat_s), *serializers)

    def _watched(self, serve: Callable[..., Awaitable[None]], heartbeat_s: float) -> Callable[..., Awaitable[None]]:
        async def run(request: Any, context: Context) -> None:
            async with Watched(context, heartbeat_s, self._patience_s, self._last_words) as watched:
                await serve(request, watched)

        return run


class Watched:
    """The context of a call, which knows since when it writes or is silent.

    One timer for each stream looks at that when it fires; a message costs no
    more than to note down the time.
    """

    def __init__(
        self, context: Context, heartbeat_s: float, patience_s: float, last_words: set[asyncio.Future[None]]
    ) -> None:
        self._context = context
        self._heartbeat_s = heartbeat_s
        self._patience_s = patience_s
        self._step_s = min(patience_s, heartbeat_s or patience_s)
        self._last_words = last_words
        self._loop = asyncio.get_running_loop()
        self._begun = self._writing = self._stuck = False
        # After how many seconds without a read the client was given up; 0 while it is not.
        self.given_up_s = 0.0
        self._beat: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def __aenter__(self) -> "Watched":
        self._task = asyncio.current_task()
        self._since = self._loop.time()
        self._timer = self._loop.call_later(self._step_s, self._look)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()

    async def write(self, message: Message) -> None:
        """Sends a message; waits while the client does not read."""
        if self._beat is not None and not self._beat.done():
            # One write at a time is all that the transport takes.
            await asyncio.wait({self._beat})
        self._since, self._begun, self._writing = self._loop.time(), True, True
        try:
            await self._context.write(message)
        except asyncio.CancelledError:
            self._stuck = True
            raise
        finally:
            self._writing = False

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> None:
        """Ends the call; does not wait for a client that did not take what came before."""
        ending = self._context.abort(code, details, trailing_metadata)
        if not self._stuck:
            await ending
        waiting: asyncio.Future[None] = asyncio.ensure_future(ending)
        self._last_words.add(waiting)
        waiting.add_done_callback(self._last_words.discard)
        await asyncio.wait({waiting}, timeout=LAST_WORDS_S)
        raise AbortError(details)

    @property
    def _period(self) -> float:
        """How long what is going on may go on."""
        return self._patience_s if self._writing or not self._heartbeat_s else self._heartbeat_s

    def _look(self) -> None:
        now = self._loop.time()
        if now - self._since >= self._period:
            self._since = now
            if self._writing:
                self._give_up()
                return
            if self._begun and self._heartbeat_s:
                self._beat = self._loop.create_task(self._send_nothing())
        # A write may begin at any time, and may have to be given up before the next beat.
        self._timer = self._loop.call_at(min(self._since + self._period, now + self._step_s), self._look)

    def _give_up(self) -> None:
        self._stuck, self.given_up_s = True, self._patience_s
        if self._task is not None:
            self._task.cancel()

    async def _send_nothing(self) -> None:
        self._writing = True
        try:
            await self._context.write(StreamChatResponse())
        finally:
            self._writing = False
