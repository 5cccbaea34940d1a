"""Which addresses count as DashScope's own, and how they are read."""

import pytest

from qwen_grpc.upstreams.dashscope.hosts import is_own, secured

BASE = "https://dashscope.aliyuncs.com"
RESULT = "dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1/2.mp4?Expires=1&Signature=a%2Bb"


def test_results_are_read_over_tls_though_their_address_says_otherwise() -> None:
    assert secured(f"http://{RESULT}") == f"https://{RESULT}"
    assert is_own(secured(f"http://{RESULT}"), BASE)


@pytest.mark.parametrize("url", [f"https://{RESULT}", "http://127.0.0.1:9/1.mp4", "http://example.org/1.mp4", "x"])
def test_other_addresses_are_left_as_they_are(url: str) -> None:
    assert secured(url) == url


@pytest.mark.parametrize("url", ["http://example.org/1.mp4", f"http://{RESULT}", "https://aliyuncs.com.example.org/"])
def test_nobody_else_is_taken_for_the_service(url: str) -> None:
    assert not is_own(url, BASE)
