"""Hosts: regions, plans, paths, and the headers of a call."""

import pytest

from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey, WebSession
from qwen_grpc.errors import TokenMalformed
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin, Place, place_of

COMPATIBLE = "/compatible-mode/v1"


def origin(**config: object) -> DashScopeOrigin:
    return DashScopeOrigin(UpstreamConfig.model_validate({"kind": "dashscope", **config}), Clocks(headers_s=10))


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("dashscope.aliyuncs.com", Place("cn-beijing")),
        ("dashscope-intl.aliyuncs.com", Place("ap-southeast-1")),
        ("dashscope-us.aliyuncs.com", Place("us-east-1")),
        ("cn-hongkong.dashscope.aliyuncs.com", Place("cn-hongkong")),
        ("ws-1a2b.eu-central-1.maas.aliyuncs.com", Place("eu-central-1")),
        ("WS-1A2B.AP-SOUTHEAST-1.MAAS.ALIYUNCS.COM", Place("ap-southeast-1")),
        ("coding.dashscope.aliyuncs.com", Place("cn-beijing", "Coding Plan", "/v1", native=False)),
        ("coding-intl.dashscope.aliyuncs.com", Place("ap-southeast-1", "Coding Plan", "/v1", native=False)),
        ("token-plan.cn-beijing.maas.aliyuncs.com", Place("cn-beijing", "Token Plan", COMPATIBLE, native=False)),
        ("batch.dashscope.aliyuncs.com", Place("cn-beijing", "batch", COMPATIBLE, native=False)),
        ("127.0.0.1", Place("")),
        ("dashscope.aliyuncs.com.example.org", Place("")),
    ],
)
def test_a_host_serves_a_region_and_a_plan(host: str, place: Place) -> None:
    assert place_of(host) == place


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        ("", "https://dashscope-intl.aliyuncs.com"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "https://dashscope.aliyuncs.com"),
        ("https://dashscope.aliyuncs.com/api/v1/", "https://dashscope.aliyuncs.com"),
        ("http://127.0.0.1:9100", "http://127.0.0.1:9100"),
    ],
)
def test_only_the_origin_of_the_address_counts(given: str, base_url: str) -> None:
    assert origin(base_url=given).base_url == base_url


def test_the_headers_say_the_key_the_workspace_and_the_patience() -> None:
    key = ApiKey("sk-test-key")
    assert origin().headers(key) == {"authorization": "Bearer sk-test-key", "x-dashscope-wait-timeout": "30"}
    assert origin(workspace="ws-1", wait_timeout=0).headers(key) == {
        "authorization": "Bearer sk-test-key",
        "x-dashscope-workspace": "ws-1",
    }


def test_the_clock_for_headers_allows_for_the_patience() -> None:
    assert [origin(wait_timeout=wait).clocks.headers_s for wait in (0, 30)] == [10, 40]


def test_a_web_session_is_not_sent() -> None:
    with pytest.raises(TokenMalformed):
        origin().headers(WebSession(token="secret"))
