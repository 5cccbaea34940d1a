"""What a data URL holds."""

import pytest

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.data_urls import decode_data_url


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/png;base64,aGk=", ("image/png", b"hi")),
        ("data:image/png;base64,aG\nk=", ("image/png", b"hi")),
        ("DATA:Image/PNG;charset=x;BASE64,aGk=", ("image/png", b"hi")),
        ("data:text/plain,a%20b%2Cc", ("text/plain", b"a b,c")),
        ("data:,", ("", b"")),
    ],
)
def test_a_data_url_is_its_own_content(url: str, found: tuple[str, bytes]) -> None:
    assert decode_data_url(url) == found


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,a", "data:image/png;base64,%%"])
def test_a_data_url_that_does_not_decode_is_told(url: str) -> None:
    with pytest.raises(InvalidParameter, match="expected"):
        decode_data_url(url)
