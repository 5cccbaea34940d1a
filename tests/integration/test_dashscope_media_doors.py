"""Pictures, clips and files of DashScope through both doors."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from both_doors import Doors, open_doors
from dashscope_studio import PACE, PNG

from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.simulator import Simulator, running
from qwen_grpc.upstreams.dashscope.adapter import DashScope
from qwen_grpc.v1 import videos_pb2 as pb
from qwen_grpc.v1.videos_pb2_grpc import VideosServiceStub

KEY = {"authorization": "Bearer sk-the-first"}
METADATA = tuple(KEY.items())
INLINE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@asynccontextmanager
async def doors() -> AsyncIterator[tuple[Simulator, Doors]]:
    async with running() as simulator:
        config = UpstreamConfig.model_validate({"kind": "dashscope", "base_url": simulator.url})
        async with open_doors(DashScope("official", config, pace=PACE), qwen_video_poll=0.01) as open_:
            yield simulator, open_


async def post(open_: Doors, path: str, **body: Any) -> Any:
    return await open_.http.post(path, json=body, headers=KEY)


@pytest.mark.asyncio
async def test_pictures_are_made_and_what_was_not_sent_is_told() -> None:
    async with doors() as (_, open_):
        reply = await post(
            open_,
            "/v1/images/generations",
            model="qwen-image-2.0",
            prompt="a fox",
            n=3,
            size="16:9",
            response_format="b64_json",
            moderation="low",
        )
    images = [base64.b64decode(image["b64_json"]) for image in reply.json()["data"]]
    assert [image[:4] for image in images] == [b"\x89PNG"] * 3
    assert reply.headers["x-qwen-notice"] == "not sent, since qwen-image-2.0 has no such setting: moderation"


@pytest.mark.asyncio
async def test_pictures_are_made_in_as_few_calls_as_the_model_allows() -> None:
    async with doors() as (simulator, open_):
        for model, n, calls in (("qwen-image-2.0", 4, [4]), ("z-image-turbo", 2, [None, None])):
            reply = await post(open_, "/v1/images/generations", model=model, prompt="a fox", n=n)
            assert len(reply.json()["data"]) == n
            sent = [one.json for one in simulator.requests if one.path.endswith("multimodal-generation/generation")]
            assert [one["parameters"].get("n") for one in sent if one["model"] == model] == calls


@pytest.mark.asyncio
async def test_a_picture_is_edited_and_an_impossible_size_is_named() -> None:
    async with doors() as (_, open_):
        asked = {"model": "wan2.7-image", "prompt": "at night", "images": [{"image_url": INLINE}]}
        edited = await post(open_, "/v1/images/edits", **asked)
        wrong = await post(open_, "/v1/images/edits", **asked, size="64x64")
    assert len(edited.json()["data"]) == 1
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "size")
    assert wrong.json()["error"]["message"].startswith("size is '64x64': this model takes 1K, 2K or 768*768")


@pytest.mark.asyncio
async def test_a_clip_is_ordered_watched_and_fetched() -> None:
    async with doors() as (simulator, open_):
        asked = {"model": "wan2.7-i2v", "prompt": "a fox", "seconds": "10", "size": "1280x720", "seed": 7}
        job = (await post(open_, "/v1/videos", **asked, input_reference={"image_url": INLINE})).json()
        wanted = pb.WatchVideoRequest(video_id=job["id"])
        watching = VideosServiceStub(open_.channel).WatchVideo(wanted, metadata=METADATA)
        states = [change.video.state async for change in watching]
        content = await open_.http.get(f"/v1/videos/{job['id']}/content", headers=KEY)
        part = await open_.http.get(f"/v1/videos/{job['id']}/content", headers={**KEY, "range": "bytes=10-19"})
        [sent] = [one.json for one in simulator.requests if one.path.endswith("video-synthesis")]
    assert states[-1] == pb.VIDEO_STATE_SUCCEEDED
    assert sent["parameters"] == {"resolution": "720P", "duration": 10, "seed": 7}
    assert (content.status_code, len(content.content)) == (200, 100_000)
    assert (part.status_code, part.content) == (206, content.content[10:20])


@pytest.mark.asyncio
async def test_a_clip_that_waits_is_stopped_and_one_that_runs_is_not() -> None:
    async with doors() as (simulator, open_):
        simulator.dashscope.behaviour.change({"pending_polls": 10**9})
        videos = VideosServiceStub(open_.channel)
        waiting = (await post(open_, "/v1/videos", model="wan2.7-t2v", prompt="a fox")).json()["id"]
        await videos.CancelVideo(pb.CancelVideoRequest(video_id=waiting), metadata=METADATA)
        simulator.dashscope.behaviour.change({"pending_polls": 0, "running_polls": 10**9})
        begun = (await post(open_, "/v1/videos", model="wan2.7-t2v", prompt="a fox")).json()["id"]
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await videos.CancelVideo(pb.CancelVideoRequest(video_id=begun), metadata=METADATA)
    assert [task.cancelled for task in simulator.dashscope.tasks.values()] == [True, False]
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.asyncio
async def test_two_keys_never_see_each_others_clips_or_files() -> None:
    async with doors() as (_, open_):
        other = {"authorization": "Bearer sk-the-second"}
        job = (await post(open_, "/v1/videos", model="wan2.7-t2v", prompt="a fox")).json()["id"]
        form = {"files": {"file": ("a.txt", b"hello", "text/plain")}, "data": {"purpose": "user_data"}}
        kept = (await open_.http.post("/v1/files", headers=KEY, **form)).json()["id"]
        paths = (f"/v1/videos/{job}", f"/v1/files/{kept}")
        mine = await asyncio.gather(*(open_.http.get(path, headers=KEY) for path in paths))
        theirs = await asyncio.gather(*(open_.http.get(path, headers=other) for path in paths))
    assert [[reply.status_code for reply in replies] for replies in (mine, theirs)] == [[200, 200], [404, 404]]


@pytest.mark.asyncio
async def test_a_picture_is_no_file_here_and_the_caller_is_told_what_to_do() -> None:
    async with doors() as (_, open_):
        form = {"files": {"file": ("a.png", PNG, "image/png")}, "data": {"purpose": "vision"}}
        reply = await open_.http.post("/v1/files", headers=KEY, **form)
    assert reply.json()["error"]["code"] == "unsupported_parameter"
    assert "as an address or a data URL" in reply.json()["error"]["message"]
