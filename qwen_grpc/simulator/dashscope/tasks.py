"""Tasks of DashScope: submitted, polled, listed, cancelled. Polls move a task on, not the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from qwen_grpc.simulator.cues import Cue
from qwen_grpc.simulator.dashscope import faults, replies
from qwen_grpc.simulator.dashscope.call import Call, answering, cue, ok
from qwen_grpc.simulator.dashscope.faults import Fault, Refused
from qwen_grpc.simulator.dashscope.state import MediaTask
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

UTC_PLUS_8 = timedelta(hours=8)
ENDLESS = 10**9
PAGE = 10
TASK_FAILED = Fault(400, "InternalError", "The task failed while it was being processed.")
NOT_PENDING = Fault(
    400, "UnsupportedOperation", "Failed to cancel the task, please confirm if the task is in PENDING status."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task will end: what its output adds to the state, and what it costs."""

    output: dict[str, Any]
    usage: dict[str, Any] = field(default_factory=dict)


def submit(call: Call, model: str, chosen: Cue, outcome: Outcome) -> Answer:
    """Queue a task that will have this outcome unless the scenario knows better."""
    behaviour, failure = call.behaviour, _failure(chosen.scenario)
    task = MediaTask(
        replies.new_id(call.simulator),
        call.key,
        call.account,
        model,
        chosen.scenario,
        call.simulator.now(),
        "FAILED" if failure else "SUCCEEDED",
        {"code": failure.code, "message": failure.message} if failure else outcome.output,
        {} if failure else outcome.usage,
        behaviour.pending_polls,
        ENDLESS if chosen.scenario == "task_stuck" else behaviour.running_polls,
    )
    call.dashscope.tasks[task.id] = task
    return ok(call, {"output": {"task_status": "PENDING", "task_id": task.id}, "request_id": call.id})


def _failure(scenario: str) -> Fault | None:
    return {"task_failed": TASK_FAILED, "task_filtered": faults.BAD_INPUT}.get(scenario)


async def poll(call: Call, task_id: str) -> Answer | None:
    """Where a task is; one that nobody knows, or another account's, is UNKNOWN."""
    await cue(call, "")
    _count_poll(call)
    task = _known(call, task_id)
    if task is None:
        return ok(call, {"request_id": call.id, "output": {"task_id": task_id, "task_status": "UNKNOWN"}})
    status = status_of(task)
    task.polls += 1
    ended = status in ("SUCCEEDED", "FAILED")
    output = {"task_id": task.id, "task_status": status, **_times(task, status), **(task.output if ended else {})}
    usage = {"usage": task.usage} if status == "SUCCEEDED" else {}
    return ok(call, {"request_id": call.id, "output": output, **usage})


def status_of(task: MediaTask) -> str:
    """What the next poll will find."""
    if task.cancelled:
        return "CANCELED"
    if task.polls < task.pending_polls:
        return "PENDING"
    return "RUNNING" if task.polls < task.pending_polls + task.running_polls else task.status


async def cancel(call: Call, task_id: str) -> Answer | None:
    """Take a task out of the queue; one that runs is not stopped."""
    await cue(call, "")
    task = _known(call, task_id)
    if task is None or status_of(task) != "PENDING":
        raise Refused(NOT_PENDING)
    task.cancelled = True
    return ok(call, {"request_id": call.id})


async def list_page(call: Call) -> Answer | None:
    """The tasks of an account, newest first, in a reply that is flat where others nest."""
    await cue(call, "")
    query = call.request.args
    wanted = {"model": query.get("model_name"), "status": query.get("status")}
    rows = [_row(call, task) for task in reversed(call.dashscope.tasks.values()) if task.account == call.account]
    rows = [row for row in rows if wanted["model"] in (None, row["model_name"])]
    rows = [row for row in rows if wanted["status"] in (None, row["status"])]
    number, size = call.number("page_no", 1), call.number("page_size", PAGE)
    page = rows[(number - 1) * size : number * size]
    pages = -(-len(rows) // size)
    told = {"total": len(rows), "data": page, "total_page": pages, "page_no": number, "page_size": size}
    return ok(call, {**told, "request_id": call.id})


def _known(call: Call, task_id: str) -> MediaTask | None:
    task = call.dashscope.tasks.get(task_id)
    if task is None or task.account != call.account or task.scenario == "task_unknown":
        return None
    return task if call.simulator.now() < task.submitted_at + call.behaviour.task_ttl_s else None


def _count_poll(call: Call) -> None:
    """All polls of an account in a second count together."""
    limit, now = call.behaviour.task_qps, call.simulator.now()
    if not limit:
        return
    polled_at = call.dashscope.polled_at[call.account]
    while polled_at and polled_at[0] <= now - 1:
        polled_at.popleft()
    if len(polled_at) >= limit:
        raise Refused(faults.RATE_QUOTA)
    polled_at.append(now)


def _times(task: MediaTask, status: str) -> dict[str, str]:
    """The local times of Beijing, without saying so; a task takes as long as nobody looked at a clock."""
    submitted = datetime.fromtimestamp(task.submitted_at, UTC) + UTC_PLUS_8
    told = submitted.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    names = {"PENDING": ("submit_time",), "RUNNING": ("submit_time", "scheduled_time")}
    return dict.fromkeys(names.get(status, ("submit_time", "scheduled_time", "end_time")), told)


def _row(call: Call, task: MediaTask) -> dict[str, Any]:
    at_ms = int(task.submitted_at * 1000)
    return {
        "api_key_id": "1",
        "caller_uid": "1000",
        "caller_parent_id": "1000",
        "gmt_create": at_ms,
        "start_time": at_ms,
        "end_time": at_ms,
        "model_name": task.model,
        "region": call.behaviour.region,
        "request_id": task.id,
        "status": status_of(task),
        "task_id": task.id,
        "user_api_unique_key": f"apikey:v1:inference:{task.model}",
    }


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/tasks", answering(list_page)),
    Route("GET", "/api/v1/tasks/<task_id:str>", answering(poll)),
    Route("POST", "/api/v1/tasks/<task_id:str>/cancel", answering(cancel)),
)
