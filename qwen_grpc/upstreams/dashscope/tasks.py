"""Tasks: what takes longer than a request is submitted, asked after, and cancelled while it waits.

An ended task is known for 24 hours. As recorded in June 2026; the documents of
that spring allow 20 looks a second for all tasks of an account.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import Struct

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import (
    InvalidParameter,
    NotFound,
    QwenError,
    RateLimited,
    Unsupported,
    UpstreamConnect,
    UpstreamError,
    UpstreamHeadersTimeout,
    UpstreamProtocol,
    UpstreamTruncated,
    UpstreamTtfbTimeout,
    UpstreamUnavailable,
)
from qwen_grpc.upstreams.dashscope.native import Native, Reply
from qwen_grpc.upstreams.dashscope.origin import NATIVE, DashScopeOrigin
from qwen_grpc.upstreams.dashscope.refusals import refused_event

TASKS = f"{NATIVE}/tasks"
FAREWELL_S = 5.0
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
# After these another look is worth it.
PASSING = (
    RateLimited,
    UpstreamConnect,
    UpstreamError,
    UpstreamHeadersTimeout,
    UpstreamTruncated,
    UpstreamUnavailable,
)
# Null stands for absent in many answers.
Told: TypeAlias = str | None
_id = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds until the first look at a task, how the pause grows up to a longest one, and when to give up.

    The documents advise a look every 15 seconds, and four pictures took half a minute.
    """

    first_s: float = 1.0
    growth: float = 1.5
    longest_s: float = 8.0
    patience_s: float = 600.0

    def pauses(self) -> Iterator[float]:
        """The pauses before each look, without end."""
        pause_s = self.first_s
        while True:
            yield pause_s
            pause_s = min(self.longest_s, pause_s * self.growth)


class Item(Struct):
    """A part of a message: a picture, or words."""

    image: Told = None
    text: Told = None


class Message(Struct):
    """What a model answered."""

    content: list[Item] | Told = None


class Choice(Struct):
    """One of the answers."""

    message: Message


class Result(Struct):
    """A picture, or with a `code` why there is none. Some models have one for a clip."""

    url: Told = None
    video_url: Told = None
    actual_prompt: Told = None
    code: Told = None
    message: Told = None


class Output(Struct):
    """How far a task is, and what it made; the answers of models that make no task have a part of this."""

    task_id: Told = None
    task_status: Told = None
    code: Told = None
    message: Told = None
    end_time: Told = None
    video_url: Told = None
    image_url: Told = None
    results: list[Result] | Result | None = None
    choices: list[Choice] | None = None


class Answered(Reply):
    """An answer that has an output."""

    output: Output | None = None


def _path(task_id: str) -> str:
    if not _id.fullmatch(task_id):
        raise NotFound("this is not the id of a task")
    return f"{TASKS}/{task_id}"


def failure(output: Output, origin: DashScopeOrigin) -> QwenError:
    """Why a task ended without a result."""
    if output.task_status == "CANCELED":
        return UpstreamError(f"the task was cancelled at {origin.name} before it began")
    return refused(output.code or "", output.message or "", origin)


def refused(code: str, message: str, origin: DashScopeOrigin) -> QwenError:
    """What a code in the output of a task means."""
    return refused_event(origin.host, {"code": code, "message": message})


class Tasks:
    """The tasks of callers. A task is submitted once; that a submission failed does not say that there is none."""

    def __init__(self, native: Native, pace: Pace | None = None) -> None:
        self._native = native
        self._pace = pace or Pace()
        self._farewells: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Lets tasks that nobody waits for any longer be cancelled."""
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=FAREWELL_S)

    async def submit(self, path: str, body: object, key: ApiKey) -> str:
        """Hands in a task; returns its id."""
        answer = await self._native.post(path, key, Answered, body, queued=True)
        task_id = (answer.output and answer.output.task_id) or ""
        if not _id.fullmatch(task_id):
            raise UpstreamProtocol(f"{self._native.origin.name} took a task without giving its id")
        return task_id

    async def get(self, task_id: str, key: ApiKey) -> Output:
        """Looks once. Raises `NotFound` for a task that is not known, or no longer."""
        name = self._native.origin.name
        output = (await self._native.get(_path(task_id), key, Answered)).output
        if output is None or not output.task_status:
            raise UpstreamProtocol(f"{name} did not say how far a task is")
        if output.task_status == "UNKNOWN":
            raise NotFound(f"{name} does not know this task: tasks are forgotten a day after they have ended")
        return output

    async def cancel(self, task_id: str, key: ApiKey) -> None:
        """Takes a task out of the queue. Raises `Unsupported` when it is no longer there."""
        try:
            await self._native.post(f"{_path(task_id)}/cancel", key, Reply)
        except (InvalidParameter, Unsupported) as error:
            text = "stops a task only while it waits in the queue: this one has begun or ended"
            raise Unsupported(f"{self._native.origin.name} {text}") from error

    async def ended(self, task_id: str, key: ApiKey) -> Output:
        """Asks after a task until it has ended. One that nobody waits for any longer is cancelled if it has not begun.

        A look that fails for a passing reason is not the last one.
        """
        try:
            async with asyncio.timeout(self._pace.patience_s):
                return await self._until_ended(task_id, key)
        except TimeoutError as error:
            self._give_up(task_id, key)
            text = f"has not finished within {self._pace.patience_s:g} s"
            raise UpstreamTtfbTimeout(f"{self._native.origin.name} {text}; the task was given up") from error
        except asyncio.CancelledError:
            self._give_up(task_id, key)
            raise

    async def _until_ended(self, task_id: str, key: ApiKey) -> Output:
        pauses = self._pace.pauses()
        while True:
            await asyncio.sleep(next(pauses))
            with suppress(*PASSING):
                output = await self.get(task_id, key)
                if output.task_status in ENDED:
                    return output

    def _give_up(self, task_id: str, key: ApiKey) -> None:
        farewell = asyncio.create_task(self._farewell(task_id, key))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _farewell(self, task_id: str, key: ApiKey) -> None:
        # Nobody is left to be told that it could not be stopped.
        with suppress(QwenError):
            await self.cancel(task_id, key)
