"""How often tasks are looked at."""

from itertools import islice

from qwen_grpc.upstreams.dashscope.tasks import Pace


def test_the_pauses_between_looks_grow_up_to_a_longest_one() -> None:
    assert list(islice(Pace().pauses(), 8)) == [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 8.0, 8.0]
