"""A server that is killed at any point of a job's life loses none, makes none twice, and tells the truth."""

import asyncio
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from gated_upstream import Gate, gated
from gateway_process import Running, gateway_process
from upstream_record import failed, until
from video_calls import Videos, names

from qwen_grpc.simulator import Simulator, running

pytestmark = pytest.mark.slow

UUID = "6f6f2c0e-5a3e-4d0c-9b59-0d7e0f2f4c11"
OWNER, NEW, COMPLETION, STATUS = (
    "/api/v1/auths/",
    "/api/v2/chats/new",
    "/api/v2/chat/completions",
    "/api/v2/task/status/",
)
LOST: dict[str, Any] = {"before": ["UNKNOWN_OUTCOME"], "again": "JOB_UNKNOWN_OUTCOME", "after": ["UNKNOWN_OUTCOME"]}
KEPT: dict[str, Any] = {"before": ["WAITING_FOR_OWNER"], "again": "", "after": ["SUCCEEDED"]}


@dataclass(frozen=True)
class Point:
    """Where the server is killed; what the list says after the restart; what an order of the same id gets; the end.

    `tasks` is how many clips the upstream has in the end.
    """

    path: str
    number: int
    answered: bool
    tasks: int
    told: dict[str, Any] = field(default_factory=dict)


POINTS = {
    "before anything was written": Point(OWNER, 1, True, 1, {"before": [], "again": "", "after": ["SUCCEEDED"]}),
    "with the intent written": Point(NEW, 1, False, 0, LOST),
    "with a chat opened": Point(NEW, 1, True, 0, LOST),
    "with the order on its way": Point(COMPLETION, 1, False, 0, LOST),
    "with the order taken and not confirmed": Point(COMPLETION, 1, True, 1, LOST),
    "with the task written": Point(STATUS, 1, False, 1, KEPT),
    "with the first look answered": Point(STATUS, 1, True, 1, KEPT),
    "with the job running": Point(STATUS, 2, False, 1, KEPT),
    "with the end seen upstream and not written": Point(STATUS, 3, True, 1, KEPT),
    "with the end written": Point("", 0, False, 1, {"before": ["SUCCEEDED"], "again": "", "after": ["SUCCEEDED"]}),
}


def serving(gate: Gate, folder: Path) -> Any:
    return gateway_process(
        gate.url,
        folder,
        "--no-rest",
        QWEN_LEDGER=str(folder / "state" / "ledger.sqlite3"),
        QWEN_VIDEO_POLL="0.05",
        QWEN_UPLOAD_URL=gate.url,
    )


async def live_until_killed(server: Running, gate: Gate, point: Point) -> None:
    """Orders a clip, and kills the server when the point is reached."""
    async with grpc.aio.insecure_channel(server.target) as channel:
        videos = Videos(channel)
        order = asyncio.create_task(videos.create(request_id=UUID))
        if point.path:
            await asyncio.wait_for(gate.held.wait(), 10)
        else:
            await videos.watch((await order).id)
        if point.path == STATUS:
            await order
        server.signal(signal.SIGKILL)
        await server.ended()
        await asyncio.gather(order, return_exceptions=True)


async def second_life(server: Running, simulator: Simulator) -> tuple[dict[str, Any], int]:
    """What the owner finds after the restart."""
    async with grpc.aio.insecure_channel(server.target) as channel:
        videos = Videos(channel)
        before = names((await videos.page()).videos)
        order = asyncio.create_task(videos.create(request_id=UUID))
        await asyncio.wait({order})
        again = (await failed(order))[1] if order.exception() else ""
        for video in (await videos.page()).videos:
            await videos.watch(video.id)
        after = (await videos.page()).videos
        return {"before": before, "again": again, "after": names(after)}, len(simulator.tasks)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", POINTS)
async def test_a_killed_server_goes_on_where_it_was(name: str, tmp_path: Path) -> None:
    point = POINTS[name]
    async with running() as simulator, gated(simulator.url) as gate:
        if point.path:
            gate.hold(point.path, point.number, answered=point.answered)
        async with serving(gate, tmp_path) as server:
            await live_until_killed(server, gate, point)
        gate.open()
        async with serving(gate, tmp_path) as server:
            told, tasks = await second_life(server, simulator)

    assert (told, tasks) == (point.told, point.tasks)


@pytest.mark.asyncio
async def test_nobody_asks_after_a_job_until_its_owner_calls(tmp_path: Path) -> None:
    async with running() as simulator, gated(simulator.url) as gate:
        gate.hold(STATUS, 1, answered=False)
        async with serving(gate, tmp_path) as server:
            await live_until_killed(server, gate, POINTS["with the task written"])
        gate.open()
        [task] = simulator.tasks.values()
        async with serving(gate, tmp_path) as server, grpc.aio.insecure_channel(server.target) as channel:
            await asyncio.sleep(0.5)
            polls = task.polls
            videos = Videos(channel)
            [waiting] = (await videos.page()).videos
            await until(lambda: task.polls)
            seen = await videos.watch(waiting.id, after=waiting.revision)

    assert (polls, names([waiting]), names([seen[-1]])) == (0, ["WAITING_FOR_OWNER"], ["SUCCEEDED"])
