"""What the process has in hand, and when it takes on no more."""

import asyncio
import time
from pathlib import Path

import pytest

from qwen_grpc.errors import Overloaded
from qwen_grpc.memory import limit_bytes, resident_bytes
from qwen_grpc.pressure import BACK_S, Caps, Pressure, Shortage, soon

CAPS = Caps(calls=2, request_bytes=100, rss_bytes=1000, lag_s=0.25)
SERVICES = ("ChatService", "EmbeddingsService", "ImagesService", "VideosService", "ModelsService", "ChatsService")


def refused(pressure: Pressure) -> list[str]:
    """The services whose calls are refused just now."""
    return [service for service in SERVICES if pressure.shortage(service)]


# -- calls and bytes ----------------------------------------------------------------------------------------------


def test_one_call_more_than_may_be_is_refused_and_counted_and_the_next_one_may_begin() -> None:
    pressure = Pressure(CAPS)
    pressure.begin()
    pressure.begin()
    assert pressure.shortage("ChatService") is Shortage.CALLS
    with pytest.raises(Overloaded, match="serves 2 calls at once"):
        pressure.begin()
    pressure.end()
    assert pressure.shortage("ChatService") is None
    pressure.end()
    assert (pressure.calls, pressure.refused["calls"], pressure.shortage("ChatService")) == (0, 1, None)


def test_bytes_that_are_in_hand_leave_less_room_until_they_are_given_back() -> None:
    pressure = Pressure(CAPS)
    assert [pressure.take(60), pressure.take(41), pressure.take(40)] == [None, Shortage.BYTES, None]
    assert pressure.shortage("ChatService") is Shortage.BYTES
    pressure.give(60)
    assert (pressure.inflight_bytes, pressure.shortage("ChatService")) == (40, None)


def test_a_request_that_is_larger_than_the_whole_budget_is_served_when_it_is_alone() -> None:
    pressure = Pressure(CAPS)
    assert [pressure.take(101), pressure.take(1)] == [None, Shortage.BYTES]


def test_refused_callers_come_back_at_different_times_within_five_seconds() -> None:
    delays = {soon() for _ in range(100)}
    assert len(delays) > 90
    assert BACK_S == (1.0, 5.0)
    assert all(1.0 <= delay <= 5.0 for delay in delays)


# -- lag and memory -----------------------------------------------------------------------------------------------


def test_a_loop_that_stays_late_refuses_lists_first_then_media_then_chat_and_all_come_back_at_once() -> None:
    pressure = Pressure(CAPS)
    seen = []
    for now, lag_s in ((0.0, 0.3), (0.4, 0.3), (0.5, 0.3), (1.0, 0.3), (1.9, 0.3), (2.0, 0.3), (2.5, 0.2)):
        pressure.look(now, lag_s, 0)
        seen.append(refused(pressure))

    others, media = (
        ["ModelsService", "ChatsService"],
        ["ImagesService", "VideosService", "ModelsService", "ChatsService"],
    )
    assert seen == [[], [], others, media, media, list(SERVICES), []]


def test_one_long_block_of_the_loop_refuses_nobody() -> None:
    pressure = Pressure(CAPS)
    pressure.look(0.0, 0.0, 0)
    pressure.look(3.25, 3.0, 0)
    assert refused(pressure) == []


def test_a_loop_that_is_late_now_and_then_refuses_nobody() -> None:
    pressure = Pressure(CAPS)
    for moment in range(20):
        pressure.look(float(moment), 0.3 if moment % 2 else 0.1, 0)
        assert refused(pressure) == []


def test_memory_over_its_limit_refuses_all_until_it_is_below_again() -> None:
    pressure = Pressure(CAPS)
    pressure.look(0.0, 0.0, 1001)
    assert {pressure.shortage(service) for service in SERVICES} == {Shortage.MEMORY}
    assert "short of memory" in pressure.refusal(Shortage.MEMORY).message
    pressure.look(0.25, 0.0, 1000)
    assert refused(pressure) == []


def test_without_limits_neither_memory_nor_lag_refuses_anybody() -> None:
    pressure = Pressure(Caps(calls=1, request_bytes=1))
    for moment in range(10):
        pressure.look(float(moment), 100.0, 1 << 50)
    assert refused(pressure) == []


@pytest.mark.asyncio
async def test_the_watch_measures_how_late_the_loop_is_and_how_much_memory_is_held() -> None:
    pressure = Pressure(CAPS)
    with pressure.watched():
        async with asyncio.timeout(10):
            while pressure.lag_s < 0.2:
                time.sleep(0.5)  # noqa: ASYNC251  # the loop is held up on purpose
                await asyncio.sleep(0)
    assert pressure.rss_bytes == pytest.approx(resident_bytes(), rel=0.5)


# -- the limit of the memory --------------------------------------------------------------------------------------


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_memory_limit_is_the_least_of_all_groups_around_the_process(tmp_path: Path) -> None:
    files = {"own": "0::/a/b\n", "root__a__b__memory_DOT_max": "max\n", "root__a__memory_DOT_max": "5000\n"}
    folder = written(tmp_path, **files)
    assert limit_bytes(folder / "root", folder / "own") == 5000


def test_the_memory_limit_is_found_in_the_older_form_of_control_groups_too(tmp_path: Path) -> None:
    files = {
        "own": "5:cpu:/x\n4:memory:/a\n",
        "root__memory__a__memory_DOT_limit_in_bytes": "7000\n",
        "root__memory__memory_DOT_limit_in_bytes": "9223372036854771712\n",
    }
    folder = written(tmp_path, **files)
    assert limit_bytes(folder / "root", folder / "own") == 7000


def test_a_machine_without_control_groups_sets_no_limit(tmp_path: Path) -> None:
    assert limit_bytes(tmp_path / "root", tmp_path / "own") is None
