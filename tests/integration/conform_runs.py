"""The fault matrix, played with short waits."""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from operated import TEAM_A, configured
from support import settings_for, shim_settings

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.conform.asking import Target, Way
from qwen_grpc.conform.behaviours import BEHAVIOURS, BROKEN, GOOD, LEAVING, MASKS, REFUSALS, REQUESTS
from qwen_grpc.conform.matrix import Plan, run
from qwen_grpc.conform.trials import Waits
from qwen_grpc.conform.upstream import MODELS
from qwen_grpc.conform.verdicts import Verdict

Row: TypeAlias = tuple[str, Way]
MODEL, IMAGE_MODEL = MODELS
SHORT = Waits(silence_s=1.5, retry_after_s=6.0, answer_s=15.0)
# Each is played by itself, so that none takes long.
GROUPS = {
    "good": GOOD,
    "leaving": LEAVING,
    "requests": REQUESTS,
    "masks": MASKS,
    "broken": BROKEN,
    "refusals": REFUSALS,
}
# The gateway's own, well below what the matrix allows.
SILENCE = {"early_headers": 0.3, "heartbeat": 0.3}
ENGINE_KEY = "key-of-the-fault-upstream"


class _NoSite:
    """Stands for the simulator in the settings of a gateway that calls none."""

    url = "http://127.0.0.1:9"


def target(url: str, key: str = "") -> Target:
    return Target(url, MODEL, IMAGE_MODEL, key)


def rows(only: Collection[str] = ()) -> Iterator[Row]:
    """The rows, each in all of its ways."""
    for behaviour in BEHAVIOURS:
        if not only or behaviour.name in only:
            yield from ((behaviour.name, way) for way in behaviour.ways)


async def matrix(gateway: Target, upstream: str, waits: Waits, only: Collection[str] = ()) -> dict[Row, Verdict]:
    """The verdicts on a gateway."""
    plan = Plan(gateway, upstream, only, waits, settle_s=15.0, timeout_s=55.0)
    return {(result.behaviour.name, result.way): result.verdict async for result in run(plan)}


@asynccontextmanager
async def conform_gateway(upstream: str) -> AsyncIterator[str]:
    """The address of our gateway before the fault upstream, with a key for callers."""
    engine = {"kind": "openai_engine", "base_url": f"{upstream}/v1"}
    configuration = configured({"conform": engine}, {"conform": [ENGINE_KEY]}, keys={TEAM_A: {}})
    settings = settings_for(_NoSite())  # type: ignore[arg-type]
    async with open_gateway(settings, shim_settings(**SILENCE), configuration) as gateway:
        assert gateway.rest is not None
        yield f"http://127.0.0.1:{gateway.rest.port}"
