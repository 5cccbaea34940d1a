"""Plays the steps of an answer to its caller, and goes on without one when the caller leaves."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sanic import HTTPResponse, Request
from sanic.exceptions import RequestCancelled

from qwen_grpc.simulator.events import Event, Voice
from qwen_grpc.simulator.replies import headers_of
from qwen_grpc.simulator.script import Hang, Pause, Reset, Step
from qwen_grpc.simulator.state import Chat, Generation, Simulator, StreamRecord, happens

# How long the service goes on with an answer that hangs after its reader has left.
AFTERLIFE_S = 5.0
TITLE_CHARACTERS = 40


def break_connection(request: Request) -> None:
    """Break the connection so that the caller sees a reset, not an end."""
    transport: Any = request.transport
    if transport is not None:
        broken = transport.get_extra_info("socket")
        # Lingering for no time makes the kernel send a reset.
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


@dataclass(slots=True)
class Playing:
    """One answer while it is sent; when its reader leaves, it goes on without one."""

    simulator: Simulator
    chat: Chat
    generation: Generation
    record: StreamRecord
    voice: Voice
    steps: Iterator[Step]
    current: Step | None = None

    async def perform(self, request: Request) -> None:
        """Send the steps until they end, the caller leaves or a stop call comes."""
        response = await request.respond(
            content_type="text/event-stream; charset=utf-8", headers=headers_of(request, actual=200)
        )
        try:
            await self._send_all(request, response)
        except (asyncio.CancelledError, RequestCancelled):
            self._left()
            raise

    async def _send_all(self, request: Request, response: HTTPResponse) -> None:
        pace_s, stop = self.simulator.behaviour.pace_s, self.generation.stop
        for step in self.steps:
            self.current = step
            if isinstance(step, Event):
                self._hear(step)
                await response.send(step.data, end_stream=False)
                self.record.events_sent += 1
                # Even without a pace, streams take turns and notice that their reader has left.
                await asyncio.sleep(pace_s)
            elif isinstance(step, Reset):
                self._reset(request)
                return
            else:
                await self._wait(step, forever=True)
            if stop.is_set():
                await response.send(self.voice.last().data, end_stream=False)
                break
        self._end()
        await response.send(end_stream=True)
        self.simulator.closed(self.record, "finished")

    async def _wait(self, step: Step, *, forever: bool) -> None:
        """Wait out a pause; a hang lasts until it is stopped or, without a reader, not much longer."""
        if isinstance(step, Pause):
            await happens(self.generation.stop.wait(), step.seconds)
        elif isinstance(step, Hang) and forever:
            await self.generation.stop.wait()
        elif isinstance(step, Hang):
            await happens(self.generation.stop.wait(), AFTERLIFE_S)

    def _hear(self, event: Event) -> None:
        if event.phase:
            self.generation.message.hear(event.phase, event.text, event.extra)

    def _reset(self, request: Request) -> None:
        break_connection(request)
        self._end()
        self.simulator.closed(self.record, "reset")

    def _left(self) -> None:
        """The caller hung up: the service does not care and finishes the answer."""
        if self.record.outcome:
            return
        if self.simulator.stopping:
            self._end()
            self.simulator.closed(self.record, "reset")
            return
        self.simulator.in_background(self._finish_alone())
        self.simulator.closed(self.record, "client_gone")

    async def _finish_alone(self) -> None:
        pace_s = self.simulator.behaviour.pace_s
        interrupted = () if self.current is None or isinstance(self.current, Event) else (self.current,)
        try:
            for step in chain(interrupted, self.steps):
                if isinstance(step, Event):
                    self._hear(step)
                    await asyncio.sleep(pace_s)
                else:
                    await self._wait(step, forever=False)
                if self.generation.stop.is_set():
                    break
        finally:
            self._end()

    def _end(self) -> None:
        message = self.generation.message
        message.done = True
        if self.chat.generation is self.generation:
            self.chat.generation = None
        self.chat.updated_at = int(self.simulator.now())
        if self.chat.title == "New chat" and message.answer:
            self.chat.title = message.answer[:TITLE_CHARACTERS]
