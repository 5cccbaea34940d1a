"""ImagesService: every way in which a picture comes, and every way in which it does not."""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import accumulate, pairwise
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from picture_calls import PNG, bytes_behind, edited, editing, fetched, generated, generating, named, tidied
from support import House, bearer, open_house, session
from upstream_record import CHATS, COMPLETIONS, NEW, calls, failed, reason_of, removals, sent, until

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.errors import (
    QuotaExhausted,
    QwenError,
    UpstreamChallenge,
    UpstreamEmpty,
    UpstreamError,
    UpstreamTruncated,
)
from qwen_grpc.services.images import MAX_IMAGE_BYTES
from qwen_grpc.simulator import Behaviour, Simulator, outputs, running
from qwen_grpc.simulator import models as simulated
from qwen_grpc.simulator.renderings import Rendering
from qwen_grpc.upstreams.base import Scene
from qwen_grpc.upstreams.chat_qwen_ai.pictures import Patience, Pictures
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.site import Site
from qwen_grpc.upstreams.chat_qwen_ai.sizes import PIXELS, RATIOS
from qwen_grpc.upstreams.chat_qwen_ai.tidying import Tidying
from qwen_grpc.v1.images_pb2 import EditImagesRequest, GenerateImagesRequest
from qwen_grpc.v1.images_pb2_grpc import ImagesServiceStub
from qwen_grpc.v1.models_pb2 import Model

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
PNG_TEXT, TEXT = (base64.b64encode(content).decode() for content in (PNG, b"hello"))
FAST = {"thinking_enabled": False, "auto_thinking": False, "thinking_mode": "Fast"}


def url_parts(url: str) -> tuple[str, str]:
    """Host and kind of a result's address."""
    origin, _, path = url.partition("/output/")
    return origin, path.split("/")[1]


@pytest.mark.asyncio
async def test_a_picture_is_one_turn_in_a_chat_of_its_own_that_is_removed(house: House) -> None:
    before = int(time.time())
    answer = await generated(house, "a fox")
    (image,) = answer.images
    assert url_parts(image.url) == (house.simulator.url, "t2i")
    assert (image.mime_type, image.revised_prompt, before <= answer.created <= time.time()) == ("", "", True)

    (body,) = sent(house.simulator)
    (new_chat,) = calls(house.simulator, NEW)
    (message,) = body["messages"]
    assert (new_chat.json["chat_type"], body["stream"], body["size"]) == ("t2i", True, "1:1")
    assert (message["content"], message["files"], message["chat_type"]) == ("a fox", [], "t2i")
    assert (message["sub_chat_type"], message["extra"]) == ("t2i", {"meta": {"subChatType": "t2i"}})
    assert FAST.items() <= message["feature_config"].items()
    await tidied(house)


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["image", "image_answered", "image_no_url", "image_tool", "image_edit_tool"])
async def test_the_picture_is_found_wherever_the_site_tells_it(house: House, scenario: str) -> None:
    answer = await generated(house, f"a fox [[sim:{scenario}]]")
    assert [url_parts(image.url) for image in answer.images] == [(house.simulator.url, "t2i")]
    await tidied(house)


@pytest.mark.asyncio
async def test_a_picture_that_lies_in_its_chat_keeps_the_chat(house: House) -> None:
    answer = await generated(house, "a fox [[sim:image_tool_relative]]")
    ((chat_id, _),) = house.simulator.chats.items()
    assert answer.images[0].url.startswith(f"{house.simulator.url}/api/v2/chat/{chat_id}/output/")
    # What is removed is removed by then.
    await generated(house, "a fox")
    await until(lambda: len(removals(house.simulator)) == 1)
    assert list(house.simulator.chats) == [chat_id]


@pytest.mark.asyncio
async def test_without_a_picture_the_stored_chat_is_read_five_times_with_pauses(house: House) -> None:
    assert await failed(generating(house, "a fox [[sim:image_never]]")) == (UNAVAILABLE, "UPSTREAM_EMPTY")
    at = [request.at for request in house.simulator.requests if request.method == "GET" and CHATS in request.path]
    assert (len(at), all(after - before >= 0.8 for before, after in pairwise(at))) == (5, True)
    await tidied(house)


@asynccontextmanager
async def drawing_at(behaviour: Behaviour | None = None) -> AsyncIterator[tuple[Simulator, Pictures]]:
    """Pictures that look twice into the stored chat, without a pause."""
    async with running(behaviour=behaviour) as simulator, Site(simulator.url, simulator.url) as site:
        sessions = Sessions(site.renew)
        tidying = Tidying(site, sessions, keep_chats=False)
        yield simulator, Pictures(site, sessions, tidying, patience=Patience(tries=2, pause_s=0.0))
        await tidying.close()


async def drawn(pictures: Pictures, prompt: str) -> str:
    return await pictures.make(Scene(prompt), ResolvedModel("m", Model(id="qwen3.7-plus"), Mode.IMAGE), session())


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scenario", "error", "looks"),
    [
        ("image_punish", UpstreamEmpty, 2),
        ("empty_stream", UpstreamEmpty, 2),
        ("plain", UpstreamEmpty, 2),
        ("truncate", UpstreamTruncated, 2),
        ("midstream_error", UpstreamError, 0),
        ("rate_limited", QuotaExhausted, 0),
        ("json_challenge", UpstreamChallenge, 0),
        ("html_challenge", UpstreamChallenge, 0),
    ],
)
async def test_what_is_no_picture_is_a_failure(scenario: str, error: type[QwenError], looks: int) -> None:
    async with drawing_at() as (simulator, pictures):
        with pytest.raises(error):
            await drawn(pictures, f"a fox [[sim:{scenario}]]")
        assert len([request for request in simulator.requests if request.method == "GET"]) == looks
        assert len(calls(simulator, COMPLETIONS)) == 1
        await until(lambda: simulator.chats == {})


@pytest.mark.asyncio
async def test_a_token_that_is_refused_is_renewed_once_and_the_chat_is_used_again() -> None:
    stale = session()
    async with open_house(Behaviour(revoked_tokens=(stale.token,))) as house:
        stub = ImagesServiceStub(house.channel)
        metadata = tuple(bearer(stale).items())
        answer = await stub.GenerateImages(GenerateImagesRequest(prompt="a fox"), metadata=metadata)
        assert (len(answer.images), house.simulator.refreshes, len(calls(house.simulator, COMPLETIONS))) == (1, 1, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("size", "ratio"), [("", "1:1"), ("auto", "1:1"), *zip(RATIOS, RATIOS, strict=True), *PIXELS.items()]
)
async def test_a_size_is_sent_as_one_of_the_five_ratios(house: House, size: str, ratio: str) -> None:
    await generated(house, size=size)
    assert [body["size"] for body in sent(house.simulator)] == [ratio]


@pytest.mark.asyncio
async def test_an_edited_picture_keeps_its_shape_unless_told_otherwise(house: House) -> None:
    await edited(house)
    await edited(house, size="1024x1536")
    assert [body.get("size") for body in sent(house.simulator)] == [None, "3:4"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("options", "reason", "field"),
    [
        ({"size": "640x480"}, "INVALID_PARAMETER", "size"),
        ({"n": 0}, "INVALID_PARAMETER", "n"),
        ({"n": -1}, "INVALID_PARAMETER", "n"),
        ({"n": 11}, "INVALID_PARAMETER", "n"),
        ({"n": 5}, "UNSUPPORTED", "n"),
    ],
)
async def test_a_wrong_option_is_named_and_nothing_is_asked(
    house: House, options: dict[str, Any], reason: str, field: str
) -> None:
    assert await named(generating(house, **options)) == (reason, field)
    assert (sent(house.simulator), house.simulator.chats) == ([], {})


@pytest.mark.asyncio
async def test_a_wrong_size_lists_the_choices(house: House) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await generated(house, size="640x480")
    assert all(word in (failure.value.details() or "") for word in (*RATIOS, *PIXELS))


@pytest.mark.asyncio
@pytest.mark.parametrize("prompt", ["", "  \n"])
async def test_a_prompt_is_needed(house: House, prompt: str) -> None:
    assert await named(generating(house, prompt)) == ("INVALID_PARAMETER", "prompt")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"images": []}, "INVALID_PARAMETER", "images"),
        ({"images": [{"data": PNG_TEXT}] * 6}, "INVALID_PARAMETER", "images"),
        ({"mask": {"data": PNG_TEXT, "mimeType": "image/png"}}, "UNSUPPORTED", "mask"),
        ({"images": [{"data": PNG_TEXT}, {"data": "", "mimeType": "image/png"}]}, "INVALID_PARAMETER", "images[1]"),
        ({"images": [{"data": TEXT, "mimeType": "text/plain"}]}, "INVALID_PARAMETER", "images[0]"),
        ({"images": [{"fileId": "file-unknown"}]}, "NOT_FOUND", "images[0]"),
        ({"images": [{"url": "https://example.org/1.png"}]}, "MEDIA_URL_BLOCKED", "images[0]"),
        ({"prompt": ""}, "INVALID_PARAMETER", "prompt"),
    ],
)
async def test_a_wrong_edit_is_named_and_nothing_is_asked(
    house: House, change: dict[str, Any], reason: str, field: str
) -> None:
    request = {"prompt": "make it blue", "images": [{"data": PNG_TEXT, "mimeType": "image/png"}]} | change
    assert await named(editing(house, ParseDict(request, EditImagesRequest()))) == (reason, field)
    assert (sent(house.simulator), house.simulator.files) == ([], {})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("", "qwen3.7-plus"),
        ("qwen-max", "qwen3.8-max"),
        ("qwen-max-image", "qwen3.8-max"),
        ("qwen-max-image-edit", "qwen3.8-max"),
        ("qwen3.7-plus-image", "qwen3.7-plus"),
    ],
)
async def test_a_model_is_named_with_or_without_its_suffix_or_not_at_all(house: House, model: str, base: str) -> None:
    call = generating(house, model=model)
    await call
    assert [body["model"] for body in sent(house.simulator)] == [base]
    assert dict(await call.initial_metadata())["x-qwen-model"] == base


@pytest.mark.asyncio
async def test_models_that_make_no_pictures_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(simulated.META, "writer", {"chat_type": ["t2t"]})
    async with open_house(Behaviour(models=("writer",))) as house:
        assert (await failed(generating(house)))[1] == "MODEL_NOT_FOUND"
        assert await named(generating(house, model="writer")) == ("UNSUPPORTED", "model")
        assert (await failed(generating(house, model="writer-image")))[1] == "UNSUPPORTED"
        assert (await failed(generating(house, model="painter")))[1] == "MODEL_NOT_FOUND"


@pytest.mark.asyncio
async def test_a_mode_that_is_none_of_pictures_is_refused(house: House) -> None:
    assert await named(generating(house, model="qwen-max-thinking")) == ("UNSUPPORTED", "model")


@pytest.mark.asyncio
async def test_four_pictures_are_four_turns_two_at_a_time() -> None:
    async with open_house(Behaviour(pace_s=0.05)) as house:
        answer = await generated(house, n=4)
        assert len({image.url for image in answer.images}) == 4
        await tidied(house, 4)
        changes = [(stream.opened_at, 1) for stream in house.simulator.streams]
        changes += [(stream.closed_at or 0.0, -1) for stream in house.simulator.streams]
        at_once = list(accumulate(step for _, step in sorted(changes)))
        assert (len(house.simulator.streams), max(at_once)) == (4, 2)


@pytest.mark.asyncio
async def test_a_list_is_never_short(house: House) -> None:
    house.simulator.behaviour.quota = {"t2i": 3}
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await generated(house, n=4)
    assert (failure.value.code(), reason_of(failure.value)) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "QUOTA_EXHAUSTED",
    )
    quota = "the account's quota at chat.qwen.ai is used up; it comes back in 10 hours"
    assert failure.value.details() == f"{quota}; 3 of 4 images were made before and are not returned"
    await tidied(house, 4)


@pytest.mark.asyncio
async def test_after_a_failure_no_further_turn_begins(house: House) -> None:
    house.simulator.behaviour.quota = {"t2i": 0}
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await generated(house, n=4)
    assert failure.value.details() == "the account's quota at chat.qwen.ai is used up; it comes back in 10 hours"
    assert len(sent(house.simulator)) <= 2


@pytest.mark.asyncio
async def test_the_content_is_fetched_without_a_credential(house: House) -> None:
    answer = await generated(house, size="16:9", format="IMAGE_FORMAT_DATA", n=2)
    downloads = fetched(house.simulator)
    wanted = sorted(bytes_behind(request, "16:9") for request in downloads)
    assert sorted(image.data for image in answer.images) == wanted
    assert [image.mime_type for image in answer.images] == ["image/png"] * 2
    secrets = {"authorization", "cookie", "bx-ua", "bx-umidtoken", "x-request-id"}
    assert [sorted(secrets & set(request.headers)) for request in downloads] == [[], []]


@pytest.mark.asyncio
async def test_content_that_is_gone_is_a_failure(house: House) -> None:
    house.simulator.behaviour.output_key_ttl_s = -1
    assert (await failed(generating(house, format="IMAGE_FORMAT_DATA")))[1] == "JOB_EXPIRED"


@pytest.mark.asyncio
async def test_content_that_is_no_picture_is_not_delivered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "picture", lambda *_: Rendering("image/png", b"<html>sorry</html>", 18))
    assert (await failed(generating(house, format="IMAGE_FORMAT_DATA")))[1] == "UPSTREAM_PROTOCOL"


@pytest.mark.asyncio
async def test_content_without_end_is_cut(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Rendering("image/png", PNG, MAX_IMAGE_BYTES + 1)
    monkeypatch.setattr(outputs, "picture", lambda *_: endless)
    assert (await failed(generating(house, format="IMAGE_FORMAT_DATA")))[1] == "UPSTREAM_PROTOCOL"


@pytest.mark.asyncio
async def test_an_edit_sends_its_images_as_files_and_names_no_echo(house: House) -> None:
    answer = await edited(house, "make it blue [[sim:image_echo]]", PNG, PNG + b"2")
    (body,) = sent(house.simulator)
    (message,) = body["messages"]
    files = message["files"]
    assert [(file["type"], file["file_class"], file["file_type"], file["name"]) for file in files] == [
        ("image", "vision", "image/png", "cat.png")
    ] * 2
    assert (message["chat_type"], message["extra"]) == ("image_edit", {"meta": {"subChatType": "image_edit"}})
    (image,) = answer.images
    assert url_parts(image.url) == (house.simulator.url, "image_edit")
    assert image.url.partition("?")[0] not in [file["url"].partition("?")[0] for file in files]
    await tidied(house)


@pytest.mark.asyncio
async def test_a_caller_who_leaves_ends_the_turn() -> None:
    async with open_house(Behaviour(pace_s=0.5)) as house:
        call = generating(house)
        await until(lambda: house.simulator.streams)
        call.cancel()
        assert await house.simulator.hang_ups() == 1
        await until(lambda: house.simulator.stops)
        await tidied(house)


@pytest.mark.asyncio
async def test_chats_are_kept_where_the_operator_says_so() -> None:
    async with open_house(qwen_keep_chats=True) as house:
        await generated(house)
    assert [chat.chat_type for chat in house.simulator.chats.values()] == ["t2i"]


@pytest.mark.asyncio
async def test_settings_that_the_site_does_not_have_are_taken_without_effect(house: House) -> None:
    words = {"quality": "high", "style": "vivid", "background": "opaque", "outputFormat": "png", "seed": 5, "user": "u"}
    await generated(house, **words)
    await generated(house)
    with_them, without = sent(house.simulator)
    assert set(with_them) == set(without)
    assert with_them["messages"][0]["extra"] == without["messages"][0]["extra"]
