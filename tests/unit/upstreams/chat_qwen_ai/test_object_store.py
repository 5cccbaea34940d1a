"""How an upload is signed, and which places it may go to."""

from datetime import UTC, datetime

import pytest

from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams.chat_qwen_ai.object_store import Keys, Place, signed_headers

KEYS = Keys("STS.demoAK", "demoSK", "demoToken")
PATH = "00000000-0000-4000-8000-000000000001/11111111-1111-4111-8111-111111111111_cat.png"
GOOD = {
    "bucket": "qwen-webui-prod",
    "region": "oss-ap-southeast-1",
    "endpoint": "oss-accelerate.aliyuncs.com",
    "path": PATH,
}


def test_the_signature_is_that_of_the_known_vector() -> None:
    headers = signed_headers(Place.checked(**GOOD), KEYS, "image/png", datetime(2026, 1, 1, tzinfo=UTC))
    assert headers == {
        "content-type": "image/png",
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "x-oss-date": "20260101T000000Z",
        "x-oss-security-token": "demoToken",
        "Authorization": (
            "OSS4-HMAC-SHA256 Credential=STS.demoAK/20260101/ap-southeast-1/oss/aliyun_v4_request,"
            "Signature=f750e618e002ce3bd4d316e7323e70211d7f8d5caeee5e6fe53fb56770fe2bcc"
        ),
    }


def test_a_place_is_written_with_its_characters_escaped() -> None:
    place = Place.checked(**GOOD | {"path": "u/f_große Katze?#.png", "endpoint": "https://oss-x.aliyuncs.com"})
    assert (place.resource, place.endpoint, place.region) == (
        "/qwen-webui-prod/u/f_gro%C3%9Fe%20Katze%3F%23.png",
        "oss-x.aliyuncs.com",
        "ap-southeast-1",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bucket", ""),
        ("bucket", "evil.test/#"),
        ("bucket", "Upper"),
        ("bucket", "b" * 65),
        ("bucket", "a@b"),
        ("region", "evil.test/#"),
        ("region", "oss ap"),
        ("endpoint", "http://127.0.0.1"),
        ("endpoint", "file:"),
        ("endpoint", "evil.test"),
        ("endpoint", "evil-aliyuncs.com"),
        ("endpoint", "aliyuncs.com.evil.test"),
        ("endpoint", "oss.aliyuncs.com:8080"),
        ("endpoint", "oss.aliyuncs.com/x"),
        ("endpoint", "user@oss.aliyuncs.com"),
        ("path", ""),
        ("path", "/u/f"),
        ("path", "u/../../f"),
        ("path", "u/f\r\nx: y"),
    ],
)
def test_a_place_outside_of_the_store_is_none(name: str, value: str) -> None:
    with pytest.raises(UpstreamProtocol):
        Place.checked(**GOOD | {name: value})


def test_keys_do_not_give_themselves_away() -> None:
    assert repr(KEYS) == "Keys(access_key_id='STS.demoAK')"
