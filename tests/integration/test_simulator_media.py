import json
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from media_caller import deltas, make, poll, stored, submit, url_of
from simulator_caller import MODEL, calling, numbered, outline, verdict

from qwen_grpc.simulator import Behaviour, make_token
from qwen_grpc.simulator.images_script import IMAGE_SCENARIOS, PUNISH
from qwen_grpc.simulator.renderings import PICTURE_HW
from qwen_grpc.simulator.videos import VIDEO_SCENARIOS

UPPER_LIMIT = "RateLimited: You've reached the upper limit for today's usage."
BROKEN = "internal_error: Internal Error"


@pytest_asyncio.fixture
async def stranger() -> AsyncIterator[httpx.AsyncClient]:
    """A client without a session, as whoever downloads a result should be."""
    async with httpx.AsyncClient() as client:
        yield client


@pytest.mark.asyncio
async def test_a_picture_is_an_address_in_its_own_phase_and_is_stored() -> None:
    async with calling(new_id=numbered()) as caller:
        reply = await make(caller, "a fox", "t2i")
        answer = await stored(caller)

    shown, last = deltas(reply)
    path = f"{caller.simulator.url}/output/user-1/t2i/id-1/69388a47-b3c4-5037-a4b8-543b9b1aca6d.png?key="
    assert {**shown, "content": shown["content"][: len(path)]} == {
        "role": "assistant",
        "content": path,
        "phase": "image_gen",
        "status": "typing",
        "extra": {"output_image_hw": [[1536, 2688]], "seed": 123456789},
    }
    assert last == {"content": "", "role": "assistant", "status": "finished", "phase": "image_gen"}
    assert [(part["phase"], part["content"]) for part in answer["content_list"]] == [("image_gen", shown["content"])]


PICTURE = "<picture>"
# What each scenario says, with the picture's address masked, and what the stored answer keeps.
IMAGES: dict[str, tuple[list[str], list[str]]] = {
    "image": ([f"image_gen:typing:{PICTURE}", "image_gen:finished:"], [PICTURE]),
    "image_edit": ([f"image_edit:typing:{PICTURE}", "image_edit:finished:"], [PICTURE]),
    "image_echo": (
        ["image_edit:typing:<sent>", f"image_edit:typing:{PICTURE}", "image_edit:finished:"],
        [PICTURE],
    ),
    "image_edit_tool": (["image_edit_tool:typing:", "image_edit_tool:finished:"], [""]),
    "image_no_url": (["image_gen:finished:"], [PICTURE]),
    "image_never": (["image_gen:finished:"], [""]),
    "image_punish": ([f"image_gen:typing:{PUNISH}", "image_gen:finished:"], [PUNISH]),
    "image_answered": ([f"image_gen:typing:{PICTURE}", "image_gen:finished:", "answer:finished:"], [PICTURE, ""]),
    "image_tool": (
        ["image_gen_tool:typing:", "image_gen_tool:finished:", "answer:typing:Here it is: ", "answer:typing:a fox"],
        ["", "Here it is: a fox"],
    ),
}
IMAGES["image_tool_relative"] = IMAGES["image_tool"]


def test_every_image_scenario_has_a_test() -> None:
    assert set(IMAGES) == set(IMAGE_SCENARIOS)


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", IMAGES)
async def test_every_image_scenario_says_and_stores_what_it_should(scenario: str) -> None:
    async with calling() as caller:
        sent = url_of(await make(caller, "a cat", "t2i"))
        files = [{"type": "image", "url": sent}]
        reply = await make(caller, f"a fox [[sim:{scenario}]]", "image_edit", files=files)
        answer = await stored(caller)

    def masked(text: str) -> str:
        start = text.find(f"{caller.simulator.url}/output/user-1/image_edit/")
        return text.replace(sent, "<sent>") if start < 0 else f"{text[:start]}{PICTURE}"

    said, kept = IMAGES[scenario]
    seen = [masked(line) for line in outline(reply.content)]
    assert seen[0] == "created"
    assert seen[1 : len(said) + 1] == said
    assert [masked(part["content"]) for part in answer["content_list"]] == kept


@pytest.mark.asyncio
async def test_the_tool_names_its_picture_in_a_list_and_by_a_path_below_the_chat(stranger: httpx.AsyncClient) -> None:
    async with calling() as caller:
        both = deltas(await make(caller, "a fox [[sim:image_tool]]", "t2t", size=None))[1]["extra"]
        relative = deltas(await make(caller, "a fox [[sim:image_tool_relative]]", "t2t", size=None))[1]["extra"]
        edited = deltas(await make(caller, "a fox [[sim:image_edit_tool]]", "t2t", size=None))[0]["extra"]
        [*_, chat_id, _] = caller.simulator.chats
        below = f"{caller.simulator.url}/api/v2/chat/{chat_id}/{relative['tool_result'][0]['image']}"
        picture, refused = await caller.http.get(below), await stranger.get(below)
        foreign = await caller.http.get(below, headers={"authorization": f"Bearer {make_token('user-2')}"})
        whole = [item["image"] for item in (both["image_list"][0], json.loads(edited["image_list"])[0])]
        fetched = [(await stranger.get(url)).content[:4] for url in whole]

    assert (list(both), list(relative)) == (["image_list", "tool_result"], ["tool_result"])
    assert (picture.content[:4], fetched) == (b"\x89PNG", [b"\x89PNG"] * 2)
    assert [reply.json()["data"]["code"] for reply in (refused, foreign)] == ["Unauthorized", "Not_Found"]


@pytest.mark.asyncio
@pytest.mark.parametrize("ratio", [*PICTURE_HW, None])
async def test_a_picture_is_a_valid_png_in_the_pixels_of_its_ratio(
    ratio: str | None, stranger: httpx.AsyncClient
) -> None:
    async with calling() as caller:
        reply = await make(caller, "a fox", "t2i", size=ratio)
        picture = await stranger.get(url_of(reply))

    chunks, rest = [], picture.content[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, body, crc = rest[4:8], rest[8 : 8 + length], rest[8 + length : 12 + length]
        assert struct.unpack(">I", crc) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        rest = rest[12 + length :]
    width, height = struct.unpack(">II", chunks[0][1][:8])
    assert [kind for kind, _ in chunks] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert [[height, width]] == deltas(reply)[0]["extra"]["output_image_hw"] == [list(PICTURE_HW[ratio or "1:1"])]
    assert len(zlib.decompress(chunks[2][1])) == height * (1 + (width + 7) // 8)
    assert len(picture.content) < 4096


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "a size in pixels": ("t2i", {"size": "1024x1024"}),
    "a picture without a stream": ("t2i", {"stream": False}),
    "an edit without a picture": ("image_edit", {}),
    "a video as a stream": ("t2v", {"stream": True}),
    "a video without its second marker": ("t2v", {"message": {"sub_chat_type": "t2t"}}),
    "a video without its third marker": ("t2v", {"message": {"extra": {"meta": {"size": "16:9"}}}}),
    "a video without markers in extra": ("t2v", {"message": {"extra": {"meta": "t2v"}}}),
    "a video without a size": ("t2v", {"size": None}),
    "a video of two sizes": ("t2v", {"message": {"extra": {"meta": {"subChatType": "t2v", "size": "1:1"}}}}),
    "a video from no picture": ("i2v", {}),
    "a video from a foreign picture": ("i2v", {"files": [{"type": "image", "url": "https://example.org/cat.png"}]}),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", WRONG)
async def test_a_combination_that_the_site_does_not_know_is_an_internal_error(case: str) -> None:
    kind, changes = WRONG[case]
    async with calling() as caller:
        reply = await make(caller, "a fox", kind, **changes)

        assert (verdict(reply), caller.simulator.tasks) == (BROKEN, {})


@pytest.mark.asyncio
async def test_a_video_is_a_task_that_runs_for_two_polls(stranger: httpx.AsyncClient) -> None:
    async with calling(new_id=numbered()) as caller:
        submitted = (await make(caller, "a fox", "t2v")).json()["data"]
        begun = await stored(caller)
        polls = [(await poll(caller, "id-4")).json()["data"] for _ in range(3)]
        film = await stranger.get(polls[2]["content"])
        done = await stored(caller)
        [task] = caller.simulator.tasks.values()
        record = (await caller.http.get("/_sim/record")).json()["tasks"]

    told = {"role": "assistant", "content": "", "extra": {"wanx": {"task_id": "id-4"}}, "done": False, "size": "16:9"}
    ids = {"chat_id": "id-1", "chat_type": "t2v", "parent_id": "id-2", "message_id": "id-3"}
    running = {"chat_type": "t2v", "task_status": "running", "message": "", "content": "", "remaining_time": ""}
    assert submitted == {**ids, "messages": [told]}
    assert polls[:2] == [{**running, "sub_chat_type": None, "duration": None}] * 2
    assert {**polls[2], "content": ""} == {**polls[0], "task_status": "success"}
    assert polls[2]["content"].startswith(f"{caller.simulator.url}/output/user-1/t2v/id-1/id-4.mp4?key=")
    assert (film.headers["content-type"], len(film.content)) == ("video/mp4", 100_000)
    assert (begun["done"], begun["extra"], begun["content_list"]) == (False, {"wanx": {"task_id": "id-4"}}, [])
    assert (done["done"], done["content_list"][0]["content"]) == (True, polls[2]["content"])
    assert (task.polls, len(task.polled_at), task.polled_at == sorted(task.polled_at)) == (3, 3, True)
    assert [(row["id"], row["kind"], row["size"], row["polls"]) for row in record] == [("id-4", "t2v", "16:9", 3)]


FAILURE = "failed The video could not be made. Please try again."
LIVES = {
    "video": ["running", "running", "success <video>", "success <video>"],
    "video:1": ["running", "success <video>"],
    "video_slow:4": ["running"] * 4 + ["success <video>"],
    "video_fail": ["running", "running", FAILURE, FAILURE],
    "video_unknown_status": ["levitating", "levitating", "success <video>"],
    "video_odd": ["levitating"] * 4,
    "video_no_url": ["running", "running", "success"],
    "video_gone": ["running", "Not_Found: Task not found", "Not_Found: Task not found"],
    "video_flaky": ["HTTP 502", "success <video>"],
}


def test_every_video_scenario_has_a_test() -> None:
    assert {name.partition(":")[0] for name in LIVES} | {"video_no_task"} == set(VIDEO_SCENARIOS)


def found_by(reply: httpx.Response) -> str:
    if reply.status_code != 200:
        return f"HTTP {reply.status_code}"
    told = reply.json().get("data", reply.json())
    if "code" in told:
        return verdict(reply)
    words = (told["task_status"], told["message"], "<video>" if ".mp4?key=" in told["content"] else told["content"])
    return " ".join(word for word in words if word)


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/api/v2/task/status/", "/api/v1/tasks/status/"])
@pytest.mark.parametrize("scenario", LIVES)
async def test_every_video_lives_its_life_on_the_routes_of_both_eras(scenario: str, path: str) -> None:
    async with calling() as caller:
        task_id = await submit(caller, f"a fox [[sim:{scenario}]]")
        seen = [found_by(await poll(caller, task_id, path)) for _ in LIVES[scenario]]

    assert seen == LIVES[scenario]


@pytest.mark.asyncio
async def test_the_older_status_is_flat() -> None:
    async with calling() as caller:
        reply = await poll(caller, await submit(caller), "/api/v1/tasks/status/")

    assert reply.json() == {"task_status": "running", "message": "", "content": ""}


@pytest.mark.asyncio
async def test_a_video_can_be_accepted_without_a_task_id() -> None:
    async with calling() as caller:
        reply = await make(caller, "a fox [[sim:video_no_task]]", "t2v")

    assert [message["extra"] for message in reply.json()["data"]["messages"]] == [{}]


@pytest.mark.asyncio
async def test_a_task_is_seen_by_its_owner_only() -> None:
    async with calling() as caller:
        task_id = await submit(caller)
        unknown = await poll(caller, "nobody")
        caller.http.headers["authorization"] = f"Bearer {make_token('user-2')}"
        foreign = await poll(caller, task_id)
        caller.http.headers["authorization"] = ""
        nobody = await poll(caller, task_id)

        assert [verdict(reply) for reply in (unknown, foreign)] == ["Not_Found: Task not found"] * 2
        assert [reply.headers["x-actual-status-code"] for reply in (unknown, nobody)] == ["404", "401"]
        assert caller.simulator.tasks[task_id].polls == 0


@pytest.mark.asyncio
async def test_both_kinds_of_video_share_a_quota_that_pictures_and_texts_do_not_touch() -> None:
    async with calling(Behaviour(quota={"t2v": 2, "t2i": 1, MODEL: 1})) as caller:
        made = await make(caller, "a fox", "t2i")
        files = [{"type": "image", "url": url_of(made)}]
        replies = [await make(caller, "a fox", kind, files=files) for kind in ("t2v", "i2v", "t2v", "i2v", "t2i")]
        text = await caller.ask("hi")
        asked = {"features": ["t2v", "t2i"]}
        left = (await caller.http.post("/api/v2/users/user/entitlement_quota", json=asked)).json()["data"]

    assert [verdict(reply) for reply in (*replies, text)] == [
        "success",
        "success",
        UPPER_LIMIT,
        UPPER_LIMIT,
        UPPER_LIMIT,
        "stream",
    ]
    assert [task.kind for task in caller.simulator.tasks.values()] == ["t2v", "i2v"]
    assert {name: left[name]["times_left"] for name in asked["features"]} == {"t2v": 0, "t2i": 0}
    assert set(left) == {"user_tier", "model", "t2v", "t2i"}


@pytest.mark.asyncio
async def test_refusals_meet_videos_too_and_a_text_scenario_does_not_fit_one() -> None:
    async with calling() as caller:
        challenged = await make(caller, "a fox [[sim:html_challenge]]", "t2v")
        unfit = await make(caller, "a fox [[sim:plain]]", "t2v")

    known = ", ".join(sorted(VIDEO_SCENARIOS))
    assert verdict(challenged) == "html challenge"
    assert verdict(unfit).startswith("Bad_Request: unknown scenario 'plain': expected one of ")
    assert all(name in verdict(unfit) for name in known.split(", "))
