"""Fault drills: an operator's gateway whose upstreams fail as told, and what its callers see."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc
import httpx
from both_doors import COMPLETIONS, grpc_failure, request_of
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from operated import TEAM_A, Operated, bearing, configured, engine, official, operated, sessions, web
from support import records

from qwen_grpc.configuration import Configuration
from qwen_grpc.simulator import Simulator
from rest_shim.errors import REASONS

ONE, TWO, THREE = (f"sk-of-the-operator-{number}" for number in (1, 2, 3))
GPU_KEY = "key-of-the-engine"
# At DashScope and at the engine: the names behind `qwen-max`.
OFFICIAL, GPU = "qwen-plus", "Qwen/Qwen3-8B"


@dataclass(frozen=True)
class Seen:
    """What a caller sees: the text, who answered, what was tried before; of a failure its reason and the wait.

    `retry` is what the headers of a refusal say of another try; nothing else has such headers.
    """

    text: str = ""
    upstream: str = ""
    attempts: str = ""
    reason: str = ""
    wait: float | None = None
    retry: bool | None = None

    def about(self, bounds: tuple[float, float] | None) -> "Seen":
        """The same without its wait, which has to be within these bounds, or not to be there."""
        assert (self.wait is None) == (bounds is None), self
        assert bounds is None or bounds[0] <= (self.wait or 0) <= bounds[1], self
        return replace(self, wait=None)


def asking(content: str, **more: Any) -> dict[str, Any]:
    return {"model": "qwen-max", "messages": [{"role": "user", "content": content}], "enable_thinking": False, **more}


async def by_rest(house: Operated, content: str, key: str = TEAM_A, **more: Any) -> Seen:
    """One whole answer over REST."""
    reply = await house.http.post(COMPLETIONS, json=asking(content, **more), headers=bearing(key))
    if reply.status_code != 200:
        return refused(reply)
    text = reply.json()["choices"][0]["message"]["content"]
    return Seen(text, reply.headers["x-qwen-upstream"], reply.headers.get("x-qwen-attempts", ""))


async def by_sse(house: Operated, content: str, key: str = TEAM_A, **more: Any) -> Seen:
    """A stream over REST."""
    body = asking(content, stream=True, **more)
    reply = await house.http.post(COMPLETIONS, json=body, headers=bearing(key))
    if reply.status_code != 200:
        return refused(reply)
    *chunks, last = records(reply.text)
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    reason = "" if last == "[DONE]" else reason_of(last["error"], 200)
    return Seen(text, reply.headers["x-qwen-upstream"], reply.headers.get("x-qwen-attempts", ""), reason)


def refused(reply: httpx.Response) -> Seen:
    """What an HTTP answer says of its failure."""
    reason, wait = reason_of(reply.json()["error"], reply.status_code), reply.headers.get("retry-after")
    assert [*reply.json()] == ["error"]
    attempts, again = reply.headers.get("x-qwen-attempts", ""), reply.headers["x-should-retry"] == "true"
    return Seen(attempts=attempts, reason=reason, wait=float(wait) if wait else None, retry=again)


def reason_of(error: Mapping[str, Any], status: int) -> str:
    """The reason that these words stand for; some stand for several, and then the first of them."""
    reason = _first_of(error["type"], error["code"])
    fitting = [row.status for row in REASONS.values() if (row.type, row.code) == (error["type"], error["code"])]
    assert status in (200, *fitting)
    return reason


def _first_of(type_: str, code: str) -> str:
    return next(name for name, row in REASONS.items() if (row.type, row.code) == (type_, code))


async def by_grpc(house: Operated, content: str, key: str = TEAM_A, **more: Any) -> Seen:
    """A stream over gRPC."""
    call, text = house.chat.StreamChat(request_of(asking(content, **more)), metadata=metadata(key), timeout=20), ""
    try:
        async for message in call:
            text += "".join(delta.content for delta in message.deltas)
        return Seen(text, *await _announced(call))
    except grpc.aio.AioRpcError as error:
        failure, (upstream, attempts) = grpc_failure(error), await _announced(call)
        return Seen(text, upstream, attempts or attempts_in(error), failure.reason, failure.retry_after)


def metadata(key: str) -> tuple[tuple[str, str], ...]:
    return tuple(bearing(key).items())


async def _announced(call: Any) -> tuple[str, str]:
    told = dict(await call.initial_metadata() or ())
    return told.get("x-qwen-upstream", ""), told.get("x-qwen-attempts", "")


def attempts_in(error: grpc.aio.AioRpcError) -> str:
    """The attempts that a status tells."""
    status: Any = rpc_status.from_call(error)  # type: ignore[arg-type]
    for packed in status.details:
        info = ErrorInfo()
        if packed.Unpack(info):
            return info.metadata.get("attempts", "")
    return ""


Door = Callable[..., Awaitable[Seen]]
DOORS: Mapping[str, Door] = {"REST": by_rest, "SSE": by_sse, "gRPC": by_grpc}


def at(door: Door, seen: Seen) -> Seen:
    """The same as this door tells it: who waits for the whole answer sees nothing of one that fails."""
    if not seen.reason or door is by_grpc:
        return seen
    row = REASONS[seen.reason]
    told = replace(seen, reason=_first_of(row.type, row.code))
    if door is by_sse and seen.text:
        return told
    # Whatever was paid for once is not worth another try.
    return replace(told, text="", upstream="", retry=row.retry and not seen.text)


def two_upstreams(simulator: Simulator, secrets: Sequence[str] = (ONE, TWO, THREE), **more: Any) -> Configuration:
    """`qwen-max` is served by DashScope, and then by the engine."""
    return configured(
        {"official": official(simulator) | more, "gpu": engine(simulator, "vllm")},
        {"official": secrets, "gpu": [GPU_KEY]},
        aliases={"qwen-max": [f"official/{OFFICIAL}", f"gpu/{GPU}"]},
        keys={TEAM_A: {}},
    )


def one_credential(simulator: Simulator) -> Configuration:
    """The same with a single credential at DashScope."""
    return two_upstreams(simulator, secrets=[ONE])


def unreachable(simulator: Simulator) -> Configuration:
    """The same, and nobody listens where DashScope should be."""
    return two_upstreams(simulator, base_url="http://127.0.0.1:9")


def site_first(simulator: Simulator) -> Configuration:
    """`qwen-max` is served by three accounts of the site, and then by the engine."""
    return configured(
        {"web": web(simulator), "gpu": engine(simulator, "vllm")},
        {"web": sessions(3), "gpu": [GPU_KEY]},
        aliases={"qwen-max": ["web/qwen3.7-plus", f"gpu/{GPU}"]},
        keys={TEAM_A: {}},
    )


@asynccontextmanager
async def drill(faults: Mapping[str, str], configure: Any = two_upstreams, **switches: Any) -> AsyncIterator[Operated]:
    """Credentials at DashScope and one at an engine behind it; `faults` are scenarios by credential."""
    async with operated(configure) as house:
        house.simulator.dashscope.behaviour.change({"faults": dict(faults), **switches})
        yield house


@asynccontextmanager
async def held(house: Operated, content: str, key: str = TEAM_A, **more: Any) -> AsyncIterator[None]:
    """A stream that has begun and is left in the end."""
    call = house.chat.StreamChat(request_of(asking(content, **more)), metadata=metadata(key), timeout=20)
    await anext(aiter(call))
    try:
        yield
    finally:
        call.cancel()
        assert await house.simulator.hang_ups(1) == 1


def begun(house: Operated) -> dict[str, int]:
    """Answers that were begun, by credential at DashScope and by engine."""
    return dict(house.simulator.dashscope.completions) | dict(house.simulator.engine.completions)


async def waits(house: Operated, labels: Sequence[str]) -> list[float]:
    """For how many seconds credentials are left alone from now on; none for those that have no time."""
    now, pool = house.simulator.now(), await house.pool()
    troubles = [one for label in labels for one in pool[label].troubles if one.HasField("until")]
    return [one.until.ToMilliseconds() / 1000 - now for one in troubles]
