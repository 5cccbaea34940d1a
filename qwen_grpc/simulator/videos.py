"""Videos are tasks: how one is submitted, and what its status calls find, poll after poll."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sanic import Request

from qwen_grpc.simulator.asked import Cue
from qwen_grpc.simulator.faults import REFUSALS, Attempt, signed_in, unauthorized
from qwen_grpc.simulator.outputs import output_url
from qwen_grpc.simulator.replies import Answer, ok, refusal
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Message, Simulator
from qwen_grpc.simulator.stored import VideoTask

RUNNING, SUCCESS, FAILED, ODD = "running", "success", "failed", "levitating"
FAILURE = "The video could not be made. Please try again."


@dataclass(frozen=True, slots=True)
class Found:
    """What a status call finds; a `fault` is played instead of a status."""

    status: str
    message: str = ""
    made: bool = False
    fault: str = ""


Life = Callable[[VideoTask], Found]


def _ending(last: Found, meanwhile: Found) -> Life:
    """Running for the task's number of polls, then the end."""
    return lambda task: meanwhile if task.polls <= task.running_polls else last


_DONE = Found(SUCCESS, made=True)
_RUNNING = Found(RUNNING)

VIDEO_SCENARIOS: dict[str, Life] = {
    "video": _ending(_DONE, _RUNNING),
    # The N of `[[sim:video_slow:N]]` is how many polls find it running; in every other scenario too.
    "video_slow": _ending(_DONE, _RUNNING),
    "video_fail": _ending(Found(FAILED, FAILURE), _RUNNING),
    "video_unknown_status": _ending(_DONE, Found(ODD)),
    "video_odd": lambda _: Found(ODD),
    "video_no_url": _ending(Found(SUCCESS), _RUNNING),
    "video_gone": lambda task: _RUNNING if task.polls == 1 else Found("", fault="gone"),
    "video_flaky": lambda task: Found("", fault="http_502_html") if task.polls == 1 else _DONE,
    "video_no_task": lambda _: _RUNNING,
}


def submitted(attempt: Attempt, chosen: Cue, question: Message, answer: Message) -> Answer:
    """Begin a task; `video_no_task` answers like a success and forgets to say which."""
    simulator, kind = attempt.simulator, question.chat_type
    running_polls = chosen.count or simulator.behaviour.video_polls
    size = attempt.asked.size or ""
    task = VideoTask(
        id=simulator.new_id(),
        user_id=attempt.user.id,
        chat_id=attempt.asked.chat_id,
        message_id=answer.id,
        kind=kind,
        size=size,
        scenario=chosen.scenario,
        running_polls=running_polls,
    )
    simulator.tasks[task.id] = task
    answer.extra = {} if chosen.scenario == "video_no_task" else {"wanx": {"task_id": task.id}}
    told = {"role": "assistant", "content": "", "extra": answer.extra, "done": False, "size": size}
    ids = {"chat_id": task.chat_id, "chat_type": kind, "parent_id": question.id, "message_id": answer.id}
    return ok({**ids, "messages": [told]})


def _poll(simulator: Simulator, request: Request, task_id: str) -> tuple[VideoTask, Found] | Answer:
    """Count a status call of the task's owner and look what it finds."""
    user, task = signed_in(simulator, request), simulator.tasks.get(task_id)
    if user is None:
        return unauthorized()
    if task is None or task.user_id != user.id:
        return _gone()
    task.polls += 1
    task.polled_at.append(time.monotonic())
    found = VIDEO_SCENARIOS[task.scenario](task)
    if found.fault:
        return _gone() if found.fault == "gone" else REFUSALS[found.fault](Attempt(simulator, request))
    return task, found


def _gone() -> Answer:
    return refusal("Not_Found", "Task not found", actual=404)


def _told(simulator: Simulator, task: VideoTask, found: Found) -> dict[str, Any]:
    """The fields that the routes of both eras tell; a finished video also reaches the stored chat."""
    url = ""
    if found.made:
        path = f"{task.user_id}/{task.kind}/{task.chat_id}/{task.id}.mp4"
        url = output_url(simulator, task.user_id, path)
    if found.status in (SUCCESS, FAILED):
        _store(simulator, task, url)
    return {"task_status": found.status, "message": found.message, "content": url}


def _store(simulator: Simulator, task: VideoTask, url: str) -> None:
    chat = simulator.chats.get(task.chat_id)
    message = chat.messages[task.message_id] if chat else None
    if message is not None and not message.done:
        message.done = True
        message.hear("video_gen", url, None)


async def status(simulator: Simulator, request: Request, task_id: str) -> Answer:
    """How far a task is, in the envelope; `duration` is null even for a finished video (seen in Sep 2026)."""
    polled = _poll(simulator, request, task_id)
    if isinstance(polled, Answer):
        return polled
    told = {"chat_type": polled[0].kind, **_told(simulator, *polled)}
    return ok({**told, "remaining_time": "", "sub_chat_type": None, "duration": None})


async def old_status(simulator: Simulator, request: Request, task_id: str) -> Answer:
    """How far a task is, flat, as an earlier era told it."""
    polled = _poll(simulator, request, task_id)
    return polled if isinstance(polled, Answer) else Answer(_told(simulator, *polled))


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v2/task/status/<task_id:str>", status),
    Route("GET", "/api/v1/tasks/status/<task_id:str>", old_status),
)
