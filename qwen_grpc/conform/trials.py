"""How a gateway is asked: one function for each kind of question, and what it brings home."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from qwen_grpc.conform.asking import IMAGES, Client, Way, Witness
from qwen_grpc.conform.markers import Marker
from qwen_grpc.conform.records import Record
from qwen_grpc.conform.upstream import NO_MODEL
from qwen_grpc.conform.views import View

ARRIVES_S = 5.0
# Longer than the limit, so that what comes late is told as late.
LEFT_S = 3.0
PAIRS = 5
SILENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class Waits:
    """How long things may take, in seconds."""

    silence_s: float = SILENCE_S
    retry_after_s: float = 7.0
    leave_s: float = 1.0
    answer_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What was seen of one question, or of several that belong together.

    `seconds` is how long the upstream's connection outlived the client's.
    """

    marker: Marker
    way: Way
    waits: Waits
    views: tuple[View, ...]
    records: tuple[Record, ...]
    seconds: float = 0.0

    @property
    def view(self) -> View:
        """The first answer, mostly the only one."""
        return self.views[0]


@dataclass(frozen=True, slots=True)
class Question:
    """Whom to ask, whom to ask about it, and with which marker."""

    client: Client
    witness: Witness
    marker: Marker
    way: Way
    waits: Waits

    def body(self, **more: Any) -> dict[str, Any]:
        """The chat request."""
        return self.client.target.question(self.marker, self.way, **more)

    async def trial(self, *views: View, seconds: float = 0.0) -> Trial:
        """What has been seen, with the upstream's record of it."""
        records = tuple(await self.witness.records(self.marker))
        return Trial(self.marker, self.way, self.waits, views, records, seconds)


Probe: TypeAlias = Callable[[Question], Awaitable[Trial]]


async def ask(question: Question) -> Trial:
    """Asks, and reads to the end."""
    return await question.trial(await question.client.ask(question.marker, question.body()))


async def ask_with_usage(question: Question) -> Trial:
    """The same, and asks for the usage."""
    more = {"stream_options": {"include_usage": True}} if question.way == "stream" else {}
    return await question.trial(await question.client.ask(question.marker, question.body(**more)))


async def ask_for_tool(question: Question) -> Trial:
    """The same, and offers a tool."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": parameters}}
    return await question.trial(await question.client.ask(question.marker, question.body(tools=[tool])))


async def ask_repeatedly(question: Question) -> Trial:
    """Asks some times on one connection: only one that has been used lets the system hold a write back."""
    views = [await question.client.ask(question.marker, question.body()) for _ in range(PAIRS)]
    return await question.trial(*views)


async def leave_early(question: Question) -> Trial:
    """Hangs up as soon as the upstream has the question."""
    asking = asyncio.create_task(question.client.ask(question.marker, question.body()))
    await question.witness.records(question.marker, "arrived", ARRIVES_S)
    left_at = time.monotonic()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return await _left(question, View(), left_at)


async def leave_midway(question: Question) -> Trial:
    """Hangs up after the first words."""
    view = await question.client.ask(question.marker, question.body(), until=lambda view: bool(view.text))
    return await _left(question, view, view.ended_at)


async def _left(question: Question, view: View, left_at: float) -> Trial:
    await question.witness.records(question.marker, "over", LEFT_S)
    return await question.trial(view, seconds=time.monotonic() - left_at)


async def ask_without_key(question: Question) -> Trial:
    """Asks as nobody."""
    return await _with(question, {"authorization": None}, question.body())


async def ask_for_no_model(question: Question) -> Trial:
    """Asks for a model that nobody has."""
    return await _with(question, {}, question.body() | {"model": NO_MODEL})


async def ask_in_no_json(question: Question) -> Trial:
    """Sends a body that breaks off."""
    return await _with(question, {}, b'{"model": "conform", "messages": [')


async def _with(question: Question, headers: Mapping[str, str | None], body: Mapping[str, Any] | bytes) -> Trial:
    return await question.trial(await question.client.ask(question.marker, body, headers=headers))


async def order_twice(question: Question) -> Trial:
    """Orders the same picture twice, with the same idempotency key."""
    body = {"model": question.client.target.image_model, "prompt": f"A red square. {question.marker}", "n": 1}
    headers = {"idempotency-key": question.marker.nonce}
    views = [await question.client.ask(question.marker, body, path=IMAGES, headers=headers) for _ in range(2)]
    return await question.trial(*views)
