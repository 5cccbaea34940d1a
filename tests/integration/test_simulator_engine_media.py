import base64
import struct
from typing import Any

import httpx
import pytest
from engine_caller import EngineCaller, engines

MAKERS = ("vllm", "sglang", "generic")
PICTURE = ("cat.png", b"\x89PNG\r\n\x1a\n", "image/png")


async def draw(caller: EngineCaller, engine: str, **body: Any) -> httpx.Response:
    asked = {"prompt": "a cat", "response_format": "b64_json", "size": "64x32", **body}
    return await caller.post(f"{engine}/v1/images/generations", json=asked)


async def film(caller: EngineCaller, engine: str, prompt: str = "a cat", **fields: Any) -> dict[str, Any]:
    """A video that is handed in as the SDKs do: as a form, even without a file."""
    reply = await caller.post(f"{engine}/v1/videos", data={"prompt": prompt, **fields}, files={"none": b""})
    assert reply.status_code == 200, reply.text
    job: dict[str, Any] = reply.json()
    return job


def pixels(row: dict[str, Any]) -> tuple[int, int]:
    """Width and height of a picture."""
    content = base64.b64decode(row["b64_json"])
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", MAKERS)
async def test_pictures_are_real_and_all_different(engine: str) -> None:
    async with engines() as caller:
        reply = (await draw(caller, engine, n=3)).json()

    assert [pixels(row) for row in reply["data"]] == [(64, 32)] * 3
    assert len({row["b64_json"] for row in reply["data"]}) == 3
    assert caller.memory.pictures == {engine: 3}


@pytest.mark.asyncio
async def test_sglang_keeps_a_picture_to_itself_and_vllm_refuses_unless_asked_for_the_content() -> None:
    async with engines() as caller:
        sglang = (await caller.post("sglang/v1/images/generations", json={"prompt": "a cat"})).json()
        vllm = await draw(caller, "vllm", response_format="url")

    [row] = sglang["data"]
    assert (row["b64_json"], row["url"], row["file_path"].endswith(".png")) == (None, None, True)
    assert (vllm.status_code, vllm.json()["error"]["param"]) == (400, "response_format")


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", MAKERS)
@pytest.mark.parametrize("field", ["image", "image[]"])
async def test_edits_take_pictures_as_files_of_a_form(engine: str, field: str) -> None:
    fields = {"prompt": "more cats", "n": "2", "size": "32x32", "response_format": "b64_json"}
    async with engines() as caller:
        edited = await caller.post(f"{engine}/v1/images/edits", data=fields, files=[(field, PICTURE)])
        bare = await caller.post(f"{engine}/v1/images/edits", data=fields, files={"none": b""})
        arrived = caller.simulator.requests[0]

    assert [pixels(row) for row in edited.json()["data"]] == [(32, 32), (32, 32)]
    assert bare.status_code == 400
    assert b'filename="cat.png"' in arrived.body


WRONG: dict[str, dict[str, Any]] = {
    "no prompt": {"prompt": ""},
    "a ratio for a size": {"size": "16:9"},
    "too many": {"n": 11},
    "none": {"n": 0},
    "words for a number": {"n": "many"},
    "a chat model": {"model": "Qwen/Qwen3-8B"},
}


@pytest.mark.asyncio
@pytest.mark.parametrize("what", WRONG)
async def test_no_pictures_with(what: str) -> None:
    async with engines() as caller:
        replies = [await draw(caller, engine, **WRONG[what]) for engine in MAKERS]

    assert {reply.status_code for reply in replies} == {400}
    assert not caller.memory.pictures


@pytest.mark.asyncio
async def test_lists_of_pictures_may_be_wrong() -> None:
    async with engines() as caller:
        none = (await draw(caller, "vllm", prompt="a cat [[sim:no_pictures]]")).json()
        few = (await draw(caller, "vllm", prompt="a cat [[sim:too_few]]", n=2)).json()
        urls = (await draw(caller, "vllm", prompt="a cat [[sim:only_urls]]")).json()
        broken = await draw(caller, "vllm", prompt="a cat [[sim:overloaded]]")

    assert (none["data"], len(few["data"]), list(urls["data"][0])) == ([], 1, ["url"])
    assert broken.status_code == 503


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ["ollama", "llamacpp"])
@pytest.mark.parametrize("path", ["images/generations", "images/edits", "videos"])
async def test_engines_of_texts_make_no_media(engine: str, path: str) -> None:
    async with engines() as caller:
        reply = await caller.post(f"{engine}/v1/{path}", json={"prompt": "a cat"})

    assert reply.status_code == 404


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", MAKERS)
async def test_a_video_waits_is_made_and_can_be_fetched_in_parts(engine: str) -> None:
    async with engines() as caller:
        job = await film(caller, engine, seconds="5", size="64x64")
        path = f"{engine}/v1/videos/{job['id']}"
        early = await caller.get(f"{path}/content")
        seen = [(await caller.get(path)).json() for _ in range(3)]
        whole = await caller.get(f"{path}/content")
        part = await caller.http.get(f"/engine/{path}/content", headers={"range": "bytes=4-7"})

    assert (job["object"], job["status"], job["seconds"], job["size"]) == ("video", "queued", "5", "64x64")
    assert [(one["status"], one["progress"]) for one in seen] == [
        ("queued", 0),
        ("in_progress", 50),
        ("completed", 100),
    ]
    assert (early.status_code, whole.headers["content-type"]) == (404, "video/mp4")
    assert (len(whole.content), whole.content[4:8], part.status_code, part.content) == (100_000, b"ftyp", 206, b"ftyp")


@pytest.mark.asyncio
async def test_jobs_have_the_form_of_their_engine() -> None:
    async with engines(new_id=lambda: "id-1", now=lambda: 1000) as caller:
        jobs = {engine: await film(caller, engine) for engine in MAKERS}

    common = {"object", "model", "status", "progress", "size", "seconds", "error", "created_at", "completed_at"}
    common |= {"id", "expires_at", "remixed_from_video_id"}
    assert [job["id"] for job in jobs.values()] == ["video_gen_id1", "id1", "video_id1"]
    assert set(jobs["generic"]) == {*common, "prompt"}
    assert set(jobs["sglang"]) - common == {"quality", "url", "file_path", "peak_memory_mb", "inference_time_s"}
    assert set(jobs["vllm"]) - common == {
        "prompt", "quality", "media_type", "file_name", "inference_time_s", "stage_durations", "peak_memory_mb",
    }  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", MAKERS)
async def test_a_video_that_is_removed_is_gone(engine: str) -> None:
    async with engines() as caller:
        job = await film(caller, engine)
        path = f"{engine}/v1/videos/{job['id']}"
        removed = (await caller.http.delete(f"/engine/{path}")).json()
        after = await caller.get(path)
        again = await caller.http.delete(f"/engine/{path}")

    assert (removed.get("deleted"), removed.get("status")) == (
        (None, "deleted") if engine == "sglang" else (True, None)
    )
    assert (after.status_code, again.status_code) == (404, 404)
    assert ("detail" in after.json()) == (engine == "sglang")


@pytest.mark.asyncio
async def test_a_video_can_begin_with_a_picture_or_come_as_json() -> None:
    async with engines() as caller:
        form = await caller.post("sglang/v1/videos", data={"prompt": "walk"}, files={"input_reference": PICTURE})
        plain = await caller.post("sglang/v1/videos", json={"prompt": "run", "seconds": 6, "fps": 24})
        clips = list(caller.memory.clips.values())

    assert (form.status_code, plain.json()["seconds"]) == (200, "6")
    assert [(clip.prompt, clip.picture) for clip in clips] == [("walk", "cat.png"), ("run", "")]


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", MAKERS)
async def test_an_engine_lists_its_own_videos_newest_first(engine: str) -> None:
    async with engines() as caller:
        ids = [(await film(caller, engine))["id"] for _ in range(3)]
        await film(caller, "vllm" if engine != "vllm" else "sglang")
        newest = (await caller.get(f"{engine}/v1/videos?limit=2")).json()
        rest = (await caller.get(f"{engine}/v1/videos?after={ids[1]}")).json()
        oldest = (await caller.get(f"{engine}/v1/videos?order=asc&limit=1")).json()

    assert [job["id"] for job in newest["data"]] == [ids[2], ids[1]]
    assert [job["id"] for job in rest["data"]] == [ids[0]]
    assert [job["id"] for job in oldest["data"]] == [ids[0]]
    assert newest.get("has_more", True) is True


@pytest.mark.asyncio
async def test_videos_fail_vanish_and_float_on_demand() -> None:
    async with engines() as caller:
        caller.behave(queued_polls=0, running_polls=0)
        failed = await film(caller, "sglang", "x [[sim:video_fail]]")
        odd = await film(caller, "sglang", "x [[sim:video_odd]]")
        gone = await film(caller, "sglang", "x [[sim:video_gone]]")
        nameless = await film(caller, "sglang", "x [[sim:video_no_id]]")
        polled = [(await caller.get(f"sglang/v1/videos/{job['id']}")).json() for job in (failed, odd, gone)]
        vanished = await caller.get(f"sglang/v1/videos/{gone['id']}")

    assert [job["status"] for job in polled] == ["failed", "levitating", "completed"]
    assert (polled[0]["error"]["message"], nameless["id"]) == ("The video could not be made.", "")
    assert vanished.status_code == 404
    assert caller.memory.created == {"sglang": 4}


@pytest.mark.asyncio
async def test_a_slow_video_takes_as_many_polls_as_told() -> None:
    async with engines() as caller:
        caller.behave(queued_polls=0)
        job = await film(caller, "vllm", "x [[sim:video_slow:3]]")
        seen = [(await caller.get(f"vllm/v1/videos/{job['id']}")).json()["status"] for _ in range(4)]

    assert seen == ["in_progress"] * 3 + ["completed"]


@pytest.mark.asyncio
async def test_a_poll_or_a_download_may_fail_while_the_video_is_fine() -> None:
    async with engines() as caller:
        job = await film(caller, "vllm")
        caller.behave(fail_next=1, fail_with="http_502_html")
        failed = await caller.get(f"vllm/v1/videos/{job['id']}")
        fine = await caller.get(f"vllm/v1/videos/{job['id']}")

    assert (failed.status_code, fine.status_code, fine.json()["status"]) == (502, 200, "queued")
