"""Sizes: what callers write, and the ratio that the site makes."""

import pytest

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.chat_qwen_ai.sizes import ratio_of


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("16:9", "16:9"),
        ("9:16", "9:16"),
        ("1:1", "1:1"),
        ("3:4", "3:4"),
        ("4:3", "4:3"),
        ("1280x720", "16:9"),
        ("720x1280", "9:16"),
        ("1792x1024", "16:9"),
        ("1024x1792", "9:16"),
        ("1024x1024", "1:1"),
        ("1536x1024", "4:3"),
        ("1024x1536", "3:4"),
        ("", "16:9"),
        ("auto", "16:9"),
    ],
)
def test_a_size_means_a_ratio(size: str, ratio: str) -> None:
    assert ratio_of(size, "16:9") == ratio


@pytest.mark.parametrize("size", ["2:1", "1920x1080", "16 : 9", "x", "9" * 200])
def test_another_size_is_refused_with_the_choices(size: str) -> None:
    with pytest.raises(InvalidParameter) as failure:
        ratio_of(size, "1:1")
    assert failure.value.field == "size"
    assert failure.value.message == (
        f"size is {size[:40]!r}: chat.qwen.ai makes 1:1, 3:4, 4:3, 16:9, 9:16, 1024x1024, 1536x1024, 1024x1536, "
        "1280x720, 720x1280, 1792x1024, 1024x1792"
    )
