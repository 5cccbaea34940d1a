"""Videos over REST: OpenAI's job API, and the form that waits."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from support import House, bearer, open_house, session
from upstream_record import sent
from video_calls import FAST, MODEL, PNG, SLOW, Videos, finished, names

from qwen_grpc.simulator import Behaviour

KEYS = {
    "id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt", "size",
    "seconds", "remixed_from_video_id", "error",
}  # fmt: skip


async def post(house: House, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await house.http.post(path, json={"model": MODEL, **body}, headers=bearer() | headers)


async def get(house: House, path: str, **headers: str) -> httpx.Response:
    return await house.http.get(path, headers=bearer() | headers)


def error_of(reply: httpx.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


def orders(house: House) -> int:
    return len([body for body in sent(house.simulator) if body["stream"] is False])


@pytest.mark.asyncio
async def test_a_job_is_made_looked_at_and_deleted() -> None:
    async with open_house(**FAST) as house:
        made = await post(house, "/v1/videos", {"prompt": "a fox", "size": "1280x720", "seconds": "4"})
        path = f"/v1/videos/{made.json()['id']}"
        await Videos(house.channel).watch(made.json()["id"])
        found = await get(house, path)
        deleted = await house.http.delete(path, headers=bearer())
        gone = await get(house, path)

    first, last = made.json(), found.json()
    assert first.keys() - {"revision"} == KEYS
    assert {name: first[name] for name in ("object", "model", "status", "prompt", "size", "completed_at", "error")} == {
        "object": "video",
        "model": MODEL,
        "status": "queued",
        "prompt": "a fox",
        "size": "1280x720",
        "completed_at": None,
        "error": None,
    }
    assert (last["status"], last["progress"], last["completed_at"] >= last["created_at"]) == ("completed", 100, True)
    assert ("openai-poll-after-ms" in made.headers, "openai-poll-after-ms" in found.headers) == (True, False)
    assert deleted.json() == {"id": first["id"], "object": "video.deleted", "deleted": True}
    assert error_of(gone) == (404, "not_found", None)


@pytest.mark.asyncio
async def test_a_form_may_bring_a_picture() -> None:
    async with open_house(**FAST) as house:
        files = {"input_reference": ("fox.png", PNG, "image/png")}
        form = {"prompt": "a fox", "model": MODEL, "seconds": "4", "size": "720x1280"}
        made = await house.http.post("/v1/videos", data=form, files=files, headers=bearer())
        [*_, last] = await Videos(house.channel).watch(made.json()["id"])
        [task] = house.simulator.tasks.values()

    assert (made.status_code, names([last]), task.kind, task.size) == (200, ["SUCCEEDED"], "i2v", "9:16")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, (400, "missing_required_parameter", "prompt")),
        ({"prompt": 5}, (400, "invalid_type", "prompt")),
        ({"prompt": "a", "seconds": "long"}, (400, "invalid_value", "seconds")),
        ({"prompt": "a", "size": "2:1"}, (400, "invalid_parameter", "size")),
        ({"prompt": "a", "input_reference": "cat"}, (400, "invalid_value", "input_reference")),
        ({"prompt": "a", "input_reference": {"file_id": "file-0"}}, (404, "not_found", "input_reference")),
        (
            {"prompt": "a", "input_reference": {"image_url": "http://example.org/a.png"}},
            (400, "invalid_image_url", "input_reference"),
        ),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
async def test_a_wrong_order_names_its_member(body: dict[str, Any], wrong: Any) -> None:
    async with open_house(**SLOW) as house:
        jobs, waiting = await post(house, "/v1/videos", body), await post(house, "/v1/videos/generations", body)
        assert (error_of(jobs), error_of(waiting), orders(house)) == (wrong, wrong, 0)


@pytest.mark.asyncio
async def test_an_idempotency_key_gives_the_same_job() -> None:
    async with open_house(**SLOW) as house:
        key = {"idempotency-key": "retry-1"}
        replies = await asyncio.gather(*(post(house, "/v1/videos", {"prompt": "a fox"}, **key) for _ in range(5)))
        other = await post(house, "/v1/videos", {"prompt": "a cat"}, **key)
        count = orders(house)

    assert len({reply.json()["id"] for reply in replies}) == 1
    assert (error_of(other), count) == ((422, "idempotency_key_reused", None), 1)


@pytest.mark.asyncio
async def test_lists_go_either_way_and_page_by_page() -> None:
    async with open_house(**SLOW) as house:
        ids = [(await post(house, "/v1/videos", {"prompt": f"clip {n}"})).json()["id"] for n in range(3)]
        newest = (await get(house, "/v1/videos?limit=2")).json()
        older = (await get(house, f"/v1/videos?limit=2&after={newest['last_id']}")).json()
        oldest = (await get(house, "/v1/videos?limit=2&order=asc")).json()
        rest = (await get(house, f"/v1/videos?order=asc&after={oldest['last_id']}")).json()
        theirs = await house.http.get("/v1/videos", headers=bearer(session("00000000-0000-4000-8000-000000000002")))
        wrong = [error_of(await get(house, f"/v1/videos?{q}")) for q in ("limit=0", "limit=x", "order=up", "after=v")]

    assert [[video["id"] for video in page["data"]] for page in (newest, older, oldest, rest)] == [
        [ids[2], ids[1]],
        [ids[0]],
        [ids[0], ids[1]],
        [ids[2]],
    ]
    assert [page["has_more"] for page in (newest, older, oldest, rest)] == [True, False, True, False]
    assert (newest["object"], newest["first_id"], newest["last_id"]) == ("list", ids[2], ids[1])
    assert theirs.json() == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert [status for status, _, _ in wrong] == [400] * 4


@pytest.mark.asyncio
async def test_content_comes_whole_or_in_ranges() -> None:
    async with open_house(Behaviour(video_bytes=200_000), **FAST) as house:
        path = f"/v1/videos/{(await finished(house))['id']}/content"
        whole = await get(house, path)
        tag = whole.headers["etag"]
        parts = [await get(house, path, range=value) for value in ("bytes=0-9", "bytes=199990-", "bytes=-4")]
        same = await get(house, path, range="bytes=5-6", **{"if-range": tag})
        changed = await get(house, path, range="bytes=5-6", **{"if-range": '"other"'})
        several = await get(house, path, range="bytes=0-1,5-6")
        behind = await get(house, path, range="bytes=200000-")
        variant = await get(house, f"{path}?variant=thumbnail")

    content = whole.content
    assert (whole.status_code, len(content), whole.headers["content-type"]) == (200, 200_000, "video/mp4")
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", "200000")
    assert [(part.status_code, part.content, part.headers["content-range"]) for part in parts] == [
        (206, content[:10], "bytes 0-9/200000"),
        (206, content[-10:], "bytes 199990-199999/200000"),
        (206, content[-4:], "bytes 199996-199999/200000"),
    ]
    assert {part.headers["etag"] for part in parts} == {tag}
    assert (same.status_code, same.content) == (206, content[5:7])
    assert [(reply.status_code, len(reply.content)) for reply in (changed, several)] == [(200, 200_000)] * 2
    assert (behind.status_code, behind.headers["content-range"]) == (416, "bytes */200000")
    assert error_of(variant) == (400, "unsupported_parameter", "variant")


@pytest.mark.asyncio
async def test_content_that_breaks_off_is_seen_to_break_off() -> None:
    async with open_house(Behaviour(video_bytes=300_000, output_cut_bytes=100_000), **FAST) as house:
        path = f"/v1/videos/{(await finished(house))['id']}/content"
        kept = bytearray()
        async with house.http.stream("GET", path, headers=bearer()) as reply:
            with pytest.raises(httpx.RemoteProtocolError):
                await _read_into(kept, reply)
        house.simulator.behaviour.change({"output_cut_bytes": 0})
        rest = await get(house, path, range=f"bytes={len(kept)}-", **{"if-range": reply.headers["etag"]})

    assert (reply.status_code, rest.status_code, len(kept) + len(rest.content)) == (200, 206, 300_000)


async def _read_into(kept: bytearray, reply: httpx.Response) -> None:
    async for chunk in reply.aiter_raw():
        kept += chunk


@pytest.mark.asyncio
async def test_expired_content_is_gone() -> None:
    async with open_house(Behaviour(output_key_ttl_s=-10), **FAST) as house:
        video = await finished(house)
        gone = [await get(house, f"/v1/videos/{video['id']}/content") for _ in range(2)]
        after = await get(house, f"/v1/videos/{video['id']}")

    assert [error_of(reply) for reply in gone] == [(410, "job_expired", None)] * 2
    assert (after.json()["status"], after.json()["error"]["code"]) == ("failed", "JOB_EXPIRED")


# -- the form that waits ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_waiting_answers_with_the_address() -> None:
    async with open_house(**FAST) as house:
        reply = await post(house, "/v1/videos/generations", {"prompt": "a fox", "n": 1})
        content = await house.http.get(reply.json()["data"][0]["url"])

    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json().keys() == {"created", "data"}
    assert [list(item) for item in reply.json()["data"]] == [["url"]]
    assert len(content.content) == 100_000


@pytest.mark.asyncio
async def test_waiting_is_not_silent_and_its_white_space_is_json() -> None:
    async with open_house(shim={"early_headers": 0.05, "heartbeat": 0.05}, qwen_video_poll=0.3) as house:
        body = {"model": MODEL, "prompt": "a fox"}
        async with house.http.stream("POST", "/v1/videos/generations", json=body, headers=bearer()) as reply:
            running = house.simulator.tasks and next(iter(house.simulator.tasks.values())).polls < 3
            text = b"".join([chunk async for chunk in reply.aiter_raw()])

    beats = text[: text.index(b"{")]
    assert (reply.status_code, reply.headers["content-type"], running) == (200, "application/json", True)
    assert (set(beats), len(beats) >= 3) == (set(b"\n"), True)
    assert len(json.loads(text)["data"]) == 1


@pytest.mark.asyncio
async def test_an_early_failure_is_a_status_and_a_late_one_an_error_in_the_body() -> None:
    body = {"prompt": "a fox [[sim:video_fail:1]]"}
    async with open_house(**FAST) as house:
        early = await post(house, "/v1/videos/generations", body)
    async with open_house(shim={"early_headers": 0.01, "heartbeat": 0.05}, qwen_video_poll=0.3) as house:
        late = await post(house, "/v1/videos/generations", body)

    assert (early.status_code, early.headers["x-should-retry"], late.status_code) == (502, "false", 200)
    assert early.json() == late.json()
    assert early.json()["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.asyncio
async def test_a_client_that_leaves_ends_the_watching_and_not_the_job() -> None:
    async with open_house(shim={"early_headers": 0.01, "heartbeat": 0.05}, qwen_video_poll=0.1) as house:
        body = {"model": MODEL, "prompt": "a fox [[sim:video_slow:5]]"}
        async with house.http.stream("POST", "/v1/videos/generations", json=body, headers=bearer()) as reply:
            await anext(reply.aiter_raw())
        assert house.gateway.rest is not None
        await house.gateway.rest.running.idle(5)
        [job] = (await Videos(house.channel).page()).videos
        [*_, last] = await Videos(house.channel).watch(job.id)

    assert (names([job]), names([last])) == (["RUNNING"], ["SUCCEEDED"])


@pytest.mark.asyncio
async def test_not_to_wait_gives_the_job() -> None:
    async with open_house(**SLOW) as house:
        reply = await post(house, "/v1/videos/generations", {"prompt": "a fox", "wait": False})
        job = await get(house, f"/v1/videos/{reply.json()['id']}")
        wrong = [
            error_of(await post(house, "/v1/videos/generations", {"prompt": "a", **more}))
            for more in ({"wait": "no"}, {"n": 2})
        ]

    assert (reply.json()["object"], job.json()["id"]) == ("video", reply.json()["id"])
    assert wrong == [(400, "invalid_type", "wait"), (400, "invalid_value", "n")]


@pytest.mark.asyncio
async def test_waiting_may_begin_with_a_picture_and_be_asked_twice() -> None:
    async with open_house(**FAST) as house:
        picture = "data:image/png;base64," + base64.b64encode(PNG).decode()
        body = {"prompt": "a fox", "image": picture}
        key = {"idempotency-key": "once"}
        replies = [await post(house, "/v1/videos/generations", body, **key) for _ in range(2)]
        [task] = house.simulator.tasks.values()

    assert (replies[0].json(), task.kind) == (replies[1].json(), "i2v")
