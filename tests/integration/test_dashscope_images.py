"""Pictures of DashScope: made at once and as tasks, edited, moderated, and what happens when some are missing."""

import asyncio
from typing import Any

import pytest
from dashscope_studio import KEY, LARGE_PNG, at, inline, visiting
from simulator_caller import until

from qwen_grpc.errors import (
    AccessDenied,
    ContentFiltered,
    CredentialExpired,
    InvalidParameter,
    ModelNotFound,
    QwenError,
    RateLimited,
    Unsupported,
    UpstreamCrashed,
    UpstreamError,
    UpstreamTtfbTimeout,
)
from qwen_grpc.upstreams.dashscope.image_models import IMAGE_MODELS
from qwen_grpc.upstreams.dashscope.native import Native, Reply
from qwen_grpc.upstreams.dashscope.tasks import Pace
from qwen_grpc.upstreams.dashscope.video_models import USUAL

SYNC = IMAGE_MODELS["qwen-image-2.0"].protocol.path
CAT = "https://example.com/cat.png"
# Played by the simulator until autumn 2026.
DRAWN = sorted(id_ for id_, row in IMAGE_MODELS.items() if row.generates and not id_.startswith("wanx"))
EDITED = sorted(id_ for id_, row in IMAGE_MODELS.items() if row.edits and id_ != "qwen-mt-image")


@pytest.mark.asyncio
@pytest.mark.parametrize("model", DRAWN)
async def test_every_model_draws_from_words(model: str) -> None:
    async with visiting() as visit:
        [picture] = await visit.draw(model)
        download, content = await visit.content(picture.url)
    assert (download.mime_type, content[:4]) == ("image/png", b"\x89PNG")
    assert len(visit.memory.tasks) == (0 if IMAGE_MODELS[model].protocol.waits else 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("model", EDITED)
async def test_every_model_that_edits_begins_from_data_and_from_an_address(model: str) -> None:
    several = IMAGE_MODELS[model].inputs[1] > 1
    async with visiting() as visit:
        for images in ([inline()], [at(CAT)], [inline(), at(CAT)] if several else [at(CAT)]):
            assert len(await visit.draw(model, images=images)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(("model", "count"), [("qwen-image-2.0", 6), ("wan2.7-image", 4), ("wan2.5-t2i-preview", 4)])
async def test_as_many_pictures_as_the_model_makes_come_in_one_call(model: str, count: int) -> None:
    async with visiting() as visit:
        pictures = await visit.draw(model, count=count)
    assert len({picture.url for picture in pictures}) == count
    posts = [request for request in visit.asked("/api/v1/services") if request.method == "POST"]
    assert [request.json["parameters"]["n"] for request in posts] == [count]


@pytest.mark.asyncio
async def test_the_rewritten_prompt_is_told_where_the_model_tells_it() -> None:
    async with visiting() as visit:
        [rewritten] = await visit.draw("z-image-turbo", extra={"prompt_extend": True})
        [task] = await visit.draw("wan2.5-t2i-preview")
        [silent] = await visit.draw("qwen-image-2.0")
    assert [rewritten.revised_prompt, task.revised_prompt, silent.revised_prompt] == ["a fox", "a fox", ""]


@pytest.mark.asyncio
async def test_what_the_model_does_not_take_is_told_and_not_sent() -> None:
    async with visiting() as visit:
        await visit.draw("qwen-image-2.0", extra={"moderation": "low", "watermark": False})
        [sent] = visit.asked(SYNC)
    assert sent.json["parameters"] == {"watermark": False, "n": 1}
    assert visit.told == ["not sent, since qwen-image-2.0 has no such setting: moderation"]


@pytest.mark.asyncio
async def test_a_picture_that_is_too_large_for_a_request_goes_by_the_temporary_store() -> None:
    async with visiting() as visit:
        assert len(await visit.draw("qwen-image-2.0", images=[inline(LARGE_PNG), at(CAT)])) == 1
        [(place, stored)] = visit.memory.uploads.items()
        [sent] = visit.asked(SYNC)
    content = sent.json["input"]["messages"][0]["content"]
    assert content == [{"image": f"oss://{place}"}, {"image": CAT}, {"text": "a fox"}]
    assert (stored.content, stored.model, place.endswith(".png")) == (LARGE_PNG, "qwen-image-2.0", True)
    assert sent.headers["x-dashscope-ossresourceresolve"] == "enable"


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["file:///etc/passwd", "", "data:image/png;base64,%%" + "A" * (11 << 20)])
async def test_what_is_no_medium_is_refused_before_anything_is_sent(url: str) -> None:
    async with visiting() as visit:
        with pytest.raises(InvalidParameter) as failure:
            await visit.draw("qwen-image-2.0", images=[at(url)])
        assert (failure.value.field, visit.simulator.requests) == ("images[0]", [])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "error", "says"),
    [
        ("wan2.5-t2i-preview", ContentFiltered, "; 2 of 3 images were made and are not returned"),
        ("qwen-image-2.0", UpstreamError, "and did not say why; 2 of 3 images were made and are not returned"),
    ],
)
async def test_a_short_list_is_an_error_that_says_how_many_were_made(
    model: str, error: type[QwenError], says: str
) -> None:
    async with visiting() as visit:
        with pytest.raises(error) as failure:
            await visit.draw(model, "a fox [[sim:task_partial]]", count=3)
    assert failure.value.message.endswith(says)
    assert failure.value.facts["partial"] == "true"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "scenario", "error"),
    [
        ("wan2.5-t2i-preview", "task_failed", UpstreamCrashed),
        ("wan2.7-image", "task_filtered", ContentFiltered),
        ("qwen-image-2.0", "content_filter", ContentFiltered),
        ("qwen-image-2.0", "ok_with_code", UpstreamCrashed),
        ("qwen-image-2.0", "rate_quota", RateLimited),
        ("qwen-image-2.0", "model_not_found", ModelNotFound),
        ("wan2.7-image", "unauthorized", CredentialExpired),
        ("wan2.7-image", "model_access_denied", AccessDenied),
    ],
)
async def test_a_failure_is_told_for_what_it_is(model: str, scenario: str, error: type[QwenError]) -> None:
    async with visiting() as visit:
        with pytest.raises(error) as failure:
            await visit.draw(model, f"a fox [[sim:{scenario}]]")
    assert "partial" not in failure.value.facts


@pytest.mark.asyncio
async def test_a_prompt_that_the_inspection_refuses_is_content_filtered() -> None:
    async with visiting() as visit:
        visit.behave(moderated_words=("badger",))
        for model in ("qwen-image-2.0", "wan2.7-image"):
            with pytest.raises(ContentFiltered):
                await visit.draw(model, "a badger")
    assert visit.memory.tasks == {}


@pytest.mark.asyncio
async def test_a_model_that_makes_tasks_only_is_refused_when_asked_to_hurry() -> None:
    async with visiting() as visit:
        body = {"model": "wan2.7-t2v", "input": {"prompt": "a fox"}}
        with pytest.raises(AccessDenied):
            await Native(visit.origin).post(USUAL, KEY, Reply, body)


@pytest.mark.asyncio
async def test_looks_that_fail_for_a_passing_reason_are_not_the_last() -> None:
    async with visiting() as visit:
        visit.behave(pending_polls=3, running_polls=3)
        drawing = asyncio.create_task(visit.draw("wan2.7-image"))
        await until(lambda: visit.memory.tasks)
        visit.behave(fail_next=2, fail_with="rate_quota")
        assert len(await drawing) == 1
        assert visit.memory.behaviour.fail_next == 0


@pytest.mark.asyncio
async def test_a_caller_that_leaves_takes_a_task_along_that_has_not_begun() -> None:
    async with visiting() as visit:
        visit.behave(pending_polls=10**9)
        drawing = asyncio.create_task(visit.draw("wan2.7-image"))
        await until(lambda: visit.asked("/api/v1/tasks"))
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
    [task] = visit.memory.tasks.values()
    assert task.cancelled


@pytest.mark.asyncio
async def test_a_task_that_does_not_end_is_given_up() -> None:
    hasty = Pace(first_s=0.001, growth=1.5, longest_s=0.01, patience_s=0.2)
    async with visiting(pace=hasty) as visit:
        visit.behave(pending_polls=10**9)
        with pytest.raises(UpstreamTtfbTimeout, match=r"has not finished within 0\.2 s; the task was given up"):
            await visit.draw("wan2.7-image")
    [task] = visit.memory.tasks.values()
    assert task.cancelled


@pytest.mark.asyncio
async def test_the_workspace_goes_along_and_a_chat_plan_has_no_pictures() -> None:
    async with visiting(workspace="ws-1") as visit:
        await visit.draw("qwen-image-2.0")
        assert visit.asked(SYNC)[0].headers["x-dashscope-workspace"] == "ws-1"
    async with visiting(url="https://coding.dashscope.aliyuncs.com") as visit:
        with pytest.raises(Unsupported, match="its plan is for chat"):
            await visit.draw("qwen-image-2.0")


@pytest.mark.asyncio
async def test_the_number_of_pictures_in_one_call_is_the_models() -> None:
    async with visiting() as visit:
        counts: dict[str, Any] = {id_: row.at_once for id_, row in IMAGE_MODELS.items()}
        assert (counts["qwen-image-2.0"], counts["z-image-turbo"], counts["wan2.7-image"]) == (6, 1, 4)
        with pytest.raises(Unsupported, match="n is 5: this model makes 4 at once"):
            await visit.draw("wan2.7-image", count=5)
