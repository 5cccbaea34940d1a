"""Pictures, clips, vectors and lists of the simulated engines, at the REST door."""

import base64
from typing import Any

import httpx
import pytest
from engine_house import DIALECTS, HEADERS, KEY, EngineHouse, model_of, open_engine
from video_calls import FAST, Videos

from qwen_grpc.credentials import ApiKey
from qwen_grpc.v1.videos_pb2 import VIDEO_STATE_FAILED, VIDEO_STATE_SUCCEEDED

PNG = b"\x89PNG\r\n\x1a\n"
MAKERS = ("vllm", "sglang", "generic")
IMAGES, VIDEOS = "Qwen/Qwen-Image", "Wan-AI/Wan2.2-T2V-A14B-Diffusers"


async def post(engine: EngineHouse, path: str, **body: Any) -> httpx.Response:
    return await engine.doors.http.post(path, json=body, headers=HEADERS)


def asked_with(engine: EngineHouse) -> set[str]:
    return {one.headers.get("authorization", "") for one in engine.simulator.requests}


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", MAKERS)
async def test_pictures_are_made_in_one_request(dialect: str) -> None:
    async with open_engine(dialect) as engine:
        reply = await post(engine, "/v1/images/generations", model=IMAGES, prompt="a cat", n=3, size="64x64")

        assert reply.status_code == 200, reply.text
        pictures = [base64.b64decode(one["b64_json"]) for one in reply.json()["data"]]
        assert [picture[:8] for picture in pictures] == [PNG] * 3
        assert len([one for one in engine.simulator.requests if one.path.endswith("/images/generations")]) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", MAKERS)
async def test_a_picture_is_edited(dialect: str) -> None:
    async with open_engine(dialect) as engine:
        made = await post(engine, "/v1/images/generations", model=IMAGES, prompt="a cat", size="64x64")
        content = base64.b64decode(made.json()["data"][0]["b64_json"])
        form = {"model": IMAGES, "prompt": "a hat on it"}
        files = {"image": ("cat.png", content, "image/png")}
        reply = await engine.doors.http.post("/v1/images/edits", data=form, files=files, headers=HEADERS)

        assert reply.status_code == 200, reply.text
        assert base64.b64decode(reply.json()["data"][0]["b64_json"])[:8] == PNG
        [arrived] = [one for one in engine.simulator.requests if one.path.endswith("/images/edits")]
        assert content in arrived.body


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["no_pictures", "too_few", "only_urls"])
async def test_a_list_of_pictures_that_is_wrong_is_an_error(scenario: str) -> None:
    async with open_engine("sglang") as engine:
        reply = await post(engine, "/v1/images/generations", model=IMAGES, prompt=f"a cat [[sim:{scenario}]]", n=2)

        assert reply.status_code == 502


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", MAKERS)
async def test_a_clip_is_made_and_downloaded_with_the_caller_s_key(dialect: str) -> None:
    async with open_engine(dialect, **FAST) as engine:
        videos = Videos(engine.doors.channel, ApiKey(KEY))
        made = await videos.create("a cat walks", model=VIDEOS, size="64x64")
        last = (await videos.watch(made.id))[-1]
        reply = await engine.doors.http.get(f"/v1/videos/{made.id}/content", headers=HEADERS)

        assert last.state == VIDEO_STATE_SUCCEEDED
        assert (reply.status_code, len(reply.content)) == (200, engine.simulator.engine.behaviour.video_bytes)
        assert asked_with(engine) == {f"Bearer {KEY}"}
        assert sum(engine.simulator.engine.created.values()) == 1


@pytest.mark.asyncio
async def test_a_clip_that_the_engine_could_not_make_has_failed() -> None:
    async with open_engine("sglang", **FAST) as engine:
        videos = Videos(engine.doors.channel, ApiKey(KEY))
        made = await videos.create("a cat [[sim:video_fail]]", model=VIDEOS)

        assert (await videos.watch(made.id))[-1].state == VIDEO_STATE_FAILED


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_texts_become_vectors(dialect: str) -> None:
    async with open_engine(dialect) as engine:
        name = next(name for name in engine.simulator.engine.behaviour.models.get(dialect, _embedding(dialect)))
        reply = await post(engine, "/v1/embeddings", model=name, input=["a", "b"])

        assert reply.status_code == 200, reply.text
        vectors = [one["embedding"] for one in reply.json()["data"]]
        assert [len(vector) for vector in vectors] == [engine.simulator.engine.behaviour.dimensions] * 2
        assert vectors[0] != vectors[1]


def _embedding(dialect: str) -> tuple[str, ...]:
    names = {"ollama": "qwen3-embedding:0.6b", "llamacpp": "Qwen3-Embedding-0.6B-Q8_0.gguf"}
    return (names.get(dialect, "Qwen/Qwen3-Embedding-0.6B"),)


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_engine_s_models_are_listed_with_the_variants_that_work(dialect: str) -> None:
    async with open_engine(dialect) as engine:
        reply = await engine.doors.http.get("/v1/models", headers=HEADERS)
        models = {model["id"]: model for model in reply.json()["data"]}
        name = model_of(dialect)

        assert {name, f"{name}-thinking", f"{name}-no-thinking"} <= models.keys()
        assert not any(id_.endswith("-search") for id_ in models)
        length = engine.simulator.engine.behaviour.context_length
        told = models[name].get("context_length")
        assert told == (None if dialect in ("ollama", "generic") else length)


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_suffix_of_the_name_switches_thinking(dialect: str) -> None:
    async with open_engine(dialect) as engine:
        name = model_of(dialect)

        on = await engine.message("Hi", model=f"{name}-thinking", enable_thinking=None)
        off = await engine.message("Hi", model=f"{name}-no-thinking", enable_thinking=None)

        assert ("reasoning_content" in on, "reasoning_content" in off) == (True, False)
        assert engine.sent()["model"] == name
