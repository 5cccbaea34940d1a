"""Video jobs at work: handed in once, asked after by one poller each, told to all who watch."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import (
    AccessDenied,
    CredentialExpired,
    Internal,
    JobUnknownOutcome,
    NotFound,
    QwenError,
    ShuttingDown,
    StateStoreUnavailable,
    TokenMalformed,
    Unsupported,
    UpstreamChallenge,
)
from qwen_grpc.ledger import Job, Jobs, State
from qwen_grpc.ledger.jobs import Wanted
from qwen_grpc.routing.lanes import Lane
from qwen_grpc.routing.router import Router
from qwen_grpc.upstreams.base import VideoTask
from qwen_grpc.v1 import videos_pb2 as pb

CLOSE_S = 5.0
NOTE_PAUSE_S = 1.0
# Nothing that asking again with the same credential could mend.
HOPELESS = (CredentialExpired, AccessDenied, UpstreamChallenge, TokenMalformed, Unsupported)
log = structlog.get_logger()

Submit = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between two looks at a clip, shorter when it began with a picture, and after how long none follows.

    The site's own pages look every 10 and every 3 seconds (seen in Sep 2026);
    clips took up to six minutes.
    """

    words_s: float = 10.0
    picture_s: float = 3.0
    cap_s: float = 1200.0


@dataclass(frozen=True, slots=True)
class Order:
    """A job that a caller wants made. `submit` hands it to the upstream and returns the upstream's task id."""

    wanted: Wanted
    credentials: Credentials
    submit: Submit
    has_picture: bool = False


class Course:
    """A job that this process works on: how far it is, whose credential asks, and who waits for news."""

    def __init__(self, job: Job, credentials: Credentials, pause_s: float) -> None:
        self.job = job
        self.credentials = credentials
        self.pause_s = pause_s
        self.error: QwenError | None = None
        self._news = asyncio.Event()

    def tell(self, job: Job) -> None:
        """Lets everybody know how far the job is."""
        self.job = job
        self._news.set()
        self._news = asyncio.Event()

    def end(self, error: QwenError) -> None:
        """Lets everybody know that nobody works on it any longer; the first reason counts."""
        self.error = self.error or error
        self.tell(self.job)

    async def beyond(self, revision: int) -> Job:
        """The job, once its revision is higher. Raises why that will not be."""
        while self.job.revision <= revision:
            await self._wait()
        return self.job

    async def handed_in(self) -> Job:
        """The job, once the upstream has it or may have it. Raises why it does not."""
        while self.job.state is State.INTENT:
            await self._wait()
        return self.job

    async def _wait(self) -> None:
        if self.error is not None:
            raise self.error
        await self._news.wait()


class Desk:
    """Begins jobs, and keeps asking after them.

    A job is asked after with its owner's credential, which is held in memory
    only. After a restart it waits until the owner calls again.
    """

    def __init__(self, router: Router, jobs: Jobs, cadence: Cadence, *, now: Callable[[], float] = time.time) -> None:
        self._router = router
        self._jobs = jobs
        self._cadence = cadence
        self._began_at = now()
        self._recovered = False
        self._closing = False
        self._turn = asyncio.Lock()
        self._courses: dict[str, Course] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Lets jobs that are being handed in finish that, for a few seconds, and asks after none any longer."""
        self._closing = True
        handing_in = {id_ for id_, course in self._courses.items() if course.job.state is State.INTENT}
        tasks = dict(self._tasks)
        for id_, task in tasks.items():
            if id_ not in handing_in:
                task.cancel()
        if tasks:
            await asyncio.wait(tasks.values(), timeout=CLOSE_S)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def recover(self) -> None:
        """Once: jobs that another life of the gateway did not get to hand in, or did not get to note down."""
        async with self._turn:
            if self._recovered:
                return
            for job in await self._jobs.unfinished():
                if job.state is State.INTENT and job.created_at < self._began_at:
                    await self._jobs.change(job.id, **_unknown(_STOPPED))
            self._recovered = True

    # -- what callers want ----------------------------------------------------------------------------------------

    async def begin(self, order: Order) -> Job:
        """Hands in a job, once for one request id, and returns it when the upstream has it.

        A caller that leaves does not stop it. Raises why the upstream refused
        it, and `JobUnknownOutcome` when that is not known.
        """
        await self.recover()
        begun = asyncio.create_task(self._begin(order))
        begun.add_done_callback(_looked_at)
        job, course = await asyncio.shield(begun)
        job = await course.handed_in() if course else job
        if job.state is State.UNKNOWN_OUTCOME and not job.task_id:
            raise JobUnknownOutcome(job.message)
        return job

    async def _begin(self, order: Order) -> tuple[Job, Course | None]:
        async with self._turn:
            job, new = await self._jobs.begin(order.wanted)
            if new:
                pause_s = self._cadence.picture_s if order.has_picture else self._cadence.words_s
                self._start(Course(job, order.credentials, pause_s), order.submit)
            self.resume(job, order.credentials)
            return job, self._courses.get(job.id)

    def resume(self, job: Job, credentials: Credentials) -> None:
        """Goes on asking after a job, with the credential that its owner has just sent."""
        course = self._courses.get(job.id)
        if course is not None:
            course.credentials = credentials
        elif job.state in (State.SUBMITTED, State.RUNNING) and not self._closing:
            self._start(Course(job, credentials, self._cadence.words_s), None)

    async def watch(self, job: Job, after: int) -> AsyncGenerator[Job, None]:
        """The job after each change beyond the revision `after`, until it has ended."""
        course = self._courses.get(job.id)
        if course is None and not job.state.final:
            raise ShuttingDown("nobody here works on this job just now; call again", retry_after=1.0)
        while course is not None and not (course.job.state.final and course.job.revision <= after):
            job = await course.beyond(after)
            yield job
            after = job.revision

    async def delete(self, job: Job) -> None:
        """Forgets a job. One that is being handed in is waited for, as it cannot be held back."""
        if course := self._courses.get(job.id):
            with suppress(QwenError):
                await course.handed_in()
            course.end(NotFound("the job was deleted"))
            if task := self._tasks.get(job.id):
                task.cancel()
        await self._jobs.delete(job.owner, job.id)

    async def cancel(self, job: Job, credentials: Credentials) -> Job:
        """Stops a job at its upstream. Raises `Unsupported` when that cannot, or cannot any longer.

        One that is being handed in is waited for, as there is nothing to stop yet.
        """
        if course := self._courses.get(job.id):
            job = await course.handed_in()
        if job.state.final:
            return job
        lane = self._lane(job, credentials)
        await lane.upstream.cancel_video(job.task_id, lane.credentials)
        job = await self._jobs.change(job.id, state=State.CANCELLED)
        if course:
            course.tell(job)
        return job

    def state_of(self, job: Job) -> pb.VideoState:
        """What the owner is told: a job that nobody asks after waits for its owner."""
        if job.state in (State.SUBMITTED, State.RUNNING) and job.id not in self._courses:
            return pb.VIDEO_STATE_WAITING_FOR_OWNER
        return STATES[job.state]

    # -- the work -------------------------------------------------------------------------------------------------

    def _start(self, course: Course, submit: Submit | None) -> None:
        id_ = course.job.id
        task = asyncio.create_task(self._hand_in(course, submit) if submit else self._take_up(course))
        self._courses[id_], self._tasks[id_] = course, task
        task.add_done_callback(lambda done: self._ended(course, done))

    def _ended(self, course: Course, task: asyncio.Task[None]) -> None:
        del self._courses[course.job.id], self._tasks[course.job.id]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, QwenError):
            log.error("unforeseen failure", job=course.job.id, exc_info=error)
            error = Internal("internal error; the log of the server has the rest")
        course.end(error or ShuttingDown("the gateway shut down before the job had ended", retry_after=1.0))

    async def _hand_in(self, course: Course, submit: Submit) -> None:
        try:
            task_id = await submit()
        except JobUnknownOutcome as error:
            await self._change(course, **_unknown(error.message))
            return
        except QwenError:
            # The upstream never took it, so there is no job; the same request id may be tried again.
            with suppress(StateStoreUnavailable):
                await self._jobs.delete(course.job.owner, course.job.id)
            raise
        # It may hold a picture, and the work goes on for minutes.
        del submit
        await self._change(course, state=State.SUBMITTED, task_id=task_id)
        await self._follow(course)

    async def _take_up(self, course: Course) -> None:
        # It may have ended since it was read. Writing it counts the revision: it no longer waits for its owner.
        course.tell(await self._jobs.get(course.job.owner, course.job.id))
        if not course.job.state.final:
            await self._change(course, state=course.job.state)
            await self._follow(course)

    async def _follow(self, course: Course) -> None:
        """Asks after a job until it has ended, or for as long as anybody would believe in it."""
        loop = asyncio.get_running_loop()
        last_look = loop.time() + self._cadence.cap_s
        while not (course.job.state.final or self._closing):
            await self._look(course)
            if loop.time() >= last_look and not course.job.state.final:
                await self._change(course, **_unknown(_GIVEN_UP))
            elif not course.job.state.final:
                await asyncio.sleep(course.pause_s)

    async def _look(self, course: Course) -> None:
        lane = self._lane(course.job, course.credentials)
        try:
            found = await lane.upstream.get_video(course.job.task_id, lane.credentials)
        except HOPELESS:
            raise
        except NotFound:
            error = NotFound(f"{lane.upstream.name} no longer knows the task of this job")
            found = VideoTask(pb.VIDEO_STATE_FAILED, error=error)
        except QwenError as error:
            log.info("look at a job failed", job=course.job.id, reason=error.reason)
            return
        if values := _news(course.job, found):
            await self._change(course, **values)

    def _lane(self, job: Job, credentials: Credentials) -> Lane:
        return self._router.caller(credentials).lane(job.upstream, job.lane)

    async def _change(self, course: Course, **values: object) -> None:
        """Notes down what must not be lost: while the ledger cannot be written, tries again."""
        while True:
            try:
                course.tell(await self._jobs.change(course.job.id, **values))
                return
            except StateStoreUnavailable:
                log.warning("job not noted down", job=course.job.id)
                await asyncio.sleep(NOTE_PAUSE_S)


STATES: dict[State, pb.VideoState] = {
    State.INTENT: pb.VIDEO_STATE_QUEUED,
    State.SUBMITTED: pb.VIDEO_STATE_QUEUED,
    State.RUNNING: pb.VIDEO_STATE_RUNNING,
    State.SUCCEEDED: pb.VIDEO_STATE_SUCCEEDED,
    State.FAILED: pb.VIDEO_STATE_FAILED,
    State.CANCELLED: pb.VIDEO_STATE_CANCELLED,
    State.EXPIRED: pb.VIDEO_STATE_EXPIRED,
    State.UNKNOWN_OUTCOME: pb.VIDEO_STATE_UNKNOWN_OUTCOME,
}
_STOPPED = (
    "the gateway stopped while it handed in this job, and cannot tell whether the upstream has it; it was not tried "
    "again, as that could pay twice: look for the clip where the upstream shows your chats"
)
_GIVEN_UP = "the clip was still not ready long after any other would have been; it may yet appear upstream"


def _unknown(message: str) -> dict[str, object]:
    return {"state": State.UNKNOWN_OUTCOME, "reason": JobUnknownOutcome.reason, "message": message}


def _news(job: Job, found: VideoTask) -> dict[str, object]:
    """The columns that a look at the task changes."""
    if found.state == pb.VIDEO_STATE_SUCCEEDED:
        return {"state": State.SUCCEEDED, "url": found.url, "expires_at": found.expires_at}
    if found.state == pb.VIDEO_STATE_FAILED:
        error = found.error or Internal("the upstream did not say why")
        return {"state": State.FAILED, "reason": error.reason, "message": error.message}
    if found.state == pb.VIDEO_STATE_CANCELLED:
        return {"state": State.CANCELLED}
    return {} if job.state is State.RUNNING else {"state": State.RUNNING}


def _looked_at(task: "asyncio.Task[tuple[Job, Course | None]]") -> None:
    if not task.cancelled():
        # Whoever waited has the error; without this, one that nobody waited for is logged as lost.
        task.exception()
