import time
from pathlib import Path

import pytest
from authority import Authority

from qwen_grpc.cli.validity import NotValid, ends_at

DAY_S = 86_400


def test_the_end_of_a_certificate_is_known_whoever_signed_it(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server", days=30)
    ends = ends_at(str(pair.certificate), str(pair.key))
    assert 30 * DAY_S - 120 < ends - time.time() <= 30 * DAY_S


def test_a_certificate_that_has_ended_is_not_valid(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server", days=-1)
    with pytest.raises(NotValid, match=r"\Acertificate has expired\Z"):
        ends_at(str(pair.certificate), str(pair.key))
