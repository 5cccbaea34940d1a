"""What the tests of the chat.qwen.ai adapter ask the simulator's record."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from qwen_grpc.simulator import Arrived, Simulator

NEW = "/api/v2/chats/new"
COMPLETIONS = "/api/v2/chat/completions"
REFRESH = "/api/v2/auths/refresh"
MODELS = "/api/models"
CHATS = "/api/v2/chats/"


def calls(simulator: Simulator, path: str) -> list[Arrived]:
    """The requests of one path, oldest first."""
    return [request for request in simulator.requests if request.path == path]


def sent(simulator: Simulator) -> list[dict[str, Any]]:
    """The bodies of all completions."""
    return [request.json for request in calls(simulator, COMPLETIONS)]


def contents(simulator: Simulator) -> list[str]:
    """The text that each completion sent."""
    return [body["messages"][0]["content"] for body in sent(simulator)]


def removals(simulator: Simulator) -> list[tuple[str, str]]:
    """Which chat was removed with which bearer."""
    return [
        (request.path.removeprefix(CHATS), request.headers["authorization"].removeprefix("Bearer "))
        for request in simulator.requests
        if request.method == "DELETE"
    ]


async def until(holds: Callable[[], Any], within: float = 5.0) -> None:
    """Waits until something holds; fails when it does not in time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.005)


async def failed(call: Any) -> tuple[grpc.StatusCode, str]:
    """Code and reason of a call that fails."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), reason_of(error)
    raise AssertionError("the call did not fail")


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in a status."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = ErrorInfo()
    return info.reason if status and any(part.Unpack(info) for part in status.details) else ""
