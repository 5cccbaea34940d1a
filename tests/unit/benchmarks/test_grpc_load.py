import time
from collections.abc import Sequence

import pytest

from benchmarks.grpc_load import Account, Answer, result, spread
from benchmarks.loads import Load
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, ChatDelta, StreamChatResponse

FOUR = Load("four deltas", clients=1, seconds=0, deltas=4, pause_us=1)


def message(*numbers: int, late_ns: int = 0, more: str = "") -> StreamChatResponse:
    stamps = [f"w{number}@{time.monotonic_ns() - late_ns} " for number in numbers]
    return StreamChatResponse(deltas=[ChatDelta(content=stamp + more) for stamp in stamps])


END = StreamChatResponse(deltas=[ChatDelta(finish_reason=FINISH_REASON_STOP)])


def seen(*messages: StreamChatResponse) -> dict[str, object]:
    account = Account()
    answer = Answer(FOUR, account)
    for one in messages:
        answer.take(one)
    answer.end()
    return result(FOUR, account)


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ((0, 1, 2, 3), (0, 0, 0)),
        ((0, 1, 3), (1, 0, 0)),
        ((0, 1, 1, 2, 3), (0, 1, 0)),
        ((0, 2, 1, 3), (0, 0, 1)),
        ((0, 3, 3, 1), (1, 1, 1)),
    ],
)
def test_deltas_that_are_not_as_sent_are_found(numbers: Sequence[int], found: tuple[int, int, int]) -> None:
    told = seen(message(*numbers), END)
    assert tuple(told[name] for name in ("lost", "doubled", "out_of_order")) == found
    assert told["complete"] == (not any(found))
    assert (told["errors"] == 0) == (found[0] == 0)


def test_an_answer_without_a_finish_is_an_error() -> None:
    assert seen(message(0, 1), message(2, 3))["first_error"] == "an answer came with 0 deltas lost, finished: False"


def test_text_that_is_no_delta_is_an_error() -> None:
    told = seen(message(0, 1, 2), message(3, more="more"), END)
    assert (told["errors"], told["complete"]) == (1, 0)


def test_late_deltas_and_messages_are_counted() -> None:
    told = seen(message(0, 1, late_ns=10**10), message(2, 3), END)
    assert (told["messages"], told["early_steps"]) == (3, 1)


def test_a_spread_is_the_median_the_99th_percentile_and_the_longest_in_milliseconds() -> None:
    assert spread([ms * 1_000_000 for ms in range(200)]) == [100.0, 198.0, 199.0]
    assert spread([]) is None
