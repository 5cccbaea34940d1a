"""Jobs at work, with an upstream that does as it is told: cadence, giving up, a full disk, the end of the server."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from routed import router_of
from structlog.testing import capture_logs
from support import session
from upstream_record import until

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import JobUnknownOutcome, NotFound, ShuttingDown
from qwen_grpc.ledger import Jobs, Ledger, State
from qwen_grpc.ledger.jobs import Wanted
from qwen_grpc.services.jobs import Cadence, Desk, Order
from qwen_grpc.upstreams.base import Scene, Upstream, VideoTask
from qwen_grpc.v1 import videos_pb2 as pb


class Studio(Upstream):
    """Takes every clip, and is done with it when told so."""

    name = "studio"

    def __init__(self) -> None:
        self.taken = 0
        self.cancelled: list[str] = []
        self.looks: list[float] = []
        self.done = False
        self.door = asyncio.Event()
        self.door.set()

    def accepts(self, credentials: Credentials) -> bool:
        return True

    async def create_video(self, scene: Scene, model: ResolvedModel, credentials: Credentials) -> str:
        return await self.take()

    async def take(self) -> str:
        await self.door.wait()
        self.taken += 1
        return f"task-{self.taken}"

    async def cancel_video(self, task_id: str, credentials: Credentials) -> None:
        self.cancelled.append(task_id)

    async def get_video(self, task_id: str, credentials: Credentials) -> VideoTask:
        self.looks.append(asyncio.get_running_loop().time())
        state = pb.VIDEO_STATE_SUCCEEDED if self.done else pb.VIDEO_STATE_RUNNING
        return VideoTask(state, "https://cdn.qwenlm.ai/clip.mp4" if self.done else "")


@dataclass
class Office:
    """A desk, its studio and its ledger."""

    desk: Desk
    studio: Studio
    jobs: Jobs
    path: Path

    def order(self, request_id: str = "", *, has_picture: bool = False) -> Order:
        wanted = Wanted("owner", "studio", "studio", "model", "a fox", "", request_id, "hash")
        return Order(wanted, session(), self.studio.take, has_picture=has_picture)


@asynccontextmanager
async def office(path: Path, cadence: Cadence | None = None) -> AsyncIterator[Office]:
    studio = Studio()
    async with Ledger(path) as ledger:
        jobs = Jobs(ledger)
        desk = Desk(router_of(studio), jobs, cadence or Cadence(0.01, 0.01, 60))
        try:
            yield Office(desk, studio, jobs, path)
        finally:
            await desk.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(("has_picture", "pause_s"), [(False, 0.2), (True, 0.05)])
async def test_clips_that_begin_with_a_picture_are_looked_at_more_often(
    has_picture: bool, pause_s: float, tmp_path: Path
) -> None:
    async with office(tmp_path / "ledger", Cadence(words_s=0.2, picture_s=0.05)) as here:
        await here.desk.begin(here.order(has_picture=has_picture))
        await until(lambda: len(here.studio.looks) == 3)
    pauses = [after - before for before, after in zip(here.studio.looks, here.studio.looks[1:], strict=False)]
    assert all(pause_s * 0.9 < pause < pause_s * 3 for pause in pauses), pauses


@pytest.mark.asyncio
async def test_after_the_cap_nobody_claims_to_know(tmp_path: Path) -> None:
    async with office(tmp_path / "ledger", Cadence(0.01, 0.01, cap_s=0.05)) as here:
        job = await here.desk.begin(here.order())
        [*_, last] = [change async for change in here.desk.watch(job, job.revision)]
    assert (last.state, last.reason, bool(last.message)) == (State.UNKNOWN_OUTCOME, "JOB_UNKNOWN_OUTCOME", True)


@pytest.mark.asyncio
async def test_an_order_that_the_end_of_the_server_cut_is_told_in_the_next_life(tmp_path: Path) -> None:
    async with office(tmp_path / "ledger") as here:
        here.studio.door.clear()
        begun = asyncio.create_task(here.desk.begin(here.order("once")))
        await until(lambda: here.desk._courses)
        ending = asyncio.create_task(here.desk.close())
        await asyncio.sleep(0)
        for task in here.desk._tasks.values():
            task.cancel()
        await ending
        with pytest.raises(ShuttingDown):
            await begun
    async with office(tmp_path / "ledger") as here:
        with pytest.raises(JobUnknownOutcome):
            await here.desk.begin(here.order("once"))
        [job] = await here.jobs.page("owner", (), "", 10)
    assert (job.state, here.studio.taken) == (State.UNKNOWN_OUTCOME, 0)


@pytest.mark.asyncio
async def test_an_order_on_its_way_is_finished_before_the_server_ends(tmp_path: Path) -> None:
    async with office(tmp_path / "ledger") as here:
        here.studio.door.clear()
        begun = asyncio.create_task(here.desk.begin(here.order()))
        await until(lambda: here.desk._courses)
        ending = asyncio.create_task(here.desk.close())
        here.studio.door.set()
        job = await begun
        await ending
        [kept] = await here.jobs.page("owner", (), "", 10)
    assert (job.state, kept.state, kept.task_id) == (State.SUBMITTED, State.SUBMITTED, "task-1")


@pytest.mark.asyncio
async def test_what_the_upstream_took_is_noted_down_when_the_ledger_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    async with office(path) as here:
        here.studio.door.clear()
        begun = asyncio.create_task(here.desk.begin(here.order("once")))
        await until(lambda: here.desk._courses)
        with closing(sqlite3.connect(path)) as other, capture_logs() as logs:
            # Somebody else holds the file for longer than a write waits.
            other.execute("BEGIN IMMEDIATE")
            here.studio.door.set()
            await until(lambda: logs, within=20)
            waiting = not begun.done()
            other.rollback()
        job = await asyncio.wait_for(begun, 10)
    assert (waiting, job.state, job.task_id, here.studio.taken) == (True, State.SUBMITTED, "task-1", 1)


@pytest.mark.asyncio
async def test_a_job_that_is_deleted_while_it_is_handed_in_is_handed_in_and_forgotten(tmp_path: Path) -> None:
    async with office(tmp_path / "ledger") as here:
        here.studio.door.clear()
        begun = asyncio.create_task(here.desk.begin(here.order()))
        await until(lambda: here.desk._courses)
        [job] = await here.jobs.page("owner", (), "", 10)
        deleting = asyncio.create_task(here.desk.delete(job))
        await asyncio.sleep(0)
        here.studio.door.set()
        await deleting
        made = await begun
        with pytest.raises(NotFound):
            await here.jobs.get("owner", made.id)
    assert (made.state, here.studio.taken) == (State.SUBMITTED, 1)


def all_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.asyncio
async def test_a_job_that_is_cancelled_while_it_is_handed_in_is_stopped_once_it_has_a_task(tmp_path: Path) -> None:
    async with office(tmp_path / "ledger.sqlite3") as here:
        here.studio.door.clear()
        ordered = asyncio.create_task(here.desk.begin(here.order()))
        await until(lambda: here.desk._courses)
        [job] = await here.jobs.page("owner", (), "", 10)
        cancelling = asyncio.create_task(here.desk.cancel(job, session()))
        await asyncio.sleep(0)
        assert here.studio.cancelled == []
        here.studio.door.set()

        assert (await cancelling).state is State.CANCELLED
        assert here.studio.cancelled == ["task-1"]
        await ordered


@pytest.mark.asyncio
async def test_the_ledger_keeps_no_credential(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    async with office(path) as here:
        await here.desk.begin(here.order())
        await until(lambda: here.studio.looks)
    held = await asyncio.to_thread(all_of, tmp_path)
    assert b"a fox" in held
    assert [secret for secret in (session().token, session().refresh_token) if secret.encode() in held] == []
