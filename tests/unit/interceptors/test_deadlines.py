"""How long a call may take: by its client, and by the gateway. In a loop that never waits."""

import asyncio
from typing import Any

import pytest
from clockwork import run, turns

from qwen_grpc.calls import Call
from qwen_grpc.errors import ClientDeadline, ClientTooSlow, QwenError, TotalTimeout
from qwen_grpc.interceptors.limits import Deadline, Totals


class Context:
    """As much of a call's context as the scope asks."""

    def __init__(self, remaining: float | None) -> None:
        self._remaining = remaining
        self.given_up_s = 0.0

    def time_remaining(self) -> float | None:
        return self._remaining


def call(remaining: float | None = None, *, method: str = "ChatService/StreamChat") -> Any:
    return Call(f"/qwen.v1.{method}", Context(remaining), {}, "r1", streams=True)  # type: ignore[arg-type]


DEADLINE = Deadline(Totals(usual_s=600.0, long_s=3600.0))


async def took(remaining: float | None, method: str = "ChatService/StreamChat") -> tuple[float, QwenError]:
    """When a call that does not end by itself is ended, and how."""
    started = asyncio.get_running_loop().time()
    with pytest.raises(QwenError) as caught:
        async with DEADLINE(call(remaining, method=method)):
            await asyncio.Event().wait()
    return asyncio.get_running_loop().time() - started, caught.value


@pytest.mark.parametrize(
    ("method", "remaining", "seconds"),
    [
        ("ChatService/StreamChat", None, 600.0),
        ("ChatService/CompleteChat", 10_000.0, 600.0),
        ("ModelsService/ListModels", None, 600.0),
        ("ImagesService/GenerateImages", None, 3600.0),
        ("VideosService/DownloadVideo", 10_000.0, 3600.0),
        ("FilesService/UploadFile", None, 3600.0),
    ],
)
def test_no_call_takes_longer_than_a_call_may(method: str, remaining: float | None, seconds: float) -> None:
    passed, error = run(took(remaining, method))
    assert (passed, type(error)) == (seconds, TotalTimeout)
    assert error.message == f"the call was not complete after {seconds:g} s, as long as one may take here"


def test_a_call_with_a_deadline_ends_a_little_earlier_with_a_reason() -> None:
    passed, error = run(took(5.0))
    assert (round(passed, 6), type(error)) == (4.95, ClientDeadline)


@pytest.mark.parametrize("remaining", [0.0, 0.05])
def test_a_call_whose_deadline_has_passed_is_not_begun(remaining: float) -> None:
    async def begun() -> None:
        async with DEADLINE(call(remaining)):
            raise AssertionError("it was begun")

    with pytest.raises(ClientDeadline, match="nothing was asked upstream$"):
        run(begun())


@pytest.mark.parametrize(("remaining", "seconds", "kind"), [(None, 3600, TotalTimeout), (900.05, 900, ClientDeadline)])
def test_long_work_gets_more_time_and_no_more_than_its_client_allows(
    remaining: float | None, seconds: float, kind: type[QwenError]
) -> None:
    async def long() -> tuple[float, QwenError]:
        started = asyncio.get_running_loop().time()
        with pytest.raises(QwenError) as caught:
            await waiting(call(remaining), prolonged=True)
        return asyncio.get_running_loop().time() - started, caught.value

    passed, error = run(long())
    assert (round(passed, 6), type(error)) == (seconds, kind)


def test_after_its_end_a_call_is_not_prolonged() -> None:
    one = call()

    async def short() -> None:
        async with DEADLINE(one):
            assert one.prolong is not None

    run(short())
    assert one.prolong is None


def test_another_timeout_is_not_taken_for_the_deadline() -> None:
    async def failing() -> None:
        async with DEADLINE(call()):
            raise TimeoutError("of something else")

    with pytest.raises(TimeoutError, match="^of something else$"):
        run(failing())


def test_a_client_that_leaves_is_no_slow_one() -> None:
    async def left() -> None:
        running = asyncio.ensure_future(took(None))
        await turns()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(left())


def test_a_client_that_does_not_read_is_told_so() -> None:
    one = call()

    async def given_up() -> None:
        running = asyncio.ensure_future(waiting(one))
        await turns()
        one.context.given_up_s = 30.0
        running.cancel()
        with pytest.raises(ClientTooSlow, match="^the client took nothing of the answer for 30 s; "):
            await running
        assert running.cancelling() == 0

    run(given_up())


async def waiting(one: Call, *, prolonged: bool = False) -> None:
    async with DEADLINE(one):
        if prolonged:
            await asyncio.sleep(100)
            assert one.prolong is not None
            one.prolong()
        await asyncio.Event().wait()
