import struct
from typing import Any

import httpx
import pytest
from dashscope_caller import ASYNC, MULTIMODAL, DashScopeCaller, dashscope, fault_of, fetch

T2I = "/api/v1/services/aigc/text2image/image-synthesis"
GENERATION = "/api/v1/services/aigc/image-generation/generation"
I2I = "/api/v1/services/aigc/image2image/image-synthesis"
CAT = "https://example.com/cat.png"


def drawing(text: str, *images: str) -> dict[str, Any]:
    """The input that asks for pictures."""
    return {"messages": [{"role": "user", "content": [*({"image": url} for url in images), {"text": text}]}]}


async def draw(caller: DashScopeCaller, text: str = "a cat", **body: Any) -> Any:
    asked = {"model": "qwen-image-2.0", **body}
    return await caller.native(drawing(text), path=MULTIMODAL, **asked)


@pytest.mark.asyncio
async def test_a_picture_is_made_at_once_and_is_a_real_one() -> None:
    async with dashscope() as caller:
        reply = (await draw(caller, parameters={"size": "1024*768", "n": 2})).json()
        [choice] = reply["output"]["choices"]
        urls = [item["image"] for item in choice["message"]["content"]]
        pictures = [await fetch(url) for url in urls]

    assert (choice["finish_reason"], len(urls)) == ("stop", 2)
    assert reply["output"]["task_metric"] == {"TOTAL": 2, "SUCCEEDED": 2, "FAILED": 0}
    assert reply["usage"] == {"width": 1024, "height": 768, "image_count": 2}
    assert all(one.headers["content-type"] == "image/png" for one in pictures)
    assert [struct.unpack(">II", one.content[16:24]) for one in pictures] == [(1024, 768)] * 2
    assert caller.memory.pictures == {"sk-one": 2}


@pytest.mark.asyncio
async def test_the_families_tell_their_pictures_in_different_forms() -> None:
    async with dashscope() as caller:
        wan = (await draw(caller, model="wan2.7-image", parameters={"n": 2, "size": "1K"})).json()
        turbo = (await draw(caller, model="z-image-turbo", parameters={"prompt_extend": True})).json()

    assert [choice["message"]["content"][0]["type"] for choice in wan["output"]["choices"]] == ["image", "image"]
    assert wan["usage"] == {"size": "1024*1024", "image_count": 2}
    [choice] = turbo["output"]["choices"]
    assert choice["message"]["content"][1] == {"text": "a cat"}
    assert "reasoning_content" in choice["message"]


@pytest.mark.asyncio
async def test_the_address_of_a_result_is_signed_expires_and_wants_no_other_sign() -> None:
    async def url_of(reply: Any) -> str:
        url: str = reply.json()["output"]["choices"][0]["message"]["content"][0]["image"]
        return url

    async with dashscope() as caller:
        good = await url_of(await draw(caller))
        caller.behave(result_ttl_s=-1)
        expired = await url_of(await draw(caller))
        replies = {
            "good": await fetch(good),
            "expired": await fetch(expired),
            "forged": await fetch(good.replace("Expires=1", "Expires=2")),
            "doubly signed": await fetch(good, headers={"authorization": "Bearer sk-one"}),
            "part": await fetch(good, headers={"range": "bytes=0-3"}),
        }

    assert {name: reply.status_code for name, reply in replies.items()} == {
        "good": 200,
        "expired": 403,
        "forged": 403,
        "doubly signed": 400,
        "part": 206,
    }
    assert replies["expired"].headers["content-type"] == "application/xml"
    assert b"<Code>AccessDenied</Code><Message>Request has expired.</Message>" in replies["expired"].content
    assert b"<Code>SignatureDoesNotMatch</Code>" in replies["forged"].content
    assert httpx.URL(good).params.keys() == {"Expires", "OSSAccessKeyId", "Signature"}


# Path, body and headers of requests for pictures, and the words that refuse them.
REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, str], tuple[int, str]]] = {
    "small": (MULTIMODAL, {"parameters": {"size": "100*100"}}, {}, (400, "Total pixels of size must be between ")),
    "odd size": (MULTIMODAL, {"parameters": {"size": "1024x1024"}}, {}, (400, "size must be one of ")),
    "many": (MULTIMODAL, {"parameters": {"n": 7}}, {}, (400, "n must be between 1 and 6.")),
    "two of one": (
        MULTIMODAL,
        {"model": "z-image-turbo", "parameters": {"n": 2}},
        {},
        (400, "num_images_per_prompt must be 1."),
    ),
    "seed": (MULTIMODAL, {"parameters": {"seed": 2**31}}, {}, (400, "Range of seed should be [0, 2147483647]")),
    "negative": (MULTIMODAL, {"parameters": {"negative_prompt": "x" * 501}}, {}, (400, "negative_prompt must not")),
    "two messages": (
        MULTIMODAL,
        {"input": {"messages": drawing("a")["messages"] * 2}},
        {},
        (400, "messages length only support 1"),
    ),
    "pictures to draw from": (
        MULTIMODAL,
        {"model": "z-image-turbo", "input": drawing("a", CAT)},
        {},
        (400, "The number of images must be between 0 and 0."),
    ),
    "no address": (MULTIMODAL, {"input": drawing("a", "cat.png")}, {}, (400, "url error")),
    "retired": (MULTIMODAL, {"model": "qwen-image-max"}, {}, (404, "The model qwen-image-max does not exist")),
    "sync model as a task": (MULTIMODAL, {}, ASYNC, (403, "Current user api does not support asynchronous calls.")),
    "task without its header": (
        T2I,
        {"model": "wan2.5-t2i-preview", "input": {"prompt": "a"}},
        {},
        (403, "current user api does not support synchronous calls."),
    ),
    "another path": (T2I, {"model": "wan2.7-image"}, ASYNC, (400, "url error")),
    "unknown function": (
        I2I,
        {"model": "wanx2.1-imageedit", "input": {"prompt": "a", "function": "melt", "base_image_url": CAT}},
        ASYNC,
        (400, "function must be one of description_edit, "),
    ),
    "nothing to edit": (
        I2I,
        {"model": "wan2.5-i2i-preview", "input": {"prompt": "a"}},
        ASYNC,
        (400, "The number of images must be between 1 and 3."),
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", REFUSED)
async def test_a_wrong_wish_for_pictures_is_refused(case: str) -> None:
    path, body, headers, (status, words) = REFUSED[case]
    async with dashscope() as caller:
        asked = {"model": "qwen-image-2.0", "input": drawing("a cat"), **body}
        reply = await caller.http.post(path, json=asked, headers=headers)

    assert reply.status_code == status
    assert fault_of(reply)[2].startswith(words)
    assert not caller.memory.tasks
    assert not caller.memory.pictures


@pytest.mark.asyncio
async def test_retired_picture_models_may_be_kept() -> None:
    async with dashscope() as caller:
        caller.behave(keep_retired=True)
        one = await draw(caller, model="qwen-image-max", parameters={"size": "1328*1328"})
        two = await draw(caller, model="qwen-image-max", parameters={"n": 2})
        odd = await draw(caller, model="qwen-image-max", parameters={"size": "1024*1024"})

    assert one.status_code == 200
    assert fault_of(two)[2] == "num_images_per_prompt must be 1."
    assert fault_of(odd)[2].startswith("size must be one of 1664*928, ")


# Path, model and input of pictures that are made as a task.
LATER: dict[str, tuple[str, dict[str, Any]]] = {
    "wan2.5-t2i-preview": (T2I, {"prompt": "a cat"}),
    "wan2.7-image": (GENERATION, drawing("a cat")),
    "wan2.5-i2i-preview": (I2I, {"prompt": "a cat", "images": [CAT]}),
    "wanx2.1-imageedit": (I2I, {"prompt": "a cat", "function": "description_edit", "base_image_url": CAT}),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("model", LATER)
async def test_pictures_are_made_later_and_their_task_moves_with_every_poll(model: str) -> None:
    path, given = LATER[model]
    async with dashscope() as caller:
        reply = await caller.native(given, path=path, headers=ASYNC, model=model)
        task_id = reply.json()["output"]["task_id"]
        states = [(await caller.task(task_id))["task_status"] for _ in range(2)]
        output = (await caller.finish(task_id))["output"]
        url = (
            output["results"][0]["url"]
            if "results" in output
            else output["choices"][0]["message"]["content"][0]["image"]
        )
        made = await fetch(url)

    assert states == ["PENDING", "RUNNING"]
    assert output["task_status"] == "SUCCEEDED"
    assert output.get("task_metrics", {"SUCCEEDED": 1})["SUCCEEDED"] == 1
    assert output.get("finished", True) is True
    assert made.content.startswith(b"\x89PNG")
    assert "x-request-id" in reply.headers


@pytest.mark.asyncio
async def test_a_task_succeeds_when_a_part_of_it_does() -> None:
    async with dashscope() as caller:
        headers, model = ASYNC, "wan2.5-t2i-preview"
        reply = await caller.native(
            {"prompt": "[[sim:task_partial]] a cat"}, path=T2I, headers=headers, model=model, parameters={"n": 3}
        )
        ended = await caller.finish(reply.json()["output"]["task_id"])

    output = ended["output"]
    assert output["task_status"] == "SUCCEEDED"
    assert output["task_metrics"] == {"TOTAL": 3, "SUCCEEDED": 2, "FAILED": 1}
    assert [row.get("code") for row in output["results"]] == ["DataInspectionFailed", None, None]
    assert ended["usage"]["image_count"] == 2
