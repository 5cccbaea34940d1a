"""Sizes of pictures: what callers write, and what each model is sent."""

import pytest

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.dashscope.image_models import IMAGE_MODELS
from qwen_grpc.upstreams.dashscope.sizes import STEP, AsGiven, Frame, Listed, SizeRule, frame_of

SQUARES = Listed([Frame(1280, 720), Frame(720, 1280), Frame(960, 960)])
RULES = {id_: row.sizes for id_, row in IMAGE_MODELS.items() if row.generates}


@pytest.mark.parametrize("rule", [SQUARES, AsGiven(), *RULES.values()])
@pytest.mark.parametrize("size", ["", "auto"])
def test_no_size_is_left_to_the_model(rule: SizeRule, size: str) -> None:
    assert rule.fit(size) == ""


@pytest.mark.parametrize(
    ("model", "size", "sent"),
    [
        ("qwen-image-2.0", "1024x1024", "1024*1024"),
        ("qwen-image-2.0", "1024*1024", "1024*1024"),
        ("qwen-image-2.0", "1000X999", "1000*999"),
        ("qwen-image-2.0", "512x512", "512*512"),
        ("qwen-image-2.0", "4096x1024", "4096*1024"),
        ("qwen-image-2.0", "1:1", "2048*2048"),
        ("qwen-image-2.0", "3:2", "2496*1664"),
        ("qwen-image-2.0", "2:3", "1664*2496"),
        ("z-image-turbo", "1:1", "1280*1280"),
        ("wan2.7-image", "2k", "2K"),
        ("wan2.7-image-pro", "4K", "4K"),
        ("wan2.7-image-pro", "4096x4096", "4096*4096"),
        ("wan2.6-t2i", "768x2700", "768*2700"),
        ("wan2.6-t2i", "1:4", "640*2560"),
        ("wan2.2-t2i-plus", "1024x512", "1024*512"),
    ],
)
def test_a_size_is_written_the_way_of_the_service(model: str, size: str, sent: str) -> None:
    assert RULES[model].fit(size) == sent


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("qwen-image-2.0", "511x512"),
        ("qwen-image-2.0", "2048x2049"),
        ("qwen-image-2.0", "2K"),
        ("qwen-image-2.0", "0x1024"),
        ("qwen-image-2.0", "1024"),
        ("qwen-image-2.0", "-1:1"),
        ("qwen-image-2.0", "1:0"),
        ("wan2.7-image", "4K"),
        ("wan2.7-image", "9:1"),
        ("wan2.6-t2i", "1024x1024"),
        ("wan2.6-t2i", "600x2800"),
        ("wan2.6-t2i", "5:1"),
        # More than a side may have, though the area is allowed.
        ("wan2.2-t2i-plus", "768x2700"),
        ("wan2.2-t2i-plus", "1:4"),
    ],
)
def test_an_impossible_size_is_refused_with_what_is_possible(model: str, size: str) -> None:
    with pytest.raises(InvalidParameter) as failure:
        RULES[model].fit(size)
    assert failure.value.field == "size"
    assert failure.value.message == f"size is {size!r}: this model takes {RULES[model]}"


@pytest.mark.parametrize("model", RULES)
@pytest.mark.parametrize("ratio", ["1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3"])
def test_a_ratio_becomes_a_legal_size_near_to_it(model: str, ratio: str) -> None:
    frame = frame_of(RULES[model].fit(ratio))
    assert frame
    width, height = map(int, ratio.split(":"))
    assert frame.ratio == pytest.approx(width / height, rel=0.01)
    assert frame.width % STEP == frame.height % STEP == 0
    assert RULES[model].fit(str(frame)) == str(frame)


@pytest.mark.parametrize(("size", "sent"), [("1280x720", "1280*720"), ("16:9", "1280*720"), ("1:1", "960*960")])
def test_of_a_list_the_size_itself_or_the_one_of_the_ratio_is_sent(size: str, sent: str) -> None:
    assert SQUARES.fit(size) == sent


@pytest.mark.parametrize("size", ["1280x721", "4:3", "2:1", "large", "0:1"])
def test_what_is_not_on_the_list_and_near_to_nothing_on_it_is_refused(size: str) -> None:
    with pytest.raises(InvalidParameter, match=r"this model takes 1280\*720, 720\*1280, 960\*960$"):
        SQUARES.fit(size)


def test_where_the_picture_decides_no_size_can_be_chosen() -> None:
    with pytest.raises(InvalidParameter, match="no size, since the result is as large as the picture"):
        AsGiven().fit("1024x1024")


def test_the_largest_size_is_for_words_only() -> None:
    pro = IMAGE_MODELS["wan2.7-image-pro"]
    assert pro.rule(editing=False).fit("4K") == "4K"
    with pytest.raises(InvalidParameter, match="this model takes 1K, 2K or"):
        pro.rule(editing=True).fit("4K")
