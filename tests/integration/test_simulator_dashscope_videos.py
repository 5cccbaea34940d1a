from typing import Any

import pytest
from dashscope_caller import ASYNC, VIDEO, dashscope, fault_of, fetch

OLD_VIDEO = "/api/v1/services/aigc/image2video/video-synthesis"
CAT = "https://example.com/cat.png"
# 2026-11-22 10:00:00.250 UTC.
NOW = 1_795_341_600.25
LOCAL = "2026-11-22 18:00:00.250"


@pytest.mark.asyncio
async def test_a_video_goes_from_the_queue_to_its_end_poll_by_poll() -> None:
    async with dashscope(now=lambda: NOW) as caller:
        caller.behave(pending_polls=2, running_polls=1, video_bytes=5_000)
        task_id = await caller.film(parameters={"duration": 8, "resolution": "720P"})
        polls = [await caller.http.get(f"/api/v1/tasks/{task_id}") for _ in range(4)]
        outputs = [reply.json()["output"] for reply in polls]
        made = await fetch(outputs[-1].pop("video_url"))

    assert [output["task_status"] for output in outputs] == ["PENDING", "PENDING", "RUNNING", "SUCCEEDED"]
    assert outputs[0] == {"task_id": task_id, "task_status": "PENDING", "submit_time": LOCAL}
    assert outputs[2] == {
        "task_id": task_id,
        "task_status": "RUNNING",
        "submit_time": LOCAL,
        "scheduled_time": LOCAL,
    }
    assert {key: outputs[3][key] for key in ("end_time", "orig_prompt", "actual_prompt")} == {
        "end_time": LOCAL,
        "orig_prompt": "the sea",
        "actual_prompt": "the sea",
    }
    assert polls[-1].json()["usage"] == {
        "duration": 8,
        "output_video_duration": 8,
        "input_video_duration": 0,
        "video_count": 1,
        "SR": "720",
        "ratio": "16:9",
        "fps": 30,
    }
    assert (made.headers["content-type"], len(made.content), made.content[4:8]) == ("video/mp4", 5_000, b"ftyp")
    assert all("x-request-id" not in reply.headers and reply.json()["request_id"] for reply in polls)


@pytest.mark.asyncio
async def test_the_record_counts_every_task() -> None:
    async with dashscope() as caller:
        one, two = await caller.film(), await caller.film(key="sk-two")
        tasks = caller.memory.tasks
        record = (await caller.http.get("/_sim/dashscope/record")).json()["tasks"]

    assert [(task.id, task.key, task.model) for task in tasks.values()] == [
        (one, "sk-one", "wan2.7-t2v"),
        (two, "sk-two", "wan2.7-t2v"),
    ]
    assert [task["id"] for task in record] == [one, two]


# How a scenario lets a task end.
ENDS: dict[str, tuple[str, str | None]] = {
    "task_failed": ("FAILED", "InternalError"),
    "task_filtered": ("FAILED", "DataInspectionFailed"),
    "task_unknown": ("UNKNOWN", None),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ENDS)
async def test_a_task_may_fail_or_be_forgotten(scenario: str) -> None:
    async with dashscope() as caller:
        ended = await caller.finish(await caller.film(f"[[sim:{scenario}]] the sea"))

    output = ended["output"]
    assert (output["task_status"], output.get("code")) == ENDS[scenario]
    assert "usage" not in ended


@pytest.mark.asyncio
async def test_a_stuck_task_runs_for_ever() -> None:
    async with dashscope() as caller:
        task_id = await caller.film("[[sim:task_stuck]] the sea")
        states = {(await caller.task(task_id))["task_status"] for _ in range(20)}

    assert states == {"PENDING", "RUNNING"}


@pytest.mark.asyncio
async def test_nobody_knows_a_task_of_another_account_or_one_that_is_too_old() -> None:
    now = [NOW]
    async with dashscope(now=lambda: now[0]) as caller:
        caller.behave(keys={"sk-twin": {"account": "sk-one"}})
        task_id = await caller.film()
        twin, stranger = await caller.task(task_id, key="sk-twin"), await caller.task(task_id, key="sk-two")
        now[0] += 86_400
        old, unknown = await caller.task(task_id), await caller.task("never-made")

    assert twin["task_status"] == "PENDING"
    for output in (stranger, old):
        assert output == {"task_id": task_id, "task_status": "UNKNOWN"}
    assert unknown == {"task_id": "never-made", "task_status": "UNKNOWN"}


@pytest.mark.asyncio
async def test_only_a_task_in_the_queue_can_be_cancelled() -> None:
    async with dashscope() as caller:
        waiting, started = await caller.film(), await caller.film()
        await caller.task(started)
        replies = [
            await caller.http.post(f"/api/v1/tasks/{task_id}/cancel") for task_id in (waiting, started, "unknown")
        ]
        output = await caller.task(waiting)

    words = "Failed to cancel the task, please confirm if the task is in PENDING status."
    assert (replies[0].status_code, set(replies[0].json())) == (200, {"request_id"})
    assert [fault_of(reply) for reply in replies[1:]] == [(400, "UnsupportedOperation", words)] * 2
    assert output["task_status"] == "CANCELED"


@pytest.mark.asyncio
async def test_the_list_of_tasks_is_flat_and_newest_first() -> None:
    async with dashscope(now=lambda: NOW) as caller:
        made = [await caller.film(model=model) for model in ("wan2.7-t2v", "wan3.0-video", "wan2.7-t2v")]
        await caller.film(key="sk-two")
        await caller.finish(made[0])
        page = (await caller.http.get("/api/v1/tasks/?page_no=1&page_size=2")).json()
        other = (await caller.http.get("/api/v1/tasks/?model_name=wan3.0-video")).json()
        done = (await caller.http.get("/api/v1/tasks?status=SUCCEEDED")).json()
        wrong = await caller.http.get("/api/v1/tasks?page_no=none")

    assert {key: page[key] for key in ("total", "total_page", "page_no", "page_size")} == {
        "total": 3,
        "total_page": 2,
        "page_no": 1,
        "page_size": 2,
    }
    assert [row["task_id"] for row in page["data"]] == [made[2], made[1]]
    assert (page["data"][0]["gmt_create"], page["data"][0]["region"]) == (int(NOW * 1000), "cn-beijing")
    assert [row["task_id"] for row in other["data"]] == [made[1]]
    assert [row["task_id"] for row in done["data"]] == [made[0]]
    assert wrong.status_code == 400


@pytest.mark.asyncio
async def test_too_many_polls_in_a_second_are_throttled() -> None:
    now = [NOW]
    async with dashscope(now=lambda: now[0]) as caller:
        caller.behave(task_qps=2)
        task_id = await caller.film()
        statuses = [(await caller.http.get(f"/api/v1/tasks/{task_id}")).status_code for _ in range(3)]
        now[0] += 1
        later = await caller.http.get(f"/api/v1/tasks/{task_id}")

    assert (statuses, later.status_code) == ([200, 200, 429], 200)


@pytest.mark.asyncio
async def test_polls_fail_when_the_behaviour_says_so_and_the_task_does_not_move() -> None:
    async with dashscope() as caller:
        task_id = await caller.film()
        caller.behave(fail_next=1, fail_with="internal_error")
        failed = await caller.http.get(f"/api/v1/tasks/{task_id}")
        output = await caller.task(task_id)

    assert (failed.status_code, output["task_status"]) == (500, "PENDING")


# Path, body and headers of requests for videos, and the words that refuse them.
REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, str], tuple[int, str]]] = {
    "no header": (VIDEO, {}, {}, (403, "current user api does not support synchronous calls.")),
    "too long": (VIDEO, {"parameters": {"duration": 16}}, ASYNC, (400, "duration must be one of 2, 3, ")),
    "a size": (VIDEO, {"parameters": {"size": "1920*1080"}}, ASYNC, (400, "size is not supported")),
    "too small": (VIDEO, {"parameters": {"resolution": "480P"}}, ASYNC, (400, "resolution must be one of 720P, 1080P")),
    "no prompt": (VIDEO, {"input": {}}, ASYNC, (400, "prompt must be set")),
    "no picture": (VIDEO, {"model": "wan2.6-i2v"}, ASYNC, (400, "img_url must be set")),
    "no first frame": (VIDEO, {"model": "wan2.7-i2v"}, ASYNC, (400, "media must have one of type first_frame, ")),
    "frames and references": (
        VIDEO,
        {
            "model": "wan3.0-video",
            "input": {"media": [{"type": "first_frame", "url": CAT}, {"type": "reference_image", "url": CAT}]},
        },
        ASYNC,
        (400, "frames cannot be used together with references"),
    ),
    "no address": (VIDEO, {"model": "wan2.6-i2v", "input": {"img_url": "cat.png"}}, ASYNC, (400, "url error")),
    "another path": (OLD_VIDEO, {}, ASYNC, (400, "url error")),
    "no such model": (VIDEO, {"model": "wan9"}, ASYNC, (404, "The model wan9 does not exist")),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", REFUSED)
async def test_a_wrong_wish_for_a_video_is_refused(case: str) -> None:
    path, body, headers, (status, words) = REFUSED[case]
    async with dashscope() as caller:
        asked = {"model": "wan2.7-t2v", "input": {"prompt": "the sea"}, **body}
        reply = await caller.http.post(path, json=asked, headers=headers)

    assert reply.status_code == status
    assert fault_of(reply)[2].startswith(words)
    assert not caller.memory.tasks


# Path, model and input of videos that are made.
ACCEPTED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "wan3.0-video": (VIDEO, {"prompt": "x"}, {"duration": -1, "ratio": "adaptive", "resolution": "480P"}),
    "wan2.7-i2v": (VIDEO, {"media": [{"type": "first_frame", "url": CAT}]}, {"duration": 2}),
    "wan2.7-videoedit": (VIDEO, {"prompt": "x", "media": [{"type": "video", "url": CAT}]}, {"duration": 0}),
    "wan2.6-i2v-flash": (VIDEO, {"img_url": CAT}, {"duration": 15}),
    "wan2.5-t2v-preview": (VIDEO, {"prompt": "x"}, {"size": "832*480", "duration": 10}),
    "wan2.2-kf2v-flash": (OLD_VIDEO, {"first_frame_url": CAT, "last_frame_url": CAT}, {}),
    "happyhorse-1.1-t2v": (VIDEO, {"prompt": "x"}, {"ratio": "9:21"}),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ACCEPTED)
async def test_each_family_makes_videos_from_what_it_takes(model: str) -> None:
    path, given, parameters = ACCEPTED[model]
    async with dashscope() as caller:
        asked = {"model": model, "input": given, "parameters": parameters}
        reply = await caller.http.post(path, json=asked, headers=ASYNC)
        ended = await caller.finish(reply.json()["output"]["task_id"])

    assert ended["output"]["task_status"] == "SUCCEEDED"
    assert ended["usage"]["duration"] == (parameters.get("duration", 5) if parameters.get("duration", 5) > 0 else 5)
