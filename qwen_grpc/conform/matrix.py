"""Plays the rows against a gateway, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field

from qwen_grpc.conform import markers
from qwen_grpc.conform.asking import Client, Target, Way, Witness, client, witness
from qwen_grpc.conform.behaviours import BEHAVIOURS, Behaviour
from qwen_grpc.conform.trials import Question, Waits
from qwen_grpc.conform.verdicts import Verdict, described, fail
from qwen_grpc.conform.views import View

SETTLE_STEP_S = 0.5
TIMEOUT_S = 600.0


class NotReady(Exception):
    """The matrix cannot be played; the text says what is wrong and what to do."""


class NotUsed(NotReady):
    """The gateway does not ask the fault upstream."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: the gateway, its upstream, which rows (all without a name), and how long everything may take.

    `settle_s` is how long a gateway may go on refusing good questions after a fault.
    """

    target: Target
    upstream_url: str
    names: Collection[str] = ()
    waits: Waits = field(default_factory=Waits)
    settle_s: float = 60.0
    timeout_s: float = TIMEOUT_S

    def rows(self) -> Iterator[tuple[Behaviour, Way]]:
        """Each row in each of its ways."""
        for behaviour in BEHAVIOURS:
            if not self.names or behaviour.name in self.names:
                yield from ((behaviour, way) for way in behaviour.ways)


@dataclass(frozen=True, slots=True)
class Result:
    """A row that was played; `seconds` is how long that took."""

    behaviour: Behaviour
    way: Way
    verdict: Verdict
    seconds: float


async def run(plan: Plan) -> AsyncIterator[Result]:
    """Yields the results as they come. Raises `NotReady` or `NoUpstream` before the first one."""
    ends_at = time.monotonic() + plan.timeout_s
    async with witness(plan.upstream_url) as sees:
        await sees.check()
        await _check(plan, sees)
        for behaviour, way in plan.rows():
            began_at = time.monotonic()
            verdict = await _within(plan, sees, behaviour, way, ends_at - began_at)
            yield Result(behaviour, way, verdict, time.monotonic() - began_at)


async def _within(plan: Plan, sees: Witness, behaviour: Behaviour, way: Way, left_s: float) -> Verdict:
    try:
        async with asyncio.timeout(left_s):
            return await _play(plan, sees, behaviour, way)
    except TimeoutError:
        return fail(f"not played to its end: the {plan.timeout_s:.0f} s of --timeout are over")


async def _play(plan: Plan, sees: Witness, behaviour: Behaviour, way: Way) -> Verdict:
    if refusal := await _settled(plan):
        return fail(f"not played: after the row before, a good question got {refusal} for {plan.settle_s:.0f} s")
    marker = markers.new(behaviour.name, behaviour.seconds(plan.waits))
    async with client(plan.target, plan.waits.answer_s) as asking:
        question = Question(asking, sees, marker, way, plan.waits)
        return behaviour.judge(await behaviour.probe(question))


# -- good questions ---------------------------------------------------------------------------------------------------


async def _settled(plan: Plan) -> str:
    """Waits until a good question is answered well; after `settle_s` seconds, says how it is refused."""
    ends_at = time.monotonic() + plan.settle_s
    async with client(plan.target, plan.waits.answer_s) as asking:
        while not _good(view := await _greet(asking)):
            if time.monotonic() >= ends_at:
                return described(view)
            await asyncio.sleep(SETTLE_STEP_S)
    return ""


async def _greet(asking: Client) -> View:
    marker = markers.new("answer")
    return await asking.ask(marker, asking.target.question(marker, "whole"))


def _good(view: View) -> bool:
    return view.status == 200 and view.finish == "stop"


async def _check(plan: Plan, sees: Witness) -> None:
    """Raises `NotReady` unless a good question reaches the upstream, and its answer comes back."""
    marker = markers.new("answer")
    async with client(plan.target, plan.waits.answer_s) as asking:
        view = await asking.ask(marker, plan.target.question(marker, "whole"))
    arrived = bool(await sees.records(marker))
    if _good(view) and arrived:
        return
    raise _not_ready(plan.target, view, arrived=arrived)


def _not_ready(target: Target, view: View, *, arrived: bool) -> NotReady:
    seen = described(view)
    match view:
        case View(status=0):
            return NotReady(f"{target.url} does not answer ({seen}): start the gateway, or mend the address")
        case View(status=401 | 403):
            return NotReady(f"the gateway wants a key ({seen}): give one with --key")
        case _ if arrived:
            return NotReady(f"a good answer of the upstream does not come back whole ({seen}): nothing to compare with")
        case View(status=200):
            return NotUsed(f"the gateway answers, but not from the fault upstream: nothing arrived there ({seen})")
        case _:
            return NotUsed(f"the gateway does not serve the model {target.model!r} from the fault upstream ({seen})")
