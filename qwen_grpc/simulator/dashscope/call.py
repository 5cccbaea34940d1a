"""One request to DashScope: who calls, in which dialect it is answered, and which scenario it plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sanic import Request

from qwen_grpc.simulator.cues import Cue, named
from qwen_grpc.simulator.dashscope import faults, replies
from qwen_grpc.simulator.dashscope.behaviour import DashScopeBehaviour, KeyRow
from qwen_grpc.simulator.dashscope.faults import Refused
from qwen_grpc.simulator.dashscope.state import DashScope
from qwen_grpc.simulator.replies import HTML, Answer
from qwen_grpc.simulator.routes import Respond
from qwen_grpc.simulator.script import tagged
from qwen_grpc.simulator.state import Simulator

COMPAT = "/compatible-mode/"
# Their answers have no request id in the headers (as recorded in 2025 and 2026).
UNNAMED = ("/api/v1/tasks", "/api/v1/uploads")
CODING_KEY = "sk-sp-"


@dataclass(slots=True)
class Call:
    """A request on its way; `id` names it in every answer, and `forced` is what the behaviour wants it to play."""

    simulator: Simulator
    request: Request
    id: str
    key: str = ""
    row: KeyRow = KeyRow()
    forced: Cue = Cue()

    @property
    def dialect(self) -> Literal["compat", "native"]:
        """The dialect of the path."""
        return "compat" if self.request.path.startswith(COMPAT) else "native"

    @property
    def told_id(self) -> str:
        """The request id that the headers tell, or empty."""
        return "" if self.request.path.startswith(UNNAMED) else self.id

    @property
    def dashscope(self) -> DashScope:
        """The memory of this face."""
        return self.simulator.dashscope

    @property
    def behaviour(self) -> DashScopeBehaviour:
        """The switches of this face."""
        return self.simulator.dashscope.behaviour

    @property
    def account(self) -> str:
        """The account of the key: the key itself unless the behaviour names another."""
        return self.row.account or self.key

    def body(self) -> dict[str, Any]:
        """The body, a JSON object."""
        try:
            return msgspec.json.decode(self.request.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Refused(faults.BAD_BODY) from None

    def header(self, name: str) -> str:
        """A header, or empty."""
        value: str = self.request.headers.get(name, "")
        return value

    def number(self, name: str, default: int) -> int:
        """A positive number of the query."""
        given: str = self.request.args.get(name, str(default))
        if not given.isdecimal() or int(given) == 0:
            raise faults.invalid(f"{name} must be a positive number")
        return int(given)

    def enables(self, name: str) -> bool:
        """Whether a header of the service says `enable`."""
        return self.header(f"x-dashscope-{name}").lower() == "enable"


Answering = Callable[..., Awaitable[Answer | None]]


class Answered(Exception):
    """The request has its answer before anybody has looked at what it asks for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def answering(respond: Answering) -> Respond:
    """The route that lets a request in, answers it with `respond`, and words what that refuses."""

    async def answer(simulator: Simulator, request: Request, **values: str) -> Answer | None:
        call = Call(simulator, request, replies.new_id(simulator))
        try:
            await _admit(call)
            return await respond(call, **values)
        except Refused as refused:
            return refusal(call, refused)
        except Answered as early:
            return early.answer

    return answer


def ok(call: Call, body: object, *, timeout_s: int = 298) -> Answer:
    """A whole JSON answer."""
    told = replies.headers(call.simulator, call.told_id, timeout_s=timeout_s)
    if call.behaviour.gzip and "gzip" in call.header("accept-encoding"):
        return replies.compressed(body, told)
    return replies.answer(body, told)


def refusal(call: Call, refused: Refused) -> Answer:
    """An error in the dialect of the path."""
    fault, told = refused.fault, replies.headers(call.simulator, call.told_id)
    retry_after = refused.retry_after or call.behaviour.retry_after
    if fault.status in faults.THROTTLED and retry_after:
        told["retry-after"] = retry_after
    return replies.answer(replies.error(fault, call.id, call.dialect), told, status=fault.status)


async def _admit(call: Call) -> None:
    """Look at the key, then at what the behaviour wants of this request."""
    _look_at_key(call)
    behaviour, forced = call.behaviour, call.behaviour.faults.get(call.key, "")
    if behaviour.fail_next > 0:
        behaviour.fail_next -= 1
        forced = behaviour.fail_with
    call.forced = named(forced)
    await misbehave(call, call.forced)


def _look_at_key(call: Call) -> None:
    scheme, _, key = call.header("authorization").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise Refused(faults.NO_KEY)
    behaviour = call.behaviour
    row = behaviour.keys.get(key, KeyRow())
    plan = row.plan or ("coding" if key.startswith(CODING_KEY) else "standard")
    revoked = key in behaviour.revoked_keys or "bad" in key or not key.startswith("sk-")
    if revoked or plan != behaviour.plan or (row.region or behaviour.region) != behaviour.region:
        raise Refused(faults.UNAUTHORIZED)
    call.key, call.row = key, row


async def cue(call: Call, prompt: str) -> tuple[Cue, str]:
    """What to play, and the prompt without its tags; a fault is played at once.

    The behaviour's word for this key or this request wins, then the header `X-Sim-Scenario`, then the last tag
    `[[sim:NAME:N]]` of the prompt, then the behaviour's default.
    """
    prompt, name, count = tagged(prompt)
    header = named(call.header("x-sim-scenario"))
    asked = (call.forced, header, Cue(name, count), named(call.behaviour.scenario))
    chosen = next((one for one in asked if one.scenario), Cue())
    if chosen != call.forced:
        await misbehave(call, chosen)
    return chosen, prompt


async def misbehave(call: Call, chosen: Cue) -> None:
    """Play the scenarios that need not know what is asked for; the others are left to whoever does."""
    if chosen.scenario == "slow_first":
        await _held(call, chosen.scenario, chosen.count or call.behaviour.slow_first_s)
    elif chosen.scenario == "stall":
        await _held(call, chosen.scenario)
    elif chosen.scenario in ODD:
        raise Answered(ODD[chosen.scenario](call))
    fault = faults.FAULTS.get(chosen.scenario)
    if fault and not (fault is faults.BURST and await _waits_out(call)):
        raise Refused(fault, str(chosen.count or ""))


async def _held(call: Call, scenario: str, seconds: float | None = None) -> None:
    """Keep the caller waiting, for ever without a time; whether it hung up is recorded like that of a stream."""
    simulator = call.simulator
    record = simulator.opened("", call.id, scenario)
    try:
        await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))
    except asyncio.CancelledError:
        simulator.closed(record, "reset" if simulator.stopping else "client_gone")
        raise
    simulator.closed(record, "finished")


async def _waits_out(call: Call) -> bool:
    """Whether the caller lets the service queue it for as long as a burst lasts; then the burst is over."""
    try:
        patience_s = float(call.header("x-dashscope-wait-timeout") or 0)
    except ValueError:
        return False
    clears_s = call.behaviour.burst_clears_s
    if patience_s < clears_s:
        return False
    await asyncio.sleep(clears_s)
    return True


def _bad_gateway(call: Call) -> Answer:
    page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
    return replies.whole(page, replies.headers(call.simulator, ""), status=502, content_type=HTML)


def _empty_body(call: Call) -> Answer:
    return replies.whole(b"", replies.headers(call.simulator, call.told_id))


def _garbage_body(call: Call) -> Answer:
    return replies.whole(b'{"choices": [{"mess', replies.headers(call.simulator, call.told_id))


def _ok_with_code(call: Call) -> Answer:
    """A success that is none: some services say their errors so."""
    return ok(call, replies.error(faults.INTERNAL, call.id, "native"))


# What a scenario answers instead of anything sensible.
ODD: dict[str, Callable[[Call], Answer]] = {
    "http_502_html": _bad_gateway,
    "empty_body": _empty_body,
    "garbage_body": _garbage_body,
    "ok_with_code": _ok_with_code,
}
