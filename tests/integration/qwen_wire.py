"""What chat.qwen.ai puts on the wire, in a few pieces, and how the doors tell a failure of it."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from both_doors import GrpcFailure, HttpFailure, Outcome
from grpc import StatusCode
from raw_server import RawServer, Script, answer

JSON = b"Content-Type: application/json"
MODELS = answer(b'{"data":[{"id":"qwen3.8-max","info":{"meta":{"chat_type":["t2t"]}}}]}', JSON)
NEW_CHAT = answer(b'{"success":true,"data":{"id":"chat-1"}}', JSON)
GOODBYE = answer(b'{"success":true,"data":{"status":true}}', JSON)
CREATED = b'data: {"response.created":{"chat_id":"chat-1","parent_id":"q-1","response_id":"a-1"}}\n\n'
FINISHED = b'data: {"choices":[{"delta":{"role":"assistant","content":"","phase":"answer","status":"finished"}}]}\n\n'


def said(text: str) -> bytes:
    """The event of some words of the answer."""
    delta = {"role": "assistant", "content": text, "phase": "answer", "status": "typing"}
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


def ticking(piece: bytes, times: int) -> list[bytes | asyncio.Event]:
    """A script that sends the piece again and again, each time when `tick` says so."""
    return [part for _ in range(times) for part in (asyncio.Event(), piece)]


async def tick(script: Script, server: RawServer, every_s: float) -> None:
    """Lets a script go on step by step, once the completion has arrived."""
    while b"/chat/completions?" not in await server.arrival():
        pass
    for step in script:
        if isinstance(step, asyncio.Event):
            await asyncio.sleep(every_s)
            step.set()


@dataclass(frozen=True)
class Refused:
    """How a failure looks at both doors. `said` is the text before it; without it, it is a true HTTP status."""

    code: StatusCode
    reason: str
    status: int
    type: str
    word: str
    retry: bool = False
    said: str = ""

    def by(self, way: str) -> Outcome:
        """The outcome of one way, without the words of the error."""
        said = self.said if way.endswith("stream") else ""
        if way.startswith("gRPC"):
            return Outcome(said, GrpcFailure(self.code, self.reason, ""))
        if said:
            return Outcome(said, HttpFailure(200, self.type, self.word, ""))
        again = "true" if self.retry else "false"
        return Outcome("", HttpFailure(self.status, self.type, self.word, "", should_retry=again))


def wordless(outcome: Outcome) -> Outcome:
    """An outcome without the words and the request id of its error, which has to have both."""
    failure: Any = outcome.failure
    assert failure is not None, outcome.text
    assert failure.message
    if isinstance(failure, GrpcFailure):
        assert failure.request_id
        return replace(outcome, failure=replace(failure, message="", request_id=""))
    return replace(outcome, failure=replace(failure, message=""))
