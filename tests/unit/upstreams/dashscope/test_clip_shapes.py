"""Sizes and lengths of clips: what callers write, and what each model is sent."""

import pytest

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.dashscope.clip_shapes import FRAMES, OTHERS, Resolutions
from qwen_grpc.upstreams.dashscope.sizes import Frame
from qwen_grpc.upstreams.dashscope.video_models import VIDEO_MODELS, lengths


@pytest.mark.parametrize(
    ("model", "size", "sent"),
    [
        ("wan2.7-t2v", "", {}),
        ("wan2.7-t2v", "auto", {}),
        ("wan2.7-t2v", "720p", {"resolution": "720P"}),
        ("wan2.7-t2v", "9:16", {"ratio": "9:16"}),
        ("wan2.7-t2v", "1280x720", {"resolution": "720P", "ratio": "16:9"}),
        ("wan2.7-t2v", "1088x832", {"resolution": "720P", "ratio": "4:3"}),
        ("wan2.7-t2v", "1104x832", {"resolution": "720P", "ratio": "4:3"}),
        ("wan2.7-t2v", "1248x1648", {"resolution": "1080P", "ratio": "3:4"}),
        ("wan3.0-video", "adaptive", {"ratio": "adaptive"}),
        ("wan3.0-video", "832x480", {"resolution": "480P", "ratio": "16:9"}),
        ("happyhorse-1.0-t2v", "21:9", {"ratio": "21:9"}),
        # The picture decides on the ratio, whatever the frame size says.
        ("wan2.7-i2v", "1280x720", {"resolution": "720P"}),
        ("wan2.6-i2v", "1080P", {"resolution": "1080P"}),
        ("wan2.6-t2v", "", {}),
        ("wan2.6-t2v", "1280x720", {"size": "1280*720"}),
        ("wan2.6-t2v", "1080P", {"size": "1920*1080"}),
        ("wan2.6-t2v", "16:9", {"size": "1920*1080"}),
        ("wan2.5-t2v-preview", "1:1", {"size": "1440*1440"}),
        ("wan2.2-animate-mix", "", {}),
    ],
)
def test_a_size_is_told_the_way_the_model_wants_it(model: str, size: str, sent: dict[str, str]) -> None:
    assert VIDEO_MODELS[model].shape.fit(size) == sent


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("wan2.7-t2v", "480P"),
        ("wan2.7-t2v", "832x480"),
        ("wan2.7-t2v", "21:9"),
        ("wan2.7-t2v", "1792x1024"),
        ("wan2.7-i2v", "16:9"),
        ("wan2.7-i2v", "large"),
        ("wan2.6-t2v", "480P"),
        ("wan2.2-t2v-plus", "1280x720"),
        ("wan2.2-animate-mix", "720P"),
    ],
)
def test_an_impossible_size_is_refused_with_what_is_possible(model: str, size: str) -> None:
    shape = VIDEO_MODELS[model].shape
    with pytest.raises(InvalidParameter) as failure:
        shape.fit(size)
    assert (failure.value.field, failure.value.message) == ("size", f"size is {size!r}: this model takes {shape}")


def test_every_size_that_is_made_can_be_asked_for_by_its_pixels() -> None:
    shape = Resolutions(tuple(FRAMES), ("16:9", "9:16", "1:1", "4:3", "3:4"))
    meant = {str(frame): {"resolution": name, "ratio": ratio} for frame, (name, ratio) in OTHERS.items()}
    for name, frames in FRAMES.items():
        meant |= {str(frame): {"resolution": name, "ratio": ratio} for ratio, frame in frames.items()}
    assert {size: shape.fit(size) for size in meant} == meant
    assert Frame(1280, 720) in FRAMES["720P"].values()


@pytest.mark.parametrize(
    ("model", "seconds", "sent"),
    [
        ("wan2.7-t2v", None, None),
        ("wan2.7-t2v", 2.0, 2),
        ("wan2.7-t2v", 15.0, 15),
        ("wan3.0-video", 30.0, 30),
        ("wan2.5-t2v-preview", 10.0, 10),
        ("wan2.2-animate-mix", None, None),
    ],
)
def test_a_length_is_sent_as_a_whole_number(model: str, seconds: float | None, sent: int | None) -> None:
    assert VIDEO_MODELS[model].duration(seconds) == sent


@pytest.mark.parametrize(
    ("model", "seconds", "says"),
    [
        ("wan2.7-t2v", 1.0, "seconds is 1: this model makes 2 to 15 seconds"),
        ("wan2.7-t2v", 16.0, "seconds is 16: this model makes 2 to 15 seconds"),
        ("wan2.7-t2v", 2.5, "seconds is 2.5: this model makes 2 to 15 seconds"),
        ("wan2.5-t2v-preview", 7.0, "seconds is 7: this model makes 5 or 10 seconds"),
        ("wan2.2-i2v-plus", 4.0, "seconds is 4: this model makes 5 seconds"),
        ("wan2.2-animate-mix", 5.0, "seconds is 5: this model makes clips whose length cannot be chosen"),
    ],
)
def test_another_length_is_refused_with_those_there_are(model: str, seconds: float, says: str) -> None:
    with pytest.raises(InvalidParameter) as failure:
        VIDEO_MODELS[model].duration(seconds)
    assert (failure.value.field, failure.value.message) == ("seconds", says)


@pytest.mark.parametrize(("seconds", "words"), [((5,), "5 seconds"), ((3, 4, 5), "3 or 4 or 5 seconds")])
def test_few_lengths_are_told_one_by_one(seconds: tuple[int, ...], words: str) -> None:
    assert lengths(seconds) == words
