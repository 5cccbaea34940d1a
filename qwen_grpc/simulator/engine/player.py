"""Plays an answer to its caller, as a stream or as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sanic.exceptions import RequestCancelled

from qwen_grpc.simulator.engine.call import Answered, Call, ok, whole
from qwen_grpc.simulator.engine.faults import Refused
from qwen_grpc.simulator.engine.script import Failed, Step
from qwen_grpc.simulator.engine.voice import Voice
from qwen_grpc.simulator.pieces import Raw
from qwen_grpc.simulator.player import break_connection
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.script import Hang, Pause, Reset
from qwen_grpc.simulator.state import StreamRecord


@dataclass(slots=True)
class Playing:
    """One answer while it is given; a caller that leaves ends it."""

    call: Call
    voice: Voice
    steps: Iterator[Step]
    record: StreamRecord

    async def stream(self) -> None:
        """Send the steps until they end or the caller leaves."""
        respond: Any = self.call.request.respond
        response = await respond(content_type=self.voice.content_type, headers=self.call.headers)
        try:
            await self._write(response, self.voice.opening())
            for step in self.steps:
                await self._play(response, step)
            await response.send(end_stream=True)
        except (asyncio.CancelledError, RequestCancelled):
            self._left()
            raise
        self.call.simulator.closed(self.record, "finished")

    async def whole(self) -> Answer:
        """Listen to all steps, then answer at once; an answer that breaks off has no good whole."""
        try:
            for step in self.steps:
                await self._listen(step)
        except (asyncio.CancelledError, RequestCancelled):
            self._left()
            raise
        self.call.simulator.closed(self.record, "finished")
        if not self.voice.spoken.reason:
            raise Answered(whole(self.call, b'{"choices":[{"message":{"role":"assistant","content":"Par'))
        self.record.events_sent = 1
        return ok(self.call, self.voice.whole())

    async def _play(self, response: Any, step: Step) -> None:
        if isinstance(step, Pause | Hang | Reset):
            await self._wait(step)
        else:
            await self._write(response, self.voice.write(step))

    async def _listen(self, step: Step) -> None:
        match step:
            case Pause() | Hang() | Reset():
                await self._wait(step)
            case Failed(fault):
                self.call.simulator.closed(self.record, "finished")
                raise Refused(fault)
            case Raw():
                pass
            case _:
                self.voice.spoken.hear(step)

    async def _wait(self, step: Pause | Hang | Reset) -> None:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Hang():
                await asyncio.Event().wait()
            case Reset():
                break_connection(self.call.request)
                self.call.simulator.closed(self.record, "reset")
                raise RequestCancelled

    async def _write(self, response: Any, data: bytes) -> None:
        behaviour = self.call.behaviour
        size = behaviour.write_bytes or len(data) or 1
        for start in range(0, max(len(data), 1), size):
            await response.send(data[start : start + size], end_stream=False)
            if behaviour.write_bytes:
                await asyncio.sleep(0)
        self.record.events_sent += 1
        # Even without a pace, streams take turns and notice that their reader has left.
        await asyncio.sleep(behaviour.pace_s)

    def _left(self) -> None:
        self.call.simulator.closed(self.record, "reset" if self.call.simulator.stopping else "client_gone")
