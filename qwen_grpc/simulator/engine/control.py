"""The control endpoint of this face: switches and the record, for whoever runs the simulator as a process."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from sanic import Request

from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Simulator

PREFIX = "/_sim/engine/"


async def behaviour(simulator: Simulator, request: Request) -> Answer:
    """Change some switches and answer with all of them."""
    switches = simulator.engine.behaviour
    try:
        switches.change(msgspec.json.decode(request.body, type=dict[str, Any]))
    except ValueError as error:
        return Answer({"error": str(error)}, status=400, actual=400)
    return Answer({**asdict(switches), "api_key": "***" if switches.api_key else ""})


async def record(simulator: Simulator, _request: Request) -> Answer:
    """What the engines did, each by its word."""
    engines = simulator.engine
    counted = {
        "completions": engines.completions,
        "embeddings": engines.embeddings,
        "pictures": engines.pictures,
        "created": engines.created,
    }
    return Answer({**counted, "clips": [asdict(clip) for clip in engines.clips.values()]})


ROUTES: tuple[Route, ...] = (
    Route("POST", f"{PREFIX}behaviour", behaviour),
    Route("GET", f"{PREFIX}record", record),
)
