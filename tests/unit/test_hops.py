"""The header that tells which gateways a call has passed."""

from qwen_grpc.errors import LoopDetected
from qwen_grpc.hops import Hops

A, B = "1.1 qwen-grpc-00000000000000aa", "1.1 qwen-grpc-00000000000000bb"


def test_a_call_that_was_here_before_is_a_loop() -> None:
    hops = Hops()
    assert isinstance(hops.loop(hops.onward()["via"]), LoopDetected)
    assert Hops().loop(hops.onward()["via"]) is None


def test_a_second_gateway_is_served_and_a_third_one_is_not() -> None:
    assert Hops().loop("") is None
    assert Hops().loop(A) is None
    assert isinstance(Hops().loop(f"{A}, {B}"), LoopDetected)


def test_proxies_on_the_way_are_no_gateways() -> None:
    assert Hops().loop("1.1 nginx, 1.1 varnish (qwen-grpc), 2 envoy, 1.1 qwen-grpc-short") is None
    assert Hops().loop(b"\xff") is None


def test_every_gateway_has_a_name_of_its_own() -> None:
    assert len({Hops().onward()["via"] for _ in range(100)}) == 100
