"""The control endpoint of this face: switches and the record, for whoever runs the simulator as a process."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import msgspec
from sanic import Request

from qwen_grpc.simulator.dashscope.state import MediaTask
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Simulator

PREFIX = "/_sim/dashscope/"
TAIL = 4


async def behaviour(simulator: Simulator, request: Request) -> Answer:
    """Change some switches and answer with all of them."""
    switches = simulator.dashscope.behaviour
    try:
        switches.change(msgspec.json.decode(request.body, type=dict[str, Any]))
    except ValueError as error:
        return Answer({"error": str(error)}, status=400, actual=400)
    return Answer(asdict(switches))


async def record(simulator: Simulator, _request: Request) -> Answer:
    """What was done for whom, with keys masked: a person may have sent real ones by mistake."""
    dashscope = simulator.dashscope
    return Answer(
        {
            "completions": _counted(dashscope.completions),
            "pictures": _counted(dashscope.pictures),
            "tasks": [_task(task) for task in dashscope.tasks.values()],
            "uploads": list(dashscope.uploads),
            "files": list(dashscope.files),
        }
    )


def _counted(counter: Counter[str]) -> dict[str, int]:
    return {masked(key): count for key, count in counter.items()}


def _task(task: MediaTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "key": masked(task.key),
        "model": task.model,
        "scenario": task.scenario,
        "polls": task.polls,
        "cancelled": task.cancelled,
    }


def masked(key: str) -> str:
    """A key by which its owner can tell it from others and nobody can use it."""
    return f"***{key[-TAIL:]}"


ROUTES: tuple[Route, ...] = (
    Route("POST", f"{PREFIX}behaviour", behaviour),
    Route("GET", f"{PREFIX}record", record),
)
