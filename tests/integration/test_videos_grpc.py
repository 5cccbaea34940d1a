"""Video jobs over gRPC, from the order to the file."""

import asyncio
import uuid
from typing import Any

import grpc
import pytest
from support import House, open_house, session
from upstream_record import calls, failed, sent, until
from video_calls import FAST, MODEL, PNG, SLOW, Videos, names

from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1 import videos_pb2 as pb
from qwen_grpc.v1.common_pb2 import Media

OTHER = "00000000-0000-4000-8000-000000000002"
UUID = "6f6f2c0e-5a3e-4d0c-9b59-0d7e0f2f4c11"


def submissions(house: House) -> list[dict[str, Any]]:
    return [body for body in sent(house.simulator) if body["stream"] is False]


@pytest.mark.asyncio
async def test_a_clip_is_ordered_watched_and_fetched() -> None:
    async with open_house(Behaviour(video_bytes=700_000), **FAST) as house:
        videos = Videos(house.channel)
        made = await videos.create(size="720x1280")
        seen = await videos.watch(made.id)
        got = await videos.get(made.id)
        header, pieces = await videos.download(made.id)
        [task] = house.simulator.tasks.values()

    assert (made.model, made.prompt, made.size, names([made])) == (MODEL, "a fox", "720x1280", ["QUEUED"])
    assert names(seen)[-2:] == ["RUNNING", "SUCCEEDED"]
    assert [video.revision for video in seen] == sorted({video.revision for video in seen})
    assert got == seen[-1]
    assert (got.progress, len(got.contents), got.HasField("complete_time"), got.HasField("expire_time")) == (
        100,
        1,
        True,
        True,
    )
    assert (task.kind, task.size) == ("t2v", "9:16")
    assert (header.mime_type, header.size_bytes, header.filename, bool(header.etag)) == (
        "video/mp4",
        700_000,
        f"{made.id}.mp4",
        True,
    )
    assert len(b"".join(pieces)) == 700_000
    assert max(map(len, pieces)) <= 256 * 1024


@pytest.mark.asyncio
async def test_a_clip_may_begin_with_a_picture() -> None:
    async with open_house(**FAST) as house:
        videos = Videos(house.channel)
        made = await videos.create(images=[Media(data=PNG, mime_type="image/png", filename="fox.png")])
        [*_, last] = await videos.watch(made.id)
        [body] = submissions(house)
        [task] = house.simulator.tasks.values()

    assert (names([last]), task.kind, task.size) == (["SUCCEEDED"], "i2v", "16:9")
    assert [(file["type"], file["name"]) for file in body["messages"][0]["files"]] == [("image", "fox.png")]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scenario", "states", "reason"),
    [
        ("video_fail:1", ["RUNNING", "FAILED"], "UPSTREAM_ERROR"),
        ("video_no_url:1", ["RUNNING", "FAILED"], "UPSTREAM_EMPTY"),
        ("video_gone", ["RUNNING", "FAILED"], "NOT_FOUND"),
        ("video_unknown_status:1", ["RUNNING", "SUCCEEDED"], ""),
        ("video_flaky", ["SUCCEEDED"], ""),
    ],
)
async def test_a_job_ends_as_its_task_does(scenario: str, states: list[str], reason: str) -> None:
    async with open_house(**FAST) as house:
        videos = Videos(house.channel)
        made = await videos.create(f"a fox [[sim:{scenario}]]")
        seen = await videos.watch(made.id, after=made.revision)

    assert names(seen)[-len(states) :] == states
    assert (seen[-1].error.reason, bool(seen[-1].error.message)) == (reason, bool(reason))


@pytest.mark.asyncio
async def test_a_hundred_watchers_make_one_look_per_interval() -> None:
    async with open_house(qwen_video_poll=0.3) as house:
        videos = Videos(house.channel)
        made = await videos.create("a fox [[sim:video_slow:3]]")
        ends = await asyncio.gather(*(videos.watch(made.id) for _ in range(100)))
        [task] = house.simulator.tasks.values()

    assert [names([seen[-1]]) for seen in ends] == [["SUCCEEDED"]] * 100
    assert task.polls == 4
    assert min(b - a for a, b in zip(task.polled_at, task.polled_at[1:], strict=False)) > 0.25


@pytest.mark.asyncio
async def test_watching_goes_on_behind_a_revision() -> None:
    async with open_house(**FAST) as house:
        videos = Videos(house.channel)
        made = await videos.create()
        [*_, last] = await videos.watch(made.id)
        again = await videos.watch(made.id)
        behind = await videos.watch(made.id, after=last.revision)

    assert (again, behind) == ([last], [])


@pytest.mark.asyncio
async def test_one_request_id_makes_one_job_however_often_it_comes() -> None:
    async with open_house(**SLOW) as house:
        videos = Videos(house.channel)
        at_once = await asyncio.gather(*(videos.create(request_id=UUID) for _ in range(8)))
        later = await videos.create(request_id=UUID)
        other_body = await failed(videos.create("a cat", request_id=UUID))
        without = [await videos.create(), await videos.create()]
        count = len(house.simulator.tasks)

    assert {video.id for video in (*at_once, later)} == {later.id}
    assert other_body == (grpc.StatusCode.INVALID_ARGUMENT, "IDEMPOTENCY_KEY_REUSED")
    assert len({video.id for video in without}) == 2
    assert count == 3


@pytest.mark.asyncio
async def test_a_refused_order_is_no_job_and_its_request_id_may_be_tried_again() -> None:
    async with open_house(Behaviour(challenge="json"), **SLOW) as house:
        videos = Videos(house.channel)
        refused = await failed(videos.create(request_id=UUID))
        listed = await videos.page()
        house.simulator.behaviour.change({"challenge": "none"})
        made = await videos.create(request_id=UUID)

    assert refused == (grpc.StatusCode.FAILED_PRECONDITION, "UPSTREAM_CHALLENGE")
    assert (list(listed.videos), names([made])) == ([], ["QUEUED"])


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["video_no_task", "http_500"])
async def test_an_order_that_may_have_been_taken_is_told_and_never_tried_again(scenario: str) -> None:
    async with open_house(**SLOW) as house:
        videos = Videos(house.channel)
        first = await failed(videos.create(f"a fox [[sim:{scenario}]]", request_id=UUID))
        again = await failed(videos.create(f"a fox [[sim:{scenario}]]", request_id=UUID))
        listed = await videos.page()
        orders = len(submissions(house))

    assert first == again == (grpc.StatusCode.ABORTED, "JOB_UNKNOWN_OUTCOME")
    assert (names(listed.videos), listed.videos[0].error.reason, orders) == (
        ["UNKNOWN_OUTCOME"],
        "JOB_UNKNOWN_OUTCOME",
        1,
    )


@pytest.mark.asyncio
async def test_a_used_up_quota_tells_when_it_comes_back() -> None:
    async with open_house(Behaviour(quota={"t2v": 1}, quota_wait_h=10), **SLOW) as house:
        videos = Videos(house.channel)
        await videos.create()
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await videos.create()
        rest = await house.http.post("/v1/videos", json={"prompt": "a cat"}, headers=dict(videos.metadata))
        listed = await videos.page()

    assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (rest.status_code, rest.json()["error"]["code"], rest.headers["retry-after"]) == (
        429,
        "quota_exhausted",
        "36000",
    )
    assert len(listed.videos) == 1


@pytest.mark.asyncio
async def test_another_persons_job_is_not_found() -> None:
    async with open_house(**SLOW) as house:
        mine, theirs = Videos(house.channel), Videos(house.channel, session(OTHER))
        made = await mine.create()
        found = [
            await failed(call)
            for call in (
                theirs.get(made.id),
                theirs.watch(made.id),
                theirs.cancel(made.id),
                theirs.delete(made.id),
                theirs.download(made.id),
            )
        ]
        listed = await theirs.page()
        still = await mine.get(made.id)

    assert found == [(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")] * 5
    assert (list(listed.videos), still.id) == ([], made.id)


@pytest.mark.asyncio
async def test_jobs_are_listed_newest_first_page_by_page_and_by_state() -> None:
    async with open_house(**FAST) as house:
        videos = Videos(house.channel)
        made = [await videos.create(f"clip {number}") for number in range(4)]
        made.append(await videos.create("a fox [[sim:video_fail:1]]"))
        for video in made:
            await videos.watch(video.id)
        first = await videos.page(page_size=2)
        # A job that comes between two pages shifts nothing.
        await videos.create("later")
        second = await videos.page(page_size=2, page_token=first.next_page_token)
        third = await videos.page(page_size=2, page_token=second.next_page_token)
        broken = await videos.page(states=[pb.VIDEO_STATE_FAILED])
        wrong = [await failed(videos.page(**request)) for request in ({"page_size": 101}, {"page_token": "x"})]

    pages = [[video.id for video in page.videos] for page in (first, second, third)]
    assert [id_ for page in pages for id_ in page] == [video.id for video in reversed(made)]
    assert (list(map(len, pages)), third.next_page_token) == ([2, 2, 1], "")
    assert [video.id for video in broken.videos] == [made[-1].id]
    assert wrong == [(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")] * 2


@pytest.mark.asyncio
async def test_a_running_job_cannot_be_stopped_and_a_finished_one_stays_as_it_is() -> None:
    async with open_house(**FAST) as house:
        videos = Videos(house.channel)
        running, made = await videos.create("a fox [[sim:video_odd]]"), await videos.create()
        [*_, last] = await videos.watch(made.id)
        refused, same = await failed(videos.cancel(running.id)), await videos.cancel(made.id)

    assert refused == (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED")
    assert same == last


@pytest.mark.asyncio
async def test_a_deleted_job_is_gone_and_its_watchers_hear_it() -> None:
    async with open_house(**SLOW) as house:
        videos = Videos(house.channel)
        made = await videos.create()
        request = pb.WatchVideoRequest(video_id=made.id)
        watching = videos.stub.WatchVideo(request, metadata=videos.metadata)
        await watching.read()
        await videos.delete(made.id)
        await videos.delete(made.id, allow_missing=True)
        missing = await failed(videos.delete(made.id))
        heard = await failed(_rest_of(watching))

    assert missing == heard == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def _rest_of(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        ({"prompt": " "}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")),
        ({"prompt": "x" * 32_001}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")),
        ({"size": "1920x1080"}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")),
        ({"seconds": 0.0}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")),
        ({"seed": -1}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")),
        ({"request_id": "x" * 256}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER")),
        (
            {"images": [Media(data=b"x" * 99, mime_type="audio/wav")]},
            (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER"),
        ),
        (
            {"images": [Media(data=PNG, mime_type="image/png")] * 2},
            (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PARAMETER"),
        ),
        ({"model": "qwen-9"}, (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")),
        ({"model": "qwen-max-thinking"}, (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_a_wrong_order_is_refused_and_leaves_no_job(request_: dict[str, Any], outcome: Any) -> None:
    async with open_house(**SLOW) as house:
        videos = Videos(house.channel)
        refused = await failed(videos.create(**request_))
        listed, orders = await videos.page(), submissions(house)

    assert (refused, list(listed.videos), orders) == (outcome, [], [])


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ["", "qwen-plus-video", "qwen-plus"])
async def test_the_model_may_be_left_open_or_named_by_its_variant(model: str) -> None:
    async with open_house(**SLOW) as house:
        made = await Videos(house.channel).create(model=model)
        asked = await house.complete("hi", model="qwen-plus-video")

    assert made.model == MODEL
    assert (asked.status_code, asked.json()["error"]["param"]) == (400, "model")


@pytest.mark.asyncio
async def test_a_caller_that_leaves_does_not_stop_its_order() -> None:
    async with open_house(**FAST) as house:
        videos = Videos(house.channel)
        request = pb.CreateVideoRequest(prompt="a fox", model=MODEL, request_id=UUID)
        call = videos.stub.CreateVideo(request, metadata=videos.metadata)
        await until(lambda: calls(house.simulator, "/api/v1/auths/"))
        await until(lambda: house.simulator.tasks or call.done() or calls(house.simulator, "/api/v2/chats/new"))
        call.cancel()
        await until(lambda: house.simulator.tasks)
        made = await videos.create("a fox", request_id=UUID)
        [*_, last] = await videos.watch(made.id)

    assert (names([last]), len(house.simulator.tasks)) == (["SUCCEEDED"], 1)


@pytest.mark.asyncio
async def test_a_ledger_that_cannot_be_written_refuses_jobs_and_nothing_else() -> None:
    async with open_house(qwen_ledger="/dev/null/ledger.sqlite3", **SLOW) as house:
        videos = Videos(house.channel)
        refused = [await failed(videos.create()), await failed(videos.page()), await failed(videos.get("video_1"))]
        chat = await house.complete("hello")
        orders = submissions(house)

    assert refused == [(grpc.StatusCode.UNAVAILABLE, "STATE_STORE_UNAVAILABLE")] * 3
    assert (chat.status_code, orders) == (200, [])


@pytest.mark.asyncio
async def test_a_session_that_ends_makes_the_job_wait_for_its_owner() -> None:
    async with open_house(**FAST) as house:
        credential = session(refresh=False)
        videos = Videos(house.channel, credential)
        made = await videos.create("a fox [[sim:video_slow:3]]")
        house.simulator.behaviour.change({"revoked_tokens": [credential.token]})
        broken = await failed(videos.watch(made.id))
        fresh = Videos(house.channel, session())
        waiting = await fresh.get(made.id)
        [*_, last] = await fresh.watch(made.id)

    assert broken == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_EXPIRED")
    assert names([waiting, last]) == ["WAITING_FOR_OWNER", "SUCCEEDED"]


@pytest.mark.asyncio
async def test_every_call_needs_a_credential() -> None:
    async with open_house(**SLOW) as house:
        videos = Videos(house.channel)
        videos.metadata = ()
        outcomes = [
            await failed(call)
            for call in (videos.create(), videos.get("v"), videos.watch("v"), videos.page(), videos.cancel("v"))
        ]
    assert outcomes == [(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")] * 5
    assert uuid.UUID(UUID).version == 4
