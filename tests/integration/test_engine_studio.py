"""Pictures, clips, vectors and lists of engines, and which key goes where."""

import base64
from typing import Any

import pytest
from engine_paths import Paths, chunks, engine_of, listing, upstream
from fetch_wire import PNG

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import ApiKey, WebSession
from qwen_grpc.errors import (
    CredentialExpired,
    InvalidParameter,
    JobUnknownOutcome,
    ModelNotFound,
    NotFound,
    QwenError,
    Unsupported,
    UpstreamEmpty,
    UpstreamProtocol,
    UpstreamUnavailable,
)
from qwen_grpc.upstreams.base import NO_KEY, Account, Attachment, Picture, Scene
from qwen_grpc.upstreams.kinds import IMAGE
from qwen_grpc.upstreams.openai_engine.models import described
from qwen_grpc.v1.embeddings_pb2 import CreateEmbeddingsRequest
from qwen_grpc.v1.videos_pb2 import VIDEO_STATE_FAILED, VIDEO_STATE_RUNNING, VIDEO_STATE_SUCCEEDED

KEY, OTHER = ApiKey("engine-key"), ApiKey("engine-other")
GENERATIONS, EDITS, VIDEOS, EMBEDDINGS = "/v1/images/generations", "/v1/images/edits", "/v1/videos", "/v1/embeddings"
DRAWN = {"b64_json": base64.b64encode(PNG).decode(), "revised_prompt": "a black cat"}
CAT = Attachment("file-1", IMAGE, "data:image/png;base64," + base64.b64encode(PNG).decode(), "cat.png", "image/png", 9)


def model(name: str = "Qwen/Qwen-Image") -> ResolvedModel:
    return ResolvedModel(name, described(name), Mode.CHAT)


def gpu(engine: Paths, **more: Any) -> Any:
    return upstream(engine.url + "/v1", dialect="vllm", **more)


def fields_of(request: Any) -> dict[str, list[bytes]]:
    """The parts of a form by name."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    found: dict[str, list[bytes]] = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0].decode()
        found.setdefault(name, []).append(content)
    return found


# -- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_pictures_come_as_content() -> None:
    async with engine_of({GENERATIONS: (200, {"created": 1, "data": [DRAWN, DRAWN]})}) as engine, gpu(engine) as one:
        scene = Scene("a cat", "1024*768", count=2, seed=7, extra={"num_inference_steps": 20, "base_url": "http://x"})

        made = await one.make_images(scene, model(), KEY)

        assert made == [Picture(data=PNG, revised_prompt="a black cat")] * 2
        assert engine.last(GENERATIONS).key == "engine-key"
        assert engine.last(GENERATIONS).json == {
            "model": "Qwen/Qwen-Image",
            "prompt": "a cat",
            "size": "1024x768",
            "n": 2,
            "seed": 7,
            "num_inference_steps": 20,
            "response_format": "b64_json",
        }


@pytest.mark.asyncio
async def test_pictures_are_edited_by_a_form() -> None:
    async with engine_of({EDITS: (200, {"data": [DRAWN]})}) as engine, gpu(engine) as one:
        await one.make_images(Scene("a hat on it", images=(CAT, CAT)), model("Qwen/Qwen-Image-Edit"), NO_KEY)

        assert fields_of(engine.last(EDITS)) == {
            "model": [b"Qwen/Qwen-Image-Edit"],
            "prompt": [b"a hat on it"],
            "n": [b"1"],
            "response_format": [b"b64_json"],
            "image": [PNG, PNG],
        }
        assert "authorization" not in engine.last(EDITS).headers


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {"data": [DRAWN]}), UpstreamEmpty),
        ((200, {"data": [{"url": "http://10.0.0.7/a.png"}] * 2}), UpstreamProtocol),
        ((200, {"data": [{"b64_json": "%"}] * 2}), UpstreamProtocol),
        ((200, b"<html>"), UpstreamProtocol),
        ((404, {"detail": "Not Found"}), Unsupported),
        ((404, {"error": {"message": "The model `x` does not exist."}}), ModelNotFound),
        ((503, {}), UpstreamUnavailable),
    ],
)
async def test_fewer_pictures_than_asked_for_are_an_error(answer: tuple[int, Any], error: type[QwenError]) -> None:
    async with engine_of({GENERATIONS: answer}) as engine, gpu(engine) as one:
        with pytest.raises(error):
            await one.make_images(Scene("a cat", count=2), model(), KEY)
        assert len(engine.asked) == 1


@pytest.mark.asyncio
async def test_a_ratio_is_no_size_for_an_engine() -> None:
    async with engine_of({}) as engine, gpu(engine) as one:
        with pytest.raises(InvalidParameter, match="pixels"):
            await one.make_images(Scene("a cat", "16:9"), model(), KEY)
        assert engine.asked == []


# -- clips ------------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_clip_is_handed_in_by_a_form_and_asked_after() -> None:
    answers: dict[str, tuple[int, Any]] = {VIDEOS: (200, {"id": "video_gen_1", "status": "queued"})}
    async with engine_of(answers) as engine, gpu(engine) as one:
        scene = Scene("a cat walks", "832x480", (CAT,), seconds=4.0, extra={"fps": 16})

        assert await one.create_video(scene, model("Wan2.2-I2V"), KEY) == "video_gen_1"
        assert fields_of(engine.last(VIDEOS)) == {
            "model": [b"Wan2.2-I2V"],
            "prompt": [b"a cat walks"],
            "size": [b"832x480"],
            "seconds": [b"4"],
            "fps": [b"16"],
            "input_reference": [PNG],
        }
        states = []
        for status in ("queued", "in_progress", "a new word", "completed", "failed"):
            engine.answers[f"{VIDEOS}/video_gen_1"] = (200, {"id": "video_gen_1", "status": status})
            states.append(await one.get_video("video_gen_1", KEY))

        running = [VIDEO_STATE_RUNNING] * 3
        assert [task.state for task in states] == [*running, VIDEO_STATE_SUCCEEDED, VIDEO_STATE_FAILED]
        assert states[3].url == f"{engine.url}/v1/videos/video_gen_1/content"
        assert states[4].error is not None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, {}), JobUnknownOutcome),
        ((503, {}), JobUnknownOutcome),
        ((200, b"<html>"), JobUnknownOutcome),
        ((200, {"id": "../../etc"}), JobUnknownOutcome),
        ((400, {"error": {"message": "no"}}), InvalidParameter),
        ((404, {"detail": "Not Found"}), Unsupported),
    ],
)
async def test_a_clip_that_may_have_been_taken_is_told_as_unsure(answer: Any, error: type[QwenError]) -> None:
    async with engine_of({VIDEOS: answer}) as engine, gpu(engine) as one:
        with pytest.raises(error):
            await one.create_video(Scene("a cat"), model("Wan2.2-T2V"), KEY)
        assert engine.paths == [VIDEOS]


@pytest.mark.asyncio
async def test_a_clip_can_be_removed_and_is_unknown_then() -> None:
    async with engine_of({f"{VIDEOS}/v1": (200, {"id": "v1", "deleted": True})}) as engine, gpu(engine) as one:
        await one.cancel_video("v1", KEY)
        assert [(asked.method, asked.path) for asked in engine.asked] == [("DELETE", f"{VIDEOS}/v1")]

        for unknown in ("v2", "../models"):
            with pytest.raises(NotFound):
                await one.get_video(unknown, KEY)
        assert f"{VIDEOS}/../models" not in engine.paths


@pytest.mark.asyncio
async def test_a_clip_is_downloaded_with_the_key_from_the_engine_itself_and_from_nowhere_else() -> None:
    content = f"{VIDEOS}/v1/content"
    async with engine_of({content: (200, b"clip")}) as engine, engine_of({}) as elsewhere, gpu(engine) as one:
        async with one.download(engine.url + content, credentials=KEY) as found:
            assert b"".join([chunk async for chunk in found.chunks]) == b"clip"
        assert engine.last(content).key == "engine-key"

        for url in (elsewhere.url + content, engine.url.replace("127.0.0.1", "localhost") + content):
            with pytest.raises(UpstreamProtocol):
                async with one.download(url, credentials=KEY):
                    pass
        assert elsewhere.asked == []


# -- vectors ----------------------------------------------------------------------------------------------------------


def vector(index: int, *values: float) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": list(values)}


@pytest.mark.asyncio
async def test_vectors_come_in_the_order_of_the_texts() -> None:
    made = {"object": "list", "model": "m", "data": [vector(1, 0.5), vector(0, 0.25)], "usage": {"prompt_tokens": 3}}
    request = CreateEmbeddingsRequest(model="asked", input=["a", "b"], dimensions=1, extra_json='{"truncate":1}')
    async with engine_of({EMBEDDINGS: (200, made)}) as engine, gpu(engine) as one:
        answer = await one.embed(request, model("qwen3-embedding"), KEY)

        assert [list(one.values) for one in answer.embeddings] == [[0.25], [0.5]]
        assert answer.usage.prompt_tokens == 3
        assert engine.last(EMBEDDINGS).json == {
            "model": "qwen3-embedding",
            "input": ["a", "b"],
            "dimensions": 1,
            "encoding_format": "float",
            "truncate": 1,
        }


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {"data": [vector(0, 1.0)]}), UpstreamProtocol),
        ((200, {"data": [vector(0, 1.0), vector(0, 1.0)]}), UpstreamProtocol),
        ((200, {"data": [vector(0, 1.0), vector(1)]}), UpstreamProtocol),
        ((200, []), UpstreamProtocol),
        ((404, {}), Unsupported),
    ],
)
async def test_a_vector_that_is_missing_is_an_error(answer: Any, error: type[QwenError]) -> None:
    async with engine_of({EMBEDDINGS: answer}) as engine, gpu(engine) as one:
        with pytest.raises(error):
            await one.embed(CreateEmbeddingsRequest(model="m", input=["a", "b"]), model("m"), KEY)


# -- keys and lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "own"), [("gpu-1", True), ("sk-1", False), ("", False)])
def test_a_caller_s_key_is_the_engine_s_if_a_pattern_says_so(text: str, own: bool) -> None:
    one = upstream("http://127.0.0.1:9/v1", caller_keys=["gpu-*"])

    assert one.accepts(ApiKey(text)) is own


def test_a_web_session_is_never_the_engine_s() -> None:
    assert not upstream("http://127.0.0.1:9/v1").accepts(WebSession(token="a"))


@pytest.mark.asyncio
async def test_an_account_is_the_same_for_a_key_and_does_not_give_it_away() -> None:
    async with engine_of({"/v1/models": listing("a")}) as engine:
        accounts: list[Account] = []
        for key in (KEY, KEY, OTHER):
            async with gpu(engine) as one:
                accounts.append(await one.check(key))

    assert accounts[0] == accounts[1] != accounts[2]
    assert "engine" not in accounts[0].id


@pytest.mark.asyncio
async def test_a_key_that_is_refused_is_told_with_the_engine_s_host() -> None:
    async with engine_of({"/v1/models": (401, {"error": "Unauthorized"})}) as engine, gpu(engine) as one:
        with pytest.raises(CredentialExpired, match=r"gpu at 127\.0\.0\.1:\d+ answered 401"):
            await one.check(KEY)


@pytest.mark.asyncio
async def test_each_key_has_its_own_list() -> None:
    async with engine_of({"/v1/models": listing("a")}) as engine, gpu(engine) as one:
        assert (await one.resolve("a-thinking", KEY)).id == "a"
        engine.answers["/v1/models"] = listing("b")

        assert (await one.resolve("a", KEY)).id == "a"
        assert (await one.resolve("b", OTHER)).id == "b"
        assert (await one.resolve("b", None)).id == "b"
        assert [asked.key for asked in engine.asked] == ["engine-key", "engine-other", ""]


@pytest.mark.asyncio
async def test_a_model_is_passed_on_by_its_name_while_the_list_cannot_be_had() -> None:
    answers = {"/v1/models": (500, {}), "/v1/chat/completions": chunks({"content": "Hi"})}
    async with engine_of(answers) as engine, gpu(engine) as one:
        listed = await one.list_models(KEY)
        found = await one.resolve("unheard-of", KEY)

        assert (list(listed.models), listed.stale, found.id) == ([], True, "unheard-of")


@pytest.mark.asyncio
async def test_the_engine_s_list_rules_once_it_can_be_had() -> None:
    async with engine_of({"/v1/models": listing("qwen3-8b")}) as engine, gpu(engine) as one:
        with pytest.raises(ModelNotFound, match="qwen3-8b"):
            await one.resolve("qwen3-8bb", KEY)
