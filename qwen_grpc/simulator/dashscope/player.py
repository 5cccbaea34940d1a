"""Plays an answer to its caller, as a stream or as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sanic.exceptions import RequestCancelled

from qwen_grpc.simulator.dashscope import replies
from qwen_grpc.simulator.dashscope.call import Answered, Call, ok
from qwen_grpc.simulator.dashscope.compat import CompatVoice
from qwen_grpc.simulator.dashscope.faults import Refused
from qwen_grpc.simulator.dashscope.native import NativeVoice
from qwen_grpc.simulator.dashscope.script import Failed, Step
from qwen_grpc.simulator.pieces import Raw
from qwen_grpc.simulator.player import break_connection
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.script import Hang, Pause, Reset
from qwen_grpc.simulator.state import StreamRecord

TIMEOUT_S = 600


@dataclass(slots=True)
class Playing:
    """One answer while it is given; a caller that leaves ends it."""

    call: Call
    voice: CompatVoice | NativeVoice
    steps: Iterator[Step]
    record: StreamRecord

    async def stream(self) -> None:
        """Send the steps until they end or the caller leaves."""
        told = replies.headers(self.call.simulator, self.call.id, timeout_s=TIMEOUT_S)
        told["x-dashscope-finished"] = "false"
        respond: Any = self.call.request.respond
        response = await respond(content_type="text/event-stream;charset=UTF-8", headers=told)
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
            half = b'{"choices":[{"message":{"role":"assistant","content":"Par'
            raise Answered(replies.whole(half, replies.headers(self.call.simulator, self.call.id)))
        self.record.events_sent = 1
        return ok(self.call, self.voice.whole(), timeout_s=TIMEOUT_S)

    async def _play(self, response: Any, step: Step) -> None:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Hang():
                await asyncio.Event().wait()
            case Reset():
                self._reset()
            case _:
                await self._write(response, self.voice.write(step))

    async def _listen(self, step: Step) -> None:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Hang():
                await asyncio.Event().wait()
            case Reset():
                self._reset()
            case Failed(fault):
                self.call.simulator.closed(self.record, "finished")
                raise Refused(fault)
            case Raw():
                pass
            case _:
                self.voice.spoken.hear(step)

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

    def _reset(self) -> None:
        break_connection(self.call.request)
        self.call.simulator.closed(self.record, "reset")
        raise RequestCancelled

    def _left(self) -> None:
        self.call.simulator.closed(self.record, "reset" if self.call.simulator.stopping else "client_gone")
