"""What is sent for a scene: the body for each family, and what is refused before anything is sent."""

from typing import Any

import pytest

from qwen_grpc.errors import InvalidParameter, QwenError, Unsupported
from qwen_grpc.upstreams.base import Attachment, Scene
from qwen_grpc.upstreams.dashscope import image_requests, video_requests
from qwen_grpc.upstreams.dashscope.extras import EXTRAS
from qwen_grpc.upstreams.dashscope.image_models import IMAGE_MODELS, image_model
from qwen_grpc.upstreams.dashscope.video_models import VIDEO_MODELS, video_model

CAT, DOG = "https://example.org/cat.png", "oss://dashscope-instant/dog.png"
SAY = "a fox"


def pictures(*urls: str, kind: str = "image") -> list[Attachment]:
    return [Attachment("", kind, url, "", "", 0) for url in urls]


def drawn(model: str, *urls: str, **scene: Any) -> tuple[dict[str, Any], list[str]]:
    asked = Scene(SAY, images=pictures(*urls), **scene)
    row = image_model(model)
    image_requests.check_scene(asked, row)
    return image_requests.encode_images(asked, row, model, urls)


def filmed(model: str, *urls: str, **scene: Any) -> tuple[dict[str, Any], list[str]]:
    asked = Scene(SAY, images=pictures(*urls), **scene)
    row = video_model(model)
    video_requests.check_scene(asked, row)
    return video_requests.encode_video(asked, row, model, urls)


def message(*content: dict[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


@pytest.mark.parametrize(
    ("model", "urls", "scene", "given", "parameters"),
    [
        (
            "qwen-image-2.0-2026-03-03",
            (),
            {"size": "1024x1024", "count": 3, "seed": 7, "extra": {"negative_prompt": "snow", "watermark": True}},
            message({"text": SAY}),
            {"negative_prompt": "snow", "watermark": True, "size": "1024*1024", "n": 3, "seed": 7},
        ),
        (
            "wan2.7-image",
            (CAT, DOG),
            {"extra": {"thinking_mode": False}},
            message({"image": CAT}, {"image": DOG}, {"text": SAY}),
            {"thinking_mode": False, "n": 1},
        ),
        ("z-image-turbo", (), {"extra": {"prompt_extend": True}}, message({"text": SAY}), {"prompt_extend": True}),
        (
            "wan2.5-t2i-preview",
            (),
            {"count": 2, "extra": {"negative_prompt": "snow"}},
            {"prompt": SAY, "negative_prompt": "snow"},
            {"n": 2},
        ),
        ("wan2.5-i2i-preview", (CAT,), {}, {"prompt": SAY, "images": [CAT]}, {"n": 1}),
        (
            "wanx2.1-imageedit",
            (CAT,),
            {"extra": {"strength": 1}},
            {"function": "description_edit", "prompt": SAY, "base_image_url": CAT},
            {"n": 1, "strength": 1},
        ),
        (
            "wanx2.1-imageedit",
            (CAT,),
            {"extra": {"function": "description_edit_with_mask", "mask_image_url": DOG}},
            {"function": "description_edit_with_mask", "prompt": SAY, "base_image_url": CAT, "mask_image_url": DOG},
            {"n": 1},
        ),
        (
            "qwen-mt-image",
            (CAT,),
            {"seed": 1, "extra": {"source_lang": "zh", "target_lang": "en"}},
            {"image_url": CAT, "source_lang": "zh", "target_lang": "en"},
            {},
        ),
    ],
)
def test_a_picture_is_asked_for_in_the_form_of_its_family(
    model: str, urls: tuple[str, ...], scene: dict[str, Any], given: Any, parameters: Any
) -> None:
    assert drawn(model, *urls, **scene) == ({"model": model, "input": given, "parameters": parameters}, [])


@pytest.mark.parametrize(
    ("model", "urls", "scene", "given", "parameters"),
    [
        (
            "wan2.7-t2v",
            (),
            {"size": "1280x720", "seconds": 10.0, "seed": 7, "extra": {"negative_prompt": "snow", "audio_url": CAT}},
            {"prompt": SAY, "negative_prompt": "snow", "audio_url": CAT},
            {"resolution": "720P", "ratio": "16:9", "duration": 10, "seed": 7},
        ),
        ("wan2.7-t2v", (), {"extra": {"resolution": "720P"}}, {"prompt": SAY}, {"resolution": "720P"}),
        (
            "wan2.7-i2v",
            (CAT, DOG),
            {},
            {"prompt": SAY, "media": [{"type": "first_frame", "url": CAT}, {"type": "last_frame", "url": DOG}]},
            {},
        ),
        (
            "wan2.7-i2v",
            (CAT,),
            {"extra": {"media": [{"type": "driving_audio", "url": DOG}]}},
            {"prompt": SAY, "media": [{"type": "first_frame", "url": CAT}, {"type": "driving_audio", "url": DOG}]},
            {},
        ),
        (
            "wan2.7-r2v",
            (),
            {"extra": {"media": [{"type": "reference_video", "url": CAT, "reference_voice": DOG}]}},
            {"prompt": SAY, "media": [{"type": "reference_video", "url": CAT, "reference_voice": DOG}]},
            {},
        ),
        ("wan3.0-video", (), {"extra": {"audio": False}}, {"prompt": SAY}, {"audio": False}),
        (
            "wan3.0-video",
            (CAT, DOG, CAT),
            {},
            {"prompt": SAY, "media": [{"type": "reference_image", "url": url} for url in (CAT, DOG, CAT)]},
            {},
        ),
        ("happyhorse-1.1-i2v", (CAT,), {}, {"prompt": SAY, "media": [{"type": "first_frame", "url": CAT}]}, {}),
        (
            "wan2.6-i2v-flash",
            (CAT,),
            {"size": "720P", "extra": {"audio": False, "shot_type": "multi"}},
            {"prompt": SAY, "img_url": CAT},
            {"resolution": "720P", "audio": False, "shot_type": "multi"},
        ),
        ("wan2.6-r2v", (CAT, DOG), {}, {"prompt": SAY, "reference_urls": [CAT, DOG]}, {}),
        (
            "wan2.2-kf2v-flash",
            (CAT, DOG),
            {"seconds": 5.0},
            {"prompt": SAY, "first_frame_url": CAT, "last_frame_url": DOG},
            {"duration": 5},
        ),
        (
            "wan2.2-s2v",
            (CAT,),
            {"extra": {"audio_url": DOG}},
            {"prompt": SAY, "image_url": CAT, "audio_url": DOG},
            {},
        ),
        (
            "wan2.2-animate-mix",
            (CAT,),
            {"extra": {"video_url": DOG, "mode": "wan-std"}},
            {"prompt": SAY, "image_url": CAT, "video_url": DOG},
            {"mode": "wan-std"},
        ),
    ],
)
def test_a_clip_is_asked_for_in_the_form_of_its_family(
    model: str, urls: tuple[str, ...], scene: dict[str, Any], given: Any, parameters: Any
) -> None:
    assert filmed(model, *urls, **scene) == ({"model": model, "input": given, "parameters": parameters}, [])


def test_members_that_a_model_does_not_take_are_named_and_not_sent() -> None:
    body, unsent = drawn("wan2.7-image", extra={"moderation": "auto", "negative_prompt": "snow"})
    assert (body["parameters"], unsent) == ({"n": 1}, ["moderation", "negative_prompt"])


@pytest.mark.parametrize(
    ("model", "urls", "scene", "kind", "says"),
    [
        ("qwen-image-2.0", (CAT,) * 4, {}, InvalidParameter, "4 pictures were sent: this model takes 0 to 3"),
        ("wan2.6-image", (), {}, InvalidParameter, "0 pictures were sent: this model takes 1 to 4"),
        ("wanx2.1-imageedit", (), {}, InvalidParameter, "0 pictures were sent: this model takes 1"),
        ("z-image-turbo", (), {"count": 2}, Unsupported, "n is 2: this model makes 1 at once"),
        ("qwen-image-2.0", (), {"extra": {"watermark": 1}}, InvalidParameter, "watermark is not true or false"),
        ("qwen-image-2.0", (), {"extra": {"negative_prompt": 1}}, InvalidParameter, "negative_prompt is not a text"),
        ("wanx2.1-imageedit", (CAT,), {"extra": {"strength": True}}, InvalidParameter, "strength is not a number"),
        (
            "wanx2.1-imageedit",
            (CAT,),
            {"extra": {"mask_image_url": "file:///etc/passwd"}},
            InvalidParameter,
            "mask_image_url is not an address (http, https or oss) or a data URL",
        ),
        ("qwen-mt-image", (CAT,), {}, InvalidParameter, "source_lang is missing: this model needs a text"),
    ],
)
def test_what_is_wrong_with_a_picture_is_said(
    model: str, urls: tuple[str, ...], scene: dict[str, Any], kind: type[QwenError], says: str
) -> None:
    with pytest.raises(kind) as failure:
        drawn(model, *urls, **scene)
    assert failure.value.message == says


@pytest.mark.parametrize(
    ("model", "urls", "extra", "field"),
    [
        ("wan2.7-t2v", (CAT,), {}, "images"),
        ("wan2.7-i2v", (), {}, "images"),
        ("wan2.7-i2v", (CAT, CAT, CAT), {}, "images"),
        ("wan2.2-s2v", (CAT,), {}, "audio_url"),
        ("wan2.7-videoedit", (), {}, "media"),
        ("wan2.7-i2v", (CAT,), {"media": [{"type": "reference_image", "url": DOG}]}, "media[1]"),
        ("wan2.7-i2v", (CAT,), {"media": ["dog"]}, "media[1]"),
        ("wan2.7-i2v", (CAT,), {"media": [{"type": "driving_audio"}]}, "media[1].url"),
        ("wan2.7-t2v", (), {"resolution": "480P"}, "resolution"),
        ("wan2.7-t2v", (), {"ratio": "2:1"}, "ratio"),
        ("wan2.6-t2v", (), {"shot_type": "many"}, "shot_type"),
    ],
)
def test_what_is_wrong_with_a_clip_is_said_with_its_field(
    model: str, urls: tuple[str, ...], extra: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidParameter) as failure:
        filmed(model, *urls, extra=extra)
    assert failure.value.field == field


def test_a_clip_begins_with_pictures_only() -> None:
    with pytest.raises(InvalidParameter, match="kind video, and a picture is expected"):
        video_requests.check_scene(Scene(SAY, images=pictures(CAT, kind="video")), video_model("wan2.7-i2v"))


@pytest.mark.parametrize("find", [image_model, video_model])
def test_a_model_that_is_in_no_table_is_unsupported(find: Any) -> None:
    with pytest.raises(Unsupported, match="'qwen-max' makes no"):
        find("qwen-max")


def test_dated_and_regional_names_stand_for_the_plain_one() -> None:
    assert image_model("qwen-image-2.0-pro-2026-04-22") is IMAGE_MODELS["qwen-image-2.0-pro"]
    assert video_model("wan2.6-t2v-us") is VIDEO_MODELS["wan2.6-t2v"]


def test_every_extra_that_a_model_takes_is_described() -> None:
    named = {name for row in IMAGE_MODELS.values() for name in (*row.extras, *row.needs)}
    named |= {name for clip in VIDEO_MODELS.values() for name in (*clip.extras, *clip.needs, *clip.shape.members)}
    assert named == set(EXTRAS)
