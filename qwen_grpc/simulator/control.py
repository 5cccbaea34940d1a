"""The control endpoint: what a test that runs the simulator as a process asks and switches over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from sanic import Request

from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Arrived, Simulator
from qwen_grpc.simulator.stored import StoredFile

PREFIX = "/_sim/"
MASKED = ("authorization", "cookie", "bx-ua", "bx-umidtoken", "x-oss-security-token")


async def record(simulator: Simulator, _request: Request) -> Answer:
    """Everything that happened, with credentials masked: a person may have sent real ones by mistake."""
    return Answer(
        {
            "requests": [_arrived(request) for request in simulator.requests],
            "streams": [asdict(stream) for stream in simulator.streams],
            "stops": [asdict(call) for call in simulator.stops],
            "refreshes": simulator.refreshes,
            "chats": list(simulator.chats),
            "tasks": [asdict(task) for task in simulator.tasks.values()],
            "files": [_file(stored) for stored in simulator.files.values()],
        }
    )


def _arrived(request: Arrived) -> dict[str, Any]:
    headers = {name: "***" if name in MASKED else value for name, value in request.headers.items()}
    return {**asdict(request), "headers": headers, "body": request.body.decode(errors="replace")}


def _file(stored: StoredFile) -> dict[str, Any]:
    """A file without its bytes and its keys."""
    row = asdict(stored)
    return {name: value for name, value in row.items() if name not in ("content", "store_pass")}


async def hang_ups(simulator: Simulator, request: Request) -> Answer:
    """Wait until so many streams were left by their reader, or the time is over."""
    try:
        count, within = int(request.args.get("count", "1")), float(request.args.get("within", "1"))
    except ValueError as error:
        return _wrong(f"count is an integer and within a number of seconds: {error}")
    return Answer({"hang_ups": await simulator.hang_ups(count, within)})


async def behaviour(simulator: Simulator, request: Request) -> Answer:
    """Change some switches and answer with all of them."""
    try:
        simulator.behaviour.change(msgspec.json.decode(request.body, type=dict[str, Any]))
    except ValueError as error:
        return _wrong(str(error))
    return Answer(asdict(simulator.behaviour))


async def reset(simulator: Simulator, _request: Request) -> Answer:
    """Forget everything that happened."""
    simulator.reset()
    return Answer({"reset": True})


def _wrong(message: str) -> Answer:
    return Answer({"error": message}, status=400, actual=400)


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{PREFIX}record", record),
    Route("GET", f"{PREFIX}hang_ups", hang_ups),
    Route("POST", f"{PREFIX}behaviour", behaviour),
    Route("POST", f"{PREFIX}reset", reset),
)
