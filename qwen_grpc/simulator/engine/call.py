"""One request to an engine: who calls, what is to be played, and how it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sanic import Request
from sanic.exceptions import RequestCancelled

from qwen_grpc.simulator.cues import Cue, named
from qwen_grpc.simulator.engine import dialects, faults
from qwen_grpc.simulator.engine.behaviour import EngineBehaviour
from qwen_grpc.simulator.engine.dialects import DIALECTS, Dialect, Purpose, Word
from qwen_grpc.simulator.engine.faults import FAULTS, Fault, Refused
from qwen_grpc.simulator.engine.state import Engines
from qwen_grpc.simulator.player import break_connection
from qwen_grpc.simulator.replies import HTML, JSON, Answer
from qwen_grpc.simulator.routes import Respond, Route
from qwen_grpc.simulator.script import tagged
from qwen_grpc.simulator.state import Simulator

PREFIX = "/engine"
PAGE = b"<!doctype html><html><head><title>Welcome</title></head><body>This is not an API.</body></html>"
GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"


@dataclass(slots=True)
class Call:
    """A request on its way; `id` is what the engine's own ids are made of, `forced` what the behaviour wants."""

    simulator: Simulator
    request: Request
    dialect: Dialect
    id: str
    key: str = ""
    forced: Cue = Cue()

    @property
    def engines(self) -> Engines:
        """The memory of this face."""
        return self.simulator.engine

    @property
    def behaviour(self) -> EngineBehaviour:
        """The switches of this face."""
        return self.simulator.engine.behaviour

    @property
    def models(self) -> tuple[str, ...]:
        """The names that this engine serves."""
        return self.behaviour.models.get(self.dialect.word, self.dialect.models)

    @property
    def now(self) -> int:
        """The time, in epoch seconds."""
        return int(self.simulator.now())

    def body(self) -> dict[str, Any]:
        """The body, a JSON object."""
        try:
            return msgspec.json.decode(self.request.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Refused(Fault(400, "The body is no JSON object.")) from None

    def header(self, name: str) -> str:
        """A header, or empty."""
        value: str = self.request.headers.get(name, "")
        return value

    def model(self, asked: object, purpose: Purpose) -> str:
        """The model that a request names, or the first one for its purpose; refuses what this engine does not serve."""
        fitting = [model for model in self.models if dialects.purpose(model) == purpose]
        name = str(asked) if asked else next(iter(fitting), "")
        if name not in self.models and not (name and self.dialect.any_name):
            raise Refused(faults.model_not_found(self.dialect, name))
        if dialects.purpose(name) != purpose:
            raise Refused(faults.unfit(self.dialect, name, purpose))
        return name

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every answer."""
        return {"server": self.dialect.server} if self.dialect.server else {}


Answering = Callable[..., Awaitable[Answer | None]]


class Answered(Exception):
    """The request has its answer before anybody has looked at what it asks for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def routes(
    method: str, path: str, respond: Answering, words: Iterable[Word] = DIALECTS, *, public: Iterable[Word] = ()
) -> Iterator[Route]:
    """The routes of several engines to one answer; those in `public` ask for no key there."""
    for word in words:
        answer = answering(respond, DIALECTS[word], public=word in public)
        yield Route(method, f"{PREFIX}/{word}{path}", answer)


def answering(respond: Answering, dialect: Dialect, *, public: bool = False) -> Respond:
    """The route that lets a request in, answers it with `respond`, and words what that refuses."""

    async def answer(simulator: Simulator, request: Request, **values: str) -> Answer | None:
        call = Call(simulator, request, dialect, simulator.new_id().replace("-", ""))
        try:
            await _admit(call, public=public)
            return await respond(call, **values)
        except Refused as refused:
            return _refusal(call, refused)
        except Answered as early:
            return early.answer

    return answer


def ok(call: Call, body: object, *, status: int = 200) -> Answer:
    """A whole JSON answer."""
    return whole(call, msgspec.json.encode(body), status=status)


def whole(call: Call, body: bytes, *, status: int = 200, content_type: str = JSON) -> Answer:
    """An answer of any bytes."""
    return Answer(body, status=status, content_type=content_type, headers=call.headers, site=False)


def _refusal(call: Call, refused: Refused) -> Answer:
    fault, told = refused.fault, call.headers
    retry_after = refused.retry_after or call.behaviour.retry_after
    if fault.status in faults.PASSING and retry_after:
        told["retry-after"] = retry_after
    body = msgspec.json.encode(faults.body_of(fault, call.dialect))
    return Answer(body, status=fault.status, headers=told, site=False)


async def _admit(call: Call, *, public: bool) -> None:
    """Look at the key, then at what the behaviour wants of this request."""
    scheme, _, key = call.header("authorization").partition(" ")
    call.key = key.strip() if scheme.lower() == "bearer" else ""
    behaviour, word = call.behaviour, call.dialect.word
    if behaviour.api_key and call.key != behaviour.api_key and not public:
        raise Refused(faults.unauthorized(call.dialect))
    if word in behaviour.loading:
        raise Refused(faults.loading(call.dialect))
    forced = behaviour.faults.get(call.key, behaviour.faults.get(word, ""))
    if behaviour.fail_next > 0:
        behaviour.fail_next -= 1
        forced = behaviour.fail_with
    call.forced = named(forced)
    await _misbehave(call, call.forced)


async def cue(call: Call, prompt: str) -> tuple[Cue, str]:
    """What to play, and the prompt without its tags; a fault is played at once.

    The behaviour's word for this key, engine or request wins, then the header `X-Sim-Scenario`, then the last tag
    `[[sim:NAME:N]]` of the prompt, then the behaviour's default.
    """
    prompt, name, count = tagged(prompt)
    asked = (call.forced, named(call.header("x-sim-scenario")), Cue(name, count), named(call.behaviour.scenario))
    chosen = next((one for one in asked if one.scenario), Cue())
    if chosen != call.forced:
        await _misbehave(call, chosen)
    return chosen, prompt


async def _misbehave(call: Call, chosen: Cue) -> None:
    """Play the scenarios that need not know what is asked for; the others are left to whoever does."""
    if chosen.scenario == "slow_first":
        await _held(call, chosen.scenario, chosen.count or call.behaviour.slow_first_s)
    elif chosen.scenario == "stall":
        await _held(call, chosen.scenario)
    elif chosen.scenario == "reset_first":
        call.simulator.closed(call.simulator.opened("", call.id, chosen.scenario), "reset")
        break_connection(call.request)
        raise RequestCancelled
    elif chosen.scenario in ODD:
        raise Answered(ODD[chosen.scenario](call))
    elif chosen.scenario in FAULTS:
        raise Refused(FAULTS[chosen.scenario](call.dialect), str(chosen.count or ""))


async def _held(call: Call, scenario: str, seconds: float | None = None) -> None:
    """Keep the caller waiting, for ever unless told; whether it hung up is recorded like that of a stream."""
    simulator = call.simulator
    record = simulator.opened("", call.id, scenario)
    try:
        await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))
    except asyncio.CancelledError:
        simulator.closed(record, "reset" if simulator.stopping else "client_gone")
        raise
    simulator.closed(record, "finished")


# What a scenario answers instead of anything sensible.
ODD: dict[str, Callable[[Call], Answer]] = {
    "html_200": lambda call: whole(call, PAGE, content_type=HTML),
    "http_502_html": lambda call: whole(call, GATEWAY_PAGE, status=502, content_type=HTML),
    "empty_body": lambda call: whole(call, b""),
    "cut_first": lambda call: whole(call, b"", content_type="text/event-stream; charset=utf-8"),
    "garbage_body": lambda call: whole(call, b'{"choices": [{"mess'),
    "ok_with_error": lambda call: ok(call, faults.body_of(faults.internal_error(call.dialect), call.dialect)),
}
